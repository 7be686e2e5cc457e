//! Series of the store: its room, and what it does beside commits.

use std::sync::Once;

use epistemic_storage::GraphStore;
use prometheus::{Counter, IntCounter, IntGauge, Registry, core::Collector};

use super::series::Series;
use crate::lease::Role;

/// The series.
pub(super) struct StoreSeries {
    writable: IntGauge,
    bytes: IntGauge,
    free: IntGauge,
    awaiting_graphs: IntGauge,
    awaiting_bytes: IntGauge,
    has_files: Once,
    stalled: Counter,
    stopped: IntGauge,
    log: IntCounter,
    flushed: IntCounter,
    merge_read: IntCounter,
    merge_written: IntCounter,
    merge_pending: IntGauge,
    merges: IntGauge,
    flushes: IntGauge,
    unsorted: IntGauge,
}

impl StoreSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            writable: series.gauge(
                "store_writable",
                "1 while the store takes writes, 0 while the disk is full or after a failed write.",
            )?,
            bytes: series.gauge("store_bytes", "Bytes of the store, memtables included.")?,
            free: IntGauge::new("store_free_bytes", "Bytes that the file system of the store has left.")?,
            awaiting_graphs: series.gauge(
                "reclaim_pending_graphs",
                "Graphs that were deleted, cleared or had their ledger cut, and have not given their room back.",
            )?,
            awaiting_bytes: series.gauge(
                "reclaim_pending_bytes",
                "Bytes of their removed records in tables, an estimate.",
            )?,
            has_files: Once::new(),
            stalled: Counter::new(
                "store_stall_seconds_total",
                "Time that commits were slowed down or stopped until merges of tables had caught up.",
            )?,
            stopped: IntGauge::new(
                "store_stopped",
                "1 while commits are stopped until merges of tables have caught up.",
            )?,
            log: IntCounter::new("store_log_bytes_total", "Bytes appended to the log.")?,
            flushed: IntCounter::new(
                "store_flush_bytes_total",
                "Bytes of write buffers that were written to tables.",
            )?,
            merge_read: IntCounter::new(
                "store_compaction_read_bytes_total",
                "Bytes of tables that merges have read.",
            )?,
            merge_written: IntCounter::new(
                "store_compaction_written_bytes_total",
                "Bytes of tables that merges have written.",
            )?,
            merge_pending: IntGauge::new(
                "store_compaction_pending_bytes",
                "Bytes that merges have yet to read until the tables are as they should be, an estimate.",
            )?,
            merges: IntGauge::new("store_compactions_running", "Merges of tables that run now.")?,
            flushes: IntGauge::new(
                "store_flushes_running",
                "Write buffers that are being written to tables now.",
            )?,
            unsorted: IntGauge::new(
                "store_unsorted_tables",
                "Tables that overlap each other, of the space that has most: too many slow commits down.",
            )?,
        })
    }

    /// Brings them up to date. A store in memory never has those of files.
    pub(super) fn renew(&self, graphs: &GraphStore, role: &Role, registry: &Registry) {
        // That a replica takes no writes is no failure.
        let fails = !role.is_replica() && graphs.write_refusal().is_some();
        self.writable.set((!fails).into());
        let awaiting = graphs.awaiting_room();
        self.awaiting_graphs.set(awaiting.graphs as i64);
        self.awaiting_bytes.set(awaiting.bytes as i64);
        if let Ok(stats) = graphs.store().stats() {
            self.bytes.set(stats.bytes as i64);
            if let Some(free) = stats.free_bytes {
                // The only error is that it is there already.
                let _ = registry.register(Box::new(self.free.clone()));
                self.free.set(i64::try_from(free).unwrap_or(i64::MAX));
            }
        }
        let Some(activity) = graphs.store().activity() else { return };
        self.has_files.call_once(|| self.register(registry));
        self.stalled.inc_by((activity.stalled.as_secs_f64() - self.stalled.get()).max(0.0));
        self.stopped.set(activity.is_stopped.into());
        for (series, total) in [
            (&self.log, activity.log_bytes),
            (&self.flushed, activity.flushed_bytes),
            (&self.merge_read, activity.merge_read_bytes),
            (&self.merge_written, activity.merge_written_bytes),
        ] {
            series.inc_by(total.saturating_sub(series.get()));
        }
        self.merge_pending.set(activity.merge_pending_bytes as i64);
        self.merges.set(activity.merges_running as i64);
        self.flushes.set(activity.flushes_running as i64);
        self.unsorted.set(activity.unsorted_tables as i64);
    }

    fn register(&self, registry: &Registry) {
        let gauges = [&self.stopped, &self.merge_pending, &self.merges, &self.flushes, &self.unsorted];
        let counters = [&self.log, &self.flushed, &self.merge_read, &self.merge_written];
        let mut collectors: Vec<Box<dyn Collector>> = vec![Box::new(self.stalled.clone())];
        collectors.extend(gauges.map(|gauge| Box::new(gauge.clone()) as Box<dyn Collector>));
        collectors.extend(counters.map(|counter| Box::new(counter.clone()) as Box<dyn Collector>));
        for collector in collectors {
            // Nothing else has their names.
            let _ = registry.register(collector);
        }
    }
}
