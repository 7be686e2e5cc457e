//! Series of the audit log, which only a server with one has.

use prometheus::{IntCounter, IntGauge, Registry};

/// How the log does.
#[derive(Clone)]
pub(crate) struct AuditSeries {
    pub(super) lines: IntCounter,
    pub(super) lost: IntCounter,
    pub(super) refused: IntCounter,
    pub(super) unavailable: IntGauge,
}

impl AuditSeries {
    pub(crate) fn new() -> prometheus::Result<Self> {
        Ok(Self {
            lines: IntCounter::new("audit_lines_total", "Lines of the audit log that were written.")?,
            lost: IntCounter::new("audit_lost_total", "Events that are missing in the audit log.")?,
            refused: IntCounter::new(
                "audit_refusals_total",
                "Operations that were refused, or whose success was not told, because the audit log could not be written.",
            )?,
            unavailable: IntGauge::new("audit_unavailable", "1 while the audit log cannot be written.")?,
        })
    }

    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        for counter in [&self.lines, &self.lost, &self.refused] {
            registry.register(Box::new(counter.clone()))?;
        }
        registry.register(Box::new(self.unavailable.clone()))
    }
}
