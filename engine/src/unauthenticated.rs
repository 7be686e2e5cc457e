//! Bytes that strangers may make the server hold.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes held by connections that have not authenticated yet.
pub(crate) struct UnauthenticatedBudget {
    limit: usize,
    held: AtomicUsize,
}

impl UnauthenticatedBudget {
    /// They may hold `limit` bytes together.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, held: AtomicUsize::new(0) }
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// One connection's part of the budget; given back when dropped.
pub(crate) struct Charge {
    budget: Arc<UnauthenticatedBudget>,
    bytes: usize,
}

impl Charge {
    pub(crate) fn new(budget: &Arc<UnauthenticatedBudget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Sets the part to `bytes`; false when all parts together are more than the budget.
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        let UnauthenticatedBudget { limit, held } = &*self.budget;
        if bytes <= self.bytes {
            let before = held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            let fewer = self.bytes - bytes;
            self.bytes = bytes;
            return before - fewer <= *limit;
        }
        let more = bytes - self.bytes;
        self.bytes = bytes;
        held.fetch_add(more, Ordering::Relaxed) + more <= *limit
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
