//! How often moves got into the way of calls.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a router did about graphs that are being moved. The endpoint's [`Outcomes`](crate::Outcomes) count each of these
/// answers as an error too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MoveCounts {
    /// Pauses until a graph takes writes again (`MOVING`), or is open where it moved to.
    pub waited: u64,
    /// Calls sent on to the shard that another named (`MOVED`, `ARRIVING`).
    pub followed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    waited: AtomicU64,
    followed: AtomicU64,
}

impl Counters {
    pub(super) fn waited(&self) {
        self.waited.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn followed(&self) {
        self.followed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> MoveCounts {
        MoveCounts {
            waited: self.waited.load(Ordering::Relaxed),
            followed: self.followed.load(Ordering::Relaxed),
        }
    }
}
