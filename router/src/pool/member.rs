//! One connection of a pool.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::{Client, is_heavy};

/// Requests in flight from which on another connection is worth its cost.
const BUSY: usize = 8;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) client: Client,
    born: Instant,
    /// Heavy operations in flight. Each makes the connection busy: answers keep their order, so everything behind a
    /// heavy operation waits for it.
    heavy: AtomicUsize,
    retired: AtomicBool,
}

impl Member {
    pub(super) fn new(client: Client) -> Self {
        Self { client, born: Instant::now(), heavy: AtomicUsize::new(0), retired: AtomicBool::new(false) }
    }

    /// Takes no further calls. Those in flight end as they may, and the socket closes after the last.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.retired.load(Ordering::Relaxed) && !self.client.is_closed()
    }

    pub(super) fn load(&self) -> usize {
        self.client.in_flight() + BUSY * self.heavy.load(Ordering::Relaxed)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.load() >= BUSY
    }

    /// Whether the connection has to answer a Ping before it is used: it was silent for `idle`, or since its endpoint
    /// failed.
    pub(super) fn is_in_doubt(&self, failing_since: Option<Instant>, idle: Duration) -> bool {
        let heard = self.client.last_heard();
        match failing_since {
            Some(failed) => heard.is_none_or(|heard| heard <= failed),
            None => heard.unwrap_or(self.born).elapsed() >= idle,
        }
    }

    /// Counts `method` among the heavy operations, if it is one, until the guard is dropped.
    pub(super) fn weigh(&self, method: &str) -> Weight<'_> {
        let counted = is_heavy(method).then_some(&self.heavy);
        if let Some(heavy) = counted {
            heavy.fetch_add(1, Ordering::Relaxed);
        }
        Weight(counted)
    }
}

pub(super) struct Weight<'a>(Option<&'a AtomicUsize>);

impl Drop for Weight<'_> {
    fn drop(&mut self) {
        if let Some(heavy) = self.0 {
            heavy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
