//! Bytes that strangers may make the server hold.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::shard::Shard;

/// Bytes that connections without an authenticated request may hold together.
const UNAUTHENTICATED_BYTES: usize = 64 << 20;

/// Bytes held by connections that have not authenticated yet.
#[derive(Default)]
pub(crate) struct UnauthenticatedBudget {
    held: AtomicUsize,
}

/// One connection's part of the budget; given back when dropped.
pub(crate) struct Charge {
    shard: Arc<Shard>,
    bytes: usize,
}

impl Charge {
    pub(crate) fn new(shard: &Arc<Shard>) -> Self {
        Self { shard: Arc::clone(shard), bytes: 0 }
    }

    /// Sets the part to `bytes`; false when all parts together are more than the budget.
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        let held = &self.shard.unauthenticated.held;
        if bytes <= self.bytes {
            let before = held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            let fewer = self.bytes - bytes;
            self.bytes = bytes;
            return before - fewer <= UNAUTHENTICATED_BYTES;
        }
        let more = bytes - self.bytes;
        self.bytes = bytes;
        held.fetch_add(more, Ordering::Relaxed) + more <= UNAUTHENTICATED_BYTES
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shard.unauthenticated.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
