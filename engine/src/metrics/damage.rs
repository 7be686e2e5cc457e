//! Series of damage and of the scrub that looks for it.

use prometheus::{Gauge, IntCounter, IntGauge, Registry, core::Collector};

use super::series::Series;
use crate::{damage::Damage, scrub::ScrubState};

/// The series.
pub(super) struct DamageSeries {
    quarantined: IntGauge,
    store_damaged: IntGauge,
    scrub_last: IntGauge,
    scrub_progress: Gauge,
    scrub_read: IntCounter,
    scrub_found: IntGauge,
}

impl DamageSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            quarantined: series.gauge(
                "quarantined_graphs",
                "Graphs that take no writes because records of them are damaged.",
            )?,
            store_damaged: series.gauge(
                "store_damaged",
                "1 while a block of the store is known to be damaged: its tables are not merged.",
            )?,
            scrub_last: IntGauge::new(
                "scrub_last_complete_timestamp_seconds",
                "Unix time at which the scrub had read all tables.",
            )?,
            scrub_progress: Gauge::new(
                "scrub_progress_ratio",
                "Part of the running scrub that is done; 1 between.",
            )?,
            scrub_read: IntCounter::new("scrub_read_bytes_total", "Bytes that the scrub has read.")?,
            scrub_found: IntGauge::new(
                "scrub_damaged_parts",
                "Damaged parts of tables that the newest scrub found.",
            )?,
        })
    }

    /// Brings them up to date.
    pub(super) fn renew(&self, damage: &Damage, scrub: Option<&ScrubState>, registry: &Registry) {
        self.quarantined.set(damage.quarantined() as i64);
        self.store_damaged.set(damage.store_damaged().into());
        let Some(scrub) = scrub else { return };
        let collectors: [Box<dyn Collector>; 3] = [
            Box::new(self.scrub_progress.clone()),
            Box::new(self.scrub_read.clone()),
            Box::new(self.scrub_found.clone()),
        ];
        for collector in collectors {
            // They appear with their first value: a store in memory has none.
            let _ = registry.register(collector);
        }
        if let Some(last) = scrub.log.last {
            let _ = registry.register(Box::new(self.scrub_last.clone()));
            self.scrub_last.set((last.ended_ms / 1000) as i64);
        }
        self.scrub_progress.set(scrub.progress());
        self.scrub_read.inc_by(scrub.read.saturating_sub(self.scrub_read.get()));
        self.scrub_found.set(scrub.log.found as i64);
    }
}
