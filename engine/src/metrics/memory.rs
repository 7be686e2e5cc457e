//! Series of the memory budget.

use prometheus::{IntCounter, IntGauge, IntGaugeVec, Opts, Registry, core::Collector};

use crate::{
    memory::{Part, Usage},
    shard::Shard,
    status::resident_bytes,
};

/// The series.
pub(super) struct MemorySeries {
    budget: IntGaugeVec,
    used: IntGaugeVec,
    total: IntGauge,
    resident: IntGauge,
    refused: IntCounter,
    on_disk: IntGauge,
    spooled: IntCounter,
}

impl MemorySeries {
    pub(super) fn new() -> prometheus::Result<Self> {
        Ok(Self {
            budget: IntGaugeVec::new(
                Opts::new("memory_budget_bytes", "What each part of the memory may take."),
                &["part"],
            )?,
            used: IntGaugeVec::new(
                Opts::new(
                    "memory_used_bytes",
                    "What each part of the memory holds, as far as it is counted.",
                ),
                &["part"],
            )?,
            total: IntGauge::new("memory_budget_total_bytes", "What all parts together may take.")?,
            resident: IntGauge::new("memory_resident_bytes", "Resident memory of the process.")?,
            refused: IntCounter::new(
                "memory_refusals_total",
                "Requests, answers and snapshots in pieces for which there was no room.",
            )?,
            on_disk: IntGauge::new("answers_disk_bytes", "Answers of slow clients that wait on disk.")?,
            spooled: IntCounter::new("answers_spooled_total", "Answers that were put on disk for slow clients.")?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        let collectors: [Box<dyn Collector>; 7] = [
            Box::new(self.budget.clone()),
            Box::new(self.used.clone()),
            Box::new(self.total.clone()),
            Box::new(self.resident.clone()),
            Box::new(self.refused.clone()),
            Box::new(self.on_disk.clone()),
            Box::new(self.spooled.clone()),
        ];
        collectors.into_iter().try_for_each(|collector| registry.register(collector))
    }

    /// Brings them up to date.
    pub(super) fn renew(&self, shard: &Shard) {
        for part in Part::ALL {
            self.budget.with_label_values(&[part.name()]).set(shard.budget.bytes(part) as i64);
        }
        for (part, bytes) in Usage::of(shard).parts() {
            self.used.with_label_values(&[part.name()]).set(bytes as i64);
        }
        self.total.set(i64::try_from(shard.budget.total).unwrap_or(i64::MAX));
        self.resident.set(resident_bytes() as i64);
        self.refused.inc_by(shard.memory.refused().saturating_sub(self.refused.get()));
        self.on_disk.set(i64::try_from(shard.spool.bytes()).unwrap_or(i64::MAX));
        self.spooled.inc_by(shard.spool.spooled().saturating_sub(self.spooled.get()));
    }
}
