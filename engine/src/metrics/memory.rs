//! Series of the memory budget.

use prometheus::{IntCounter, IntGauge, IntGaugeVec};

use super::{Sources, series::Series};
use crate::memory::{Part, resident_bytes};

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
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            budget: series.gauges(
                "memory_budget_bytes",
                "What each part of the memory may take.",
                &["part"],
            )?,
            used: series.gauges(
                "memory_used_bytes",
                "What each part of the memory holds, as far as it is counted.",
                &["part"],
            )?,
            total: series.gauge("memory_budget_total_bytes", "What all parts together may take.")?,
            resident: series.gauge("memory_resident_bytes", "Resident memory of the process.")?,
            refused: series.counter(
                "memory_refusals_total",
                "Requests, answers and snapshots in pieces for which there was no room.",
            )?,
            on_disk: series.gauge(
                "answers_disk_bytes",
                "Answers on disk, being too large for memory or waiting for slow clients.",
            )?,
            spooled: series.counter("answers_spooled_total", "Files made for such answers.")?,
        })
    }

    /// Brings them up to date.
    pub(super) fn renew(&self, sources: &Sources<'_>) {
        let Sources { budget, memory, spool, usage, .. } = sources;
        for part in Part::ALL {
            self.budget.with_label_values(&[part.name()]).set(budget.bytes(part) as i64);
        }
        for (part, bytes) in usage.parts() {
            self.used.with_label_values(&[part.name()]).set(bytes as i64);
        }
        self.total.set(i64::try_from(budget.total).unwrap_or(i64::MAX));
        self.resident.set(resident_bytes() as i64);
        self.refused.inc_by(memory.refused().saturating_sub(self.refused.get()));
        self.on_disk.set(i64::try_from(spool.bytes()).unwrap_or(i64::MAX));
        self.spooled.inc_by(spool.spooled().saturating_sub(self.spooled.get()));
    }
}
