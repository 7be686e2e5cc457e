//! Series of a read replica. Other shards do not have them.

use prometheus::{Gauge, IntCounter, Registry};

use super::Following;

pub(crate) struct FollowSeries {
    lag: Gauge,
    states: IntCounter,
    failures: IntCounter,
}

impl FollowSeries {
    pub(crate) fn new() -> prometheus::Result<Self> {
        Ok(Self {
            lag: Gauge::new(
                "follow_lag_seconds",
                "Time since the beginning of the last look at the followed store that found everything durable.",
            )?,
            states: IntCounter::new(
                "follow_states_total",
                "Newer states of the followed store that were taken on.",
            )?,
            failures: IntCounter::new("follow_failures_total", "Looks at the followed store that failed.")?,
        })
    }

    /// Shows it as it is now.
    pub(crate) fn renew(&self, following: &Following, registry: &Registry) {
        let figures = following.figures();
        self.lag.set(figures.staleness.as_secs_f64());
        for (counter, count) in [(&self.states, figures.states), (&self.failures, figures.failures)] {
            counter.inc_by(count.saturating_sub(counter.get()));
            // The only error is that it is there already.
            let _ = registry.register(Box::new(counter.clone()));
        }
        let _ = registry.register(Box::new(self.lag.clone()));
    }
}
