//! Whether a connection lives, and when it was last heard of.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use epistemic_protocol::placement::Endpoint;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::CallError;

/// What the task of a connection tells its callers.
#[derive(Debug)]
pub(super) struct Pulse {
    /// The bound on requests in flight; closed when the connection ends, so that those who wait learn of it.
    pub(super) places: std::sync::Arc<Semaphore>,
    born: Instant,
    /// Microseconds from `born` to the last answer, plus one; 0 before the first.
    heard: AtomicU64,
    end: OnceLock<CallError>,
}

impl Pulse {
    pub(super) fn new(max_in_flight: usize) -> Self {
        let places = std::sync::Arc::new(Semaphore::new(max_in_flight.clamp(1, Semaphore::MAX_PERMITS)));
        Self { places, born: Instant::now(), heard: AtomicU64::new(0), end: OnceLock::new() }
    }

    pub(super) fn beat(&self) {
        let micros = u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX - 1);
        self.heard.store(micros + 1, Ordering::Relaxed);
    }

    pub(super) fn last_beat(&self) -> Option<Instant> {
        let micros = self.heard.load(Ordering::Relaxed).checked_sub(1)?;
        self.born.checked_add(Duration::from_micros(micros))
    }

    pub(super) fn end(&self, error: &CallError) {
        self.end.get_or_init(|| error.clone());
        self.places.close();
    }

    /// The error of a request that did not go out because the connection had ended.
    pub(super) fn not_sent(&self, endpoint: &Endpoint) -> CallError {
        let cause = self.end.get().map_or_else(|| "its task was stopped".to_owned(), ToString::to_string);
        CallError::NotSent { endpoint: endpoint.clone(), cause }
    }
}
