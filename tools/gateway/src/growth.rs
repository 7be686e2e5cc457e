//! How fast the disk of a shard fills, by what was seen of it within a day.

use std::collections::VecDeque;

/// Time between two samples, and how long they are kept.
const STEP_MS: u64 = 60_000;
const KEPT_MS: u64 = DAY_MS;
/// What was seen for less time says little.
const LEAST_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;

/// Bytes in use over time, in the memory of the gateway.
#[derive(Debug, Default)]
pub(super) struct Growth {
    /// Unix milliseconds and bytes, oldest first.
    samples: VecDeque<(u64, u64)>,
}

impl Growth {
    /// So many bytes of the disk are in use at a time, Unix milliseconds.
    pub(super) fn add(&mut self, at_ms: u64, used: u64) {
        if self.samples.back().is_some_and(|(newest, _)| at_ms < newest + STEP_MS) {
            return;
        }
        self.samples.push_back((at_ms, used));
        while self.samples.front().is_some_and(|(oldest, _)| oldest + KEPT_MS < at_ms) {
            self.samples.pop_front();
        }
    }

    /// Bytes that are added in a day at this pace; nothing before an hour was seen, or when it does not grow.
    pub(super) fn per_day(&self) -> Option<u64> {
        let ((from, before), (to, after)) = (self.samples.front()?, self.samples.back()?);
        let (time, grown) = (to.checked_sub(*from)?, after.checked_sub(*before)?);
        let per_day =
            (time >= LEAST_MS).then(|| u128::from(grown) * u128::from(DAY_MS) / u128::from(time))?;
        u64::try_from(per_day).ok().filter(|bytes| *bytes > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_last_day() {
        let mut growth = Growth::default();
        let minute = |number: u64| number * STEP_MS;
        for number in 0..59 {
            growth.add(minute(number), 1_000 + number);
            growth.add(minute(number) + 1, 1 << 40);
        }
        assert_eq!(growth.per_day(), None, "not an hour yet");
        growth.add(minute(60), 1_060);
        assert_eq!(growth.per_day(), Some(60 * 24));
        // Later it stands still, and what was before the day is forgotten.
        for number in 61..60 * 26 {
            growth.add(minute(number), 1_060);
        }
        assert_eq!(growth.per_day(), None);
        assert!(growth.samples.len() <= 1 + 24 * 60);
    }

    #[test]
    fn a_disk_that_empties_is_never_full() {
        let mut growth = Growth::default();
        growth.add(0, 1_000);
        growth.add(DAY_MS, 10);
        assert_eq!(growth.per_day(), None);
    }
}
