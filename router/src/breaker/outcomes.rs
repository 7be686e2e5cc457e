//! How calls ended, counted per endpoint.

use std::sync::atomic::{AtomicU64, Ordering};

/// How one call ended. The names are those of the label `outcome` of the reference's
/// `agent_utilities_engine_shard_requests_total`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Ok,
    ConnectionError,
    Error,
    ShortCircuited,
}

/// Calls by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// With a result.
    pub ok: u64,
    /// Without an answer.
    pub connection_error: u64,
    /// With an error of the server, or refused here for what was asked.
    pub error: u64,
    /// Refused by the open breaker.
    pub short_circuited: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters([AtomicU64; 4]);

impl Counters {
    pub(super) fn count(&self, outcome: Outcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Outcomes {
        let get = |outcome: Outcome| self.0[outcome as usize].load(Ordering::Relaxed);
        Outcomes {
            ok: get(Outcome::Ok),
            connection_error: get(Outcome::ConnectionError),
            error: get(Outcome::Error),
            short_circuited: get(Outcome::ShortCircuited),
        }
    }
}
