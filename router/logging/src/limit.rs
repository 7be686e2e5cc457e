//! Bounds how often a line is logged.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Lets so many lines through in each period. For lines that others can cause as often as they like.
pub struct Limit {
    lines: u32,
    period: Duration,
    state: Mutex<State>,
}

struct State {
    begun: Option<Instant>,
    used: u32,
    left_out: u64,
}

impl Limit {
    /// `lines` in each `period`.
    #[must_use]
    pub const fn new(lines: u32, period: Duration) -> Self {
        Self { lines, period, state: Mutex::new(State { begun: None, used: 0, left_out: 0 }) }
    }

    /// Whether to log now; then how often it was not since the last time.
    pub fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        if state.begun.is_none_or(|begun| now.duration_since(begun) >= self.period) {
            (state.begun, state.used) = (Some(now), 0);
        }
        if state.used == self.lines {
            state.left_out += 1;
            return None;
        }
        state.used += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_are_left_out_and_counted() {
        let (limit, start) = (Limit::new(2, Duration::from_secs(10)), Instant::now());
        let after = |seconds| limit.admit_at(start + Duration::from_secs(seconds));
        assert_eq!([after(0), after(1), after(2), after(9)], [Some(0), Some(0), None, None]);
        assert_eq!([after(10), after(11), after(12)], [Some(2), Some(0), None]);
        assert_eq!(after(100), Some(1));
    }
}
