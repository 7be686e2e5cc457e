//! Series of work on threads of its own.

use prometheus::{IntCounterVec, IntGauge};

use super::{Metrics, Sources, series::Series};

/// The series.
pub(super) struct ThreadSeries {
    computations_running: IntGauge,
    computations_waiting: IntGauge,
    reads_running: IntGauge,
    reads_waiting: IntGauge,
    panics: IntCounterVec,
}

impl ThreadSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            computations_running: series.gauge("computations_running", "Computations on a thread.")?,
            computations_waiting: series
                .gauge("computations_waiting", "Computations that wait for a thread.")?,
            reads_running: series.gauge("reads_running", "Reads of much of a graph on a thread.")?,
            reads_waiting: series
                .gauge("reads_waiting", "Reads of much of a graph that wait for a thread.")?,
            panics: series.counters(
                "periodic_panics_total",
                "Panics of periodic work, which goes on at its next turn.",
                &["work"],
            )?,
        })
    }

    /// Brings them up to date.
    pub(super) fn renew(&self, sources: &Sources<'_>) {
        for (pool, running, waiting) in [
            (sources.compute, &self.computations_running, &self.computations_waiting),
            (sources.reads, &self.reads_running, &self.reads_waiting),
        ] {
            let (now, queued) = pool.load();
            running.set(now as i64);
            waiting.set(queued as i64);
        }
    }
}

impl Metrics {
    /// Periodic work of this name panicked.
    pub(crate) fn periodic_panic(&self, work: &str) {
        self.threads.panics.with_label_values(&[work]).inc();
    }
}
