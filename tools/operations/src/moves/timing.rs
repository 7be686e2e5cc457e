//! How long a move waits for what.

use std::time::Duration;

use crate::quantity::parse_time;

/// Limits of one move.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Writes are stopped for so long at most in one attempt at the handover.
    pub max_pause: Duration,
    /// Writes are taken again so long after the mover was heard of last.
    pub lease: Duration,
    /// Wait before the second attempt at something; doubled for each further one.
    pub first_wait: Duration,
    /// Whether calls run beside each other: the lease is renewed, and both sides are asked at once. Not in tests that
    /// decide on the order of all calls.
    pub concurrent: bool,
}

/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Default for Timing {
    fn default() -> Self {
        Self {
            max_pause: Duration::from_secs(10),
            lease: Duration::from_secs(3),
            first_wait: Duration::from_millis(100),
            concurrent: true,
        }
    }
}

impl Timing {
    /// One call after the other, and no waits.
    #[cfg(test)]
    pub fn stepwise() -> Self {
        Self {
            first_wait: Duration::ZERO,
            lease: Duration::from_secs(60),
            concurrent: false,
            ..Self::default()
        }
    }

    /// The wait behind the attempt of this number, from 0 on.
    pub(super) fn wait(&self, attempt: u32) -> Duration {
        let doubled = self.first_wait.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST_WAIT);
        // Movers that disturb each other must not do so in step.
        doubled.mul_f64(0.5 + rand::random::<f64>() / 2.0)
    }
}

/// A pause that a server takes: the longest is a minute.
pub fn parse_pause(text: &str) -> Result<Duration, String> {
    let pause = parse_time(text)?;
    let taken = Duration::from_millis(100)..=Duration::from_secs(60);
    if taken.contains(&pause) { Ok(pause) } else { Err("it must be from 0.1 to 60 seconds".to_owned()) }
}
