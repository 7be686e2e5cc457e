//! Series of a store on an object store: what it has asked for, which is what it costs. Other stores never have them.

use std::sync::Once;

use epistemic_storage::GraphStore;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry, core::Collector};

/// The series.
pub(super) struct RemoteSeries {
    is_remote: Once,
    requests: IntCounterVec,
    errors: IntCounterVec,
    bytes: IntCounterVec,
    log_objects: IntGauge,
}

impl RemoteSeries {
    pub(super) fn new() -> prometheus::Result<Self> {
        let by_kind = |name, help| IntCounterVec::new(Opts::new(name, help), &["kind"]);
        Ok(Self {
            is_remote: Once::new(),
            requests: by_kind(
                "object_store_requests_total",
                "Requests to the object store by kind, those that failed and were repeated included.",
            )?,
            errors: by_kind(
                "object_store_errors_total",
                "Requests to the object store that failed, by kind.",
            )?,
            bytes: by_kind(
                "object_store_bytes_total",
                "Bytes of objects that were sent or received, by kind of request.",
            )?,
            log_objects: IntGauge::new(
                "store_log_objects",
                "Commits that lie in the log alone: a start replays them.",
            )?,
        })
    }

    /// Brings them up to date.
    pub(super) fn renew(&self, graphs: &GraphStore, registry: &Registry) {
        let Some(activity) = graphs.store().remote_activity() else { return };
        self.is_remote.call_once(|| self.register(registry));
        self.log_objects.set(activity.log_objects as i64);
        for of in activity.requests {
            for (series, total) in
                [(&self.requests, of.requests), (&self.errors, of.errors), (&self.bytes, of.bytes)]
            {
                let counter = series.with_label_values(&[of.kind]);
                counter.inc_by(total.saturating_sub(counter.get()));
            }
        }
    }

    fn register(&self, registry: &Registry) {
        let counters = [&self.requests, &self.errors, &self.bytes];
        let counters = counters.map(|counter| Box::new(counter.clone()) as Box<dyn Collector>);
        for collector in
            counters.into_iter().chain([Box::new(self.log_objects.clone()) as Box<dyn Collector>])
        {
            // Nothing else has their names.
            let _ = registry.register(collector);
        }
    }
}
