//! Series of graphs with two owners or none. Shards that know no others never have them.

use prometheus::{IntGauge, IntGaugeVec, Opts};

use super::Metrics;

/// The series.
pub(super) struct OwnershipSeries {
    conflicts: IntGaugeVec,
    unchecked: IntGauge,
}

impl OwnershipSeries {
    pub(super) fn new() -> prometheus::Result<Self> {
        Ok(Self {
            conflicts: IntGaugeVec::new(
                Opts::new("ownership_conflicts", "Graphs that this shard and another serve, or none."),
                &["kind"],
            )?,
            unchecked: IntGauge::new(
                "ownership_unchecked_shards",
                "Shards that did not answer which graphs they serve.",
            )?,
        })
    }
}

impl Metrics {
    /// So many graphs have two owners or none, by the kind of it.
    pub(crate) fn ownership_conflicts(&self, kind: &str, count: usize) {
        // The only error is that it is there already.
        let _ = self.registry.register(Box::new(self.ownership.conflicts.clone()));
        self.ownership.conflicts.with_label_values(&[kind]).set(count as i64);
    }

    /// So many shards did not answer which graphs they serve.
    pub(crate) fn ownership_unchecked(&self, shards: usize) {
        let _ = self.registry.register(Box::new(self.ownership.unchecked.clone()));
        self.ownership.unchecked.set(shards as i64);
    }
}
