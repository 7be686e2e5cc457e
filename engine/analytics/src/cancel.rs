//! Giving up computations whose client is gone, or that take too long.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use epistemic_protocol::ErrorCode;

const RUNNING: u8 = 0;
const CANCELLED: u8 = 1;
const OVERDUE: u8 = 2;

/// Asked for by a computation every few thousand steps.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<State>);

#[derive(Debug, Default)]
struct State {
    why: AtomicU8,
    found: AtomicU64,
}

/// A computation ended because nobody waits for it, or because it took too long: [`Cancel::is_overdue`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code}: the client closed the connection before the answer was ready", code = ErrorCode::Cancelled)]
pub struct Cancelled;

impl Cancel {
    /// Tells the computation to end because nobody waits for it.
    pub fn cancel(&self) {
        self.0.why.store(CANCELLED, Ordering::Relaxed);
    }

    /// Tells the computation to end because its time is over.
    pub fn expire(&self) {
        let _ = self.0.why.compare_exchange(RUNNING, OVERDUE, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Fails once the computation is to end. A few nanoseconds.
    #[inline]
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.0.why.load(Ordering::Relaxed) == RUNNING { Ok(()) } else { Err(Cancelled) }
    }

    /// Whether its time is over.
    pub fn is_overdue(&self) -> bool {
        self.0.why.load(Ordering::Relaxed) == OVERDUE
    }

    /// Notes how many results there are so far, for who is told that its time is over.
    pub fn has_found(&self, results: u64) {
        self.0.found.store(results, Ordering::Relaxed);
    }

    /// Results so far, where the computation counts them.
    pub fn found(&self) -> u64 {
        self.0.found.load(Ordering::Relaxed)
    }
}
