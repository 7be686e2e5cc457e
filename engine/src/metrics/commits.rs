//! Series of commits: what a write waits for.

use std::time::Duration;

use prometheus::{Histogram, IntGauge, local::LocalHistogram};

use super::{DURATIONS, Metrics, series::Series};

const WRITES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// The series.
pub(super) struct CommitSeries {
    pub(super) group: Histogram,
    waiting: Histogram,
    gathering: Histogram,
    writing: Histogram,
    pub(super) syncing: Histogram,
    answering: Histogram,
    queued: IntGauge,
}

/// What a group took, phase by phase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupTimes {
    /// From its first write until no more were taken in.
    pub(crate) gathering: Duration,
    /// To apply and store its writes, without the log.
    pub(crate) writing: Duration,
    /// For the log and its fsync.
    pub(crate) syncing: Duration,
    /// To hand out what its writes came to.
    pub(crate) answering: Duration,
}

impl CommitSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        let phases = series.histograms(
            "commit_phase_duration_seconds",
            "What commits take: waiting is of each write until its group begins, the others are of each group.",
            DURATIONS,
            &["phase"],
        )?;
        let phase = |name| phases.with_label_values(&[name]);
        Ok(Self {
            group: series.histogram("commit_group_writes", "Writes that shared one commit.", WRITES)?,
            waiting: phase("waiting"),
            gathering: phase("gathering"),
            writing: phase("writing"),
            syncing: phase("syncing"),
            answering: phase("answering"),
            queued: series.gauge("commit_queue_writes", "Writes that are not answered yet.")?,
        })
    }
}

impl Metrics {
    /// How long writes wait: for one thread, which adds what it has seen with [`LocalHistogram::flush`].
    pub(crate) fn writes_waiting(&self) -> LocalHistogram {
        self.commits.waiting.local()
    }

    /// A group of so many writes is stored.
    pub(crate) fn commit_group(&self, writes: usize) {
        self.commits.group.observe(writes as f64);
    }

    /// Its writes are answered as well.
    pub(crate) fn commit_times(&self, times: GroupTimes) {
        let CommitSeries { gathering, writing, syncing, answering, .. } = &self.commits;
        gathering.observe(times.gathering.as_secs_f64());
        writing.observe(times.writing.as_secs_f64());
        syncing.observe(times.syncing.as_secs_f64());
        answering.observe(times.answering.as_secs_f64());
    }

    /// The number of writes that are queued and not answered, for who queues them.
    pub(crate) fn writes_queued(&self) -> IntGauge {
        self.commits.queued.clone()
    }
}
