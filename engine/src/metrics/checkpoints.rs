//! Series of checkpoints.

use std::time::Duration;

use prometheus::{Histogram, IntGauge};

use super::{Metrics, series::Series};

const BOUNDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

/// The series.
pub(super) struct CheckpointSeries {
    duration: Histogram,
    last: IntGauge,
}

impl CheckpointSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            duration: series.histogram("checkpoint_duration_seconds", "Time a checkpoint took.", BOUNDS)?,
            last: IntGauge::new(
                "checkpoint_last_success_timestamp_seconds",
                "Unix time of the newest checkpoint, or of finding that none was needed.",
            )?,
        })
    }
}

impl Metrics {
    /// `duration` is absent when nothing had changed.
    pub(crate) fn checkpoint_done(&self, duration: Option<Duration>, unix_ms: u64) {
        let CheckpointSeries { duration: durations, last } = &self.checkpoints;
        if let Some(duration) = duration {
            durations.observe(duration.as_secs_f64());
        }
        if last.get() == 0 {
            // A series appears with its first event; the only error is that it is there already.
            let _ = self.registry.register(Box::new(last.clone()));
        }
        last.set((unix_ms / 1000) as i64);
    }
}
