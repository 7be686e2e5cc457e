//! Restore points: states of a store that its backend keeps under a name. And which of those, or of checkpoints, stay.

use std::time::Duration;

use crate::error::Result;

/// A state that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestorePoint {
    /// Its name; unique in its store.
    pub name: String,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// It holds every change of the store up to this number, and perhaps newer ones.
    pub sequence: u64,
    /// Bytes of its tables, those shared with the store included; an estimate.
    pub bytes: u64,
}

/// The restore points of an open store. All calls block on the store.
pub trait RestorePoints {
    /// Keeps the newest state under a name that no other has. Durable on return.
    ///
    /// # Errors
    /// [`crate::StoreError::Unreachable`] when the store does not answer in time: it may be there later.
    fn create(&self, name: &str) -> Result<RestorePoint>;

    /// All, oldest first.
    fn list(&self) -> Result<Vec<RestorePoint>>;

    /// Gives one up; one that is not there is fine. What nothing else needs any more is removed later. Durable on return.
    fn delete(&self, name: &str) -> Result<()>;
}

/// Which checkpoints or restore points stay when a new one is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// As many of the newest ones, at least one.
    pub newest: usize,
    /// Also the oldest one of the last hour and the oldest one of the last day, by the time of the newest: however many are
    /// taken in a row, there is one from before.
    pub by_age: bool,
    /// Also all that are not older than this, by the time of the newest.
    pub younger_than: Duration,
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

impl Retention {
    /// Places of those that go, of all, by when they were taken in Unix milliseconds, oldest first.
    pub fn surplus(&self, taken_ms: &[u64]) -> Vec<usize> {
        let now = taken_ms.last().copied().unwrap_or(0);
        let oldest_since = |age: u64| taken_ms.iter().position(|taken| taken.saturating_add(age) >= now);
        let by_age = if self.by_age { [oldest_since(HOUR_MS), oldest_since(DAY_MS)] } else { [None; 2] };
        let young_ms = u64::try_from(self.younger_than.as_millis()).unwrap_or(u64::MAX);
        let young = oldest_since(young_ms).unwrap_or(taken_ms.len());
        let older = taken_ms.len().saturating_sub(self.newest.max(1)).min(young);
        (0..older).filter(|place| !by_age.contains(&Some(*place))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Retention = Retention { newest: 2, by_age: true, younger_than: Duration::ZERO };

    fn left(retention: Retention, minutes: &[u64]) -> Vec<u64> {
        let taken: Vec<u64> = minutes.iter().map(|minute| (10_000 + minute) * 60_000).collect();
        let gone = retention.surplus(&taken);
        let stays = |(place, minute): (usize, &u64)| (!gone.contains(&place)).then_some(*minute);
        minutes.iter().enumerate().filter_map(stays).collect()
    }

    #[test]
    fn a_flood_of_checkpoints_leaves_one_of_the_hour_and_one_of_the_day() {
        let mut kept = vec![0, 700, 1_400, 1_410];
        for minute in 1_411..=1_430 {
            kept.push(minute);
            kept = left(KEPT, &kept);
        }
        assert_eq!(kept, [0, 1_400, 1_429, 1_430]);
        assert_eq!(left(KEPT, &[0, 700, 1_430, 1_441]), [700, 1_430, 1_441], "older than a day");
        assert_eq!(left(Retention { by_age: false, ..KEPT }, &[0, 700, 1_430, 1_441]), [1_430, 1_441]);
        assert_eq!(left(Retention { newest: 0, by_age: false, ..KEPT }, &[1, 2]), [2]);
        assert_eq!(left(KEPT, &[]), [0; 0]);
    }

    /// Checkpoints at every interval for days: there are never more than two beside the newest.
    #[test]
    fn they_are_few_whatever_the_interval() {
        for interval in [1, 5, 61, 300, 1_500] {
            let mut kept = Vec::new();
            for number in 0..2_000 {
                kept.push(number * interval);
                kept = left(KEPT, &kept);
                assert!(kept.len() <= 4, "{interval}: {kept:?}");
            }
        }
    }

    #[test]
    fn those_that_are_young_stay_however_many() {
        let young = Retention { younger_than: Duration::from_secs(30 * 60), ..KEPT };
        assert_eq!(left(Retention { by_age: false, ..young }, &[0, 9, 10, 20, 30, 40]), [10, 20, 30, 40]);
        assert_eq!(left(young, &[0, 9, 10, 20, 30, 40]), [0, 10, 20, 30, 40]);
        assert_eq!(
            left(Retention { younger_than: Duration::MAX, ..KEPT }, &[0, 5_000, 9_000]),
            [0, 5_000, 9_000]
        );
    }
}
