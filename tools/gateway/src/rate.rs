//! What the counters of a shard did lately.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How far back "lately" goes.
const WINDOW: Duration = Duration::from_secs(5);

/// Counters of a shard at one time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    requests: u64,
    seconds: f64,
}

/// The samples of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Rates(VecDeque<Sample>);

/// Requests of the last seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    /// Requests per second.
    pub(super) per_second: f64,
    /// Mean time from a request's arrival to its answer; nothing without requests.
    pub(super) latency: Option<Duration>,
}

impl Rates {
    /// Adds the counters of now and returns what they did since the oldest that count. Nothing after the first ones,
    /// and nothing across a restart of the shard.
    pub(super) fn add(&mut self, at: Instant, requests: u64, seconds: f64) -> Option<Rate> {
        if self.0.back().is_some_and(|last| requests < last.requests || seconds < last.seconds) {
            self.0.clear();
        }
        self.0.push_back(Sample { at, requests, seconds });
        while self.0.len() > 2 && self.0.get(1).is_some_and(|next| at - next.at >= WINDOW) {
            self.0.pop_front();
        }
        let first = self.0.front()?;
        let elapsed = (at - first.at).as_secs_f64();
        if elapsed <= 0.0 {
            return None;
        }
        let made = (requests - first.requests) as f64;
        let mean = (made > 0.0).then(|| (seconds - first.seconds) / made);
        Some(Rate {
            per_second: made / elapsed,
            latency: mean.and_then(|mean| Duration::try_from_secs_f64(mean).ok()),
        })
    }

    /// Forgets all: the shard did not answer.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_window_and_does_not_cross_a_restart() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut rates = Rates::default();
        assert_eq!(rates.add(at(0), 1000, 10.0), None);
        let rate = rates.add(at(1), 1010, 10.02).unwrap();
        assert!((rate.per_second - 10.0).abs() < 1e-9);
        assert_eq!(rate.latency.unwrap().as_millis(), 2);
        for second in 2..=20 {
            rates.add(at(second), 1010, 10.02);
        }
        assert_eq!(rates.add(at(21), 1010, 10.02), Some(Rate { per_second: 0.0, latency: None }));
        assert_eq!(rates.add(at(22), 5, 0.1), None);
        assert!((rates.add(at(23), 6, 0.1).unwrap().per_second - 1.0).abs() < 1e-9);
        rates.clear();
        assert_eq!(rates.add(at(24), 7, 0.1), None);
    }
}
