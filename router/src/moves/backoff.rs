//! Pauses between attempts, within a deadline.

use std::time::Duration;

use tokio::time::Instant;

/// The longest first pause; each further one may be twice as long.
const FIRST: Duration = Duration::from_millis(4);
/// The longest pause, and what must be left for an attempt after it: one that runs into the deadline ends with an error
/// that says less than the refusal before it.
const MOST: Duration = Duration::from_millis(50);

/// The pauses of one call.
#[derive(Debug)]
pub(super) struct Backoff {
    begun: Instant,
    after: Duration,
    longest: Duration,
}

impl Backoff {
    /// For a call that begins now and may take `after`.
    pub(super) fn new(after: Duration) -> Self {
        Self { begun: Instant::now(), after, longest: FIRST }
    }

    /// Waits, between half of the longest time and all of it, so that those who were refused together do not come back
    /// together. False, at once, when no time is left for another attempt.
    pub(super) async fn pause(&mut self) -> bool {
        let pause = self.longest.mul_f64(rand::random_range(0.5..=1.0));
        self.longest = MOST.min(self.longest * 2);
        let left = self.left() >= pause + MOST;
        if left {
            tokio::time::sleep(pause).await;
        }
        left
    }

    /// Until the deadline.
    pub(super) fn left(&self) -> Duration {
        self.after.saturating_sub(self.begun.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_fifty_milliseconds_and_end_before_the_deadline() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        for longest in [4, 8, 16, 32, 50, 50] {
            let begun = Instant::now();
            assert!(backoff.pause().await);
            // The clock of tokio has steps of a millisecond.
            let (took, longest) = (begun.elapsed(), Duration::from_millis(longest));
            assert!(took >= longest / 2 && took <= longest + Duration::from_millis(1), "{took:?}");
        }
        while backoff.pause().await {}
        let left = backoff.left();
        assert!(left >= MOST && left < 2 * MOST + Duration::from_millis(2), "{left:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_pause_without_time_for_an_attempt() {
        let begun = Instant::now();
        let mut backoff = Backoff::new(MOST);
        assert!(!backoff.pause().await);
        assert!(begun.elapsed().is_zero());
    }
}
