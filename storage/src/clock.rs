//! The wall clock, read in one place.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// Unix time in milliseconds.
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}

/// A wall clock that stands still where the true one is set back.
#[derive(Debug, Default)]
pub(crate) struct SteadyClock {
    latest_ms: AtomicU64,
}

impl SteadyClock {
    /// Unix time in milliseconds, never less than it was before.
    pub(crate) fn unix_ms(&self) -> u64 {
        let now = unix_ms();
        self.latest_ms.fetch_max(now, Ordering::Relaxed).max(now)
    }
}
