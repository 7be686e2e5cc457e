//! Ledger pins: keep the records that somebody who copies the graph change by change still needs. In memory only.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// So long the records behind a change that somebody has stay.
const HELD_MINUTES: u64 = 15;

/// The oldest change that somebody had in each minute, for one graph.
#[derive(Debug)]
pub(crate) struct LedgerPin {
    since: Instant,
    oldest: Mutex<BTreeMap<u64, u64>>,
}

impl Default for LedgerPin {
    fn default() -> Self {
        Self { since: Instant::now(), oldest: Mutex::default() }
    }
}

impl LedgerPin {
    /// Somebody has the graph as of `sequence` and may want what follows.
    pub(crate) fn hold(&self, sequence: u64) {
        self.hold_at(self.since.elapsed(), sequence);
    }

    /// The oldest change that somebody has, if anybody has been here lately.
    pub(crate) fn held(&self) -> Option<u64> {
        self.held_at(self.since.elapsed())
    }

    fn hold_at(&self, at: Duration, sequence: u64) {
        let minute = at.as_secs() / 60;
        let mut oldest = self.oldest.lock();
        oldest.retain(|noted, _| noted + HELD_MINUTES >= minute);
        let held = oldest.entry(minute).or_insert(sequence);
        *held = sequence.min(*held);
    }

    fn held_at(&self, at: Duration) -> Option<u64> {
        let minute = at.as_secs() / 60;
        let oldest = self.oldest.lock();
        oldest.iter().filter(|(noted, _)| *noted + HELD_MINUTES >= minute).map(|(_, held)| *held).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_the_last_minutes_is_held() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let pin = LedgerPin::default();
        assert_eq!(pin.held_at(minutes(0)), None);
        pin.hold_at(minutes(0), 5);
        pin.hold_at(minutes(1), 9);
        pin.hold_at(minutes(1), 7);
        assert_eq!((pin.held_at(minutes(1)), pin.held_at(minutes(15))), (Some(5), Some(5)));
        assert_eq!((pin.held_at(minutes(16)), pin.held_at(minutes(17))), (Some(7), None));
        pin.hold_at(minutes(17), 20);
        assert_eq!(pin.held_at(minutes(17)), Some(20), "who is gone holds nothing");
    }
}
