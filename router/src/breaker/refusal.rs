//! The error of a call that an open breaker refuses.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An open breaker: nothing was sent and nothing was tried. Stands as the cause in a
/// [`ConnectError`](crate::ConnectError) or [`RouterError`](crate::RouterError), so it is a connection error too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitOpen {
    /// Consecutive failures to reach the endpoint.
    pub failures: u32,
    /// The words of the last one.
    pub last_failure: Arc<str>,
    /// Until a call may probe the endpoint; nothing while one is probing.
    pub retry_in: Option<Duration>,
}

impl fmt::Display for CircuitOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, last_failure, retry_in } = self;
        match retry_in {
            Some(retry_in) => write!(
                f,
                "circuit breaker OPEN after {failures} consecutive connection failures (last: {last_failure}); \
                 retrying in {:.1}s",
                retry_in.as_secs_f64()
            ),
            None => write!(
                f,
                "circuit breaker HALF-OPEN after {failures} consecutive connection failures (last: \
                 {last_failure}); probe already in flight"
            ),
        }
    }
}

impl std::error::Error for CircuitOpen {}
