//! Series of quotas: of the tenants that a rule names and a few others, so that their number is bounded.

use epistemic_storage::GraphStore;
use prometheus::{GaugeVec, IntCounterVec};

use super::series::Series;
use crate::quotas::{Kind, Quotas};

/// The series.
pub(super) struct QuotaSeries {
    refusals: IntCounterVec,
    used: GaugeVec,
    limit: GaugeVec,
}

impl QuotaSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        let labels = ["tenant", "kind"];
        Ok(Self {
            refusals: series.counters(
                "quota_refusals_total",
                "Requests, and items of batches, that a quota refused.",
                &["kind"],
            )?,
            used: series.float_gauges("quota_used", "What a tenant uses that a rule limits.", &labels)?,
            limit: series.float_gauges("quota_limit", "What it may use.", &labels)?,
        })
    }

    /// Brings them up to date. Those of tenants that are not among the important ones any more go.
    pub(super) fn renew(&self, quotas: &Quotas, graphs: &GraphStore) {
        for kind in Kind::ALL {
            let refused = quotas.refused(graphs, kind);
            if refused > 0 {
                let series = self.refusals.with_label_values(&[kind.name()]);
                series.inc_by(refused.saturating_sub(series.get()));
            }
        }
        self.used.reset();
        self.limit.reset();
        for row in quotas.important(graphs) {
            for kind in Kind::ALL {
                let (Some(limit), Some(used)) = (row.limit(kind), row.used(kind)) else { continue };
                let labels = [row.tenant.name(), kind.name()];
                self.used.with_label_values(&labels).set(used);
                self.limit.with_label_values(&labels).set(limit as f64);
            }
        }
    }
}
