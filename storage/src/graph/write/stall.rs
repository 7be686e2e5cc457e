//! How long the store has been busy with one commit or sync: a disk that hangs gives no error.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A write that the store has not completed after this time is said to hang.
pub const HANGS_AFTER: Duration = Duration::from_secs(5);

/// When the store began what it is busy with.
pub(crate) struct Busy {
    epoch: Instant,
    /// Milliseconds from `epoch` on, plus one; 0 while it is not busy.
    began: AtomicU64,
}

impl Busy {
    /// Runs `work` in the store. One at a time is watched: the first of several.
    pub(crate) fn with<T>(&self, work: impl FnOnce() -> T) -> T {
        let now = self.now();
        let first = self.began.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        let result = work();
        if first {
            self.began.store(0, Ordering::Relaxed);
        }
        result
    }

    /// For how long a write has hung, if one does.
    pub(crate) fn hangs(&self) -> Option<Duration> {
        let began = self.began.load(Ordering::Relaxed);
        let busy = Duration::from_millis(self.now().saturating_sub(began));
        (began > 0 && busy >= HANGS_AFTER).then_some(busy)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }
}

impl Default for Busy {
    fn default() -> Self {
        Self { epoch: Instant::now(), began: AtomicU64::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_hangs_after_a_while_and_no_longer_than_it_takes() {
        let mut busy = Busy::default();
        assert_eq!(busy.hangs(), None);
        busy.with(|| assert_eq!(busy.hangs(), None, "it has just begun"));
        let earlier = Instant::now().checked_sub(2 * HANGS_AFTER);
        busy.began = AtomicU64::new(1);
        busy.epoch = earlier.expect("the machine is up for longer");
        assert!(busy.hangs() >= Some(2 * HANGS_AFTER));
        busy.began = AtomicU64::new(0);
        busy.with(|| ());
        assert_eq!(busy.hangs(), None);
    }
}
