//! Giving up computations whose client is gone.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Asked for by a computation every few thousand steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

/// A computation ended because nobody waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("CANCELLED: the client closed the connection before the answer was ready")]
pub(crate) struct Cancelled;

impl Cancel {
    /// Tells the computation to end.
    pub(crate) fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails once [`Cancel::cancel`] was called. A few nanoseconds.
    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        if self.0.load(Ordering::Relaxed) { Err(Cancelled) } else { Ok(()) }
    }
}
