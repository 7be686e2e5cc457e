//! How long moves take, by assumption.

use serde::{Deserialize, Serialize};

use super::model::Counts;

/// Bytes of records that are moved in a second.
const BYTES_PER_SECOND: u64 = 50_000_000;
/// What a graph takes beside its records: some durable commits on both sides, and two digests.
const SECONDS_PER_GRAPH: f64 = 0.1;

/// An expected time and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// In all.
    pub seconds: f64,
    /// The assumed rate: the limit that was given when that is lower.
    pub bytes_per_second: u64,
    /// The assumed time for each graph beside its records.
    pub seconds_per_graph: f64,
}

impl Expected {
    /// Of graphs that move one after the other, with `limit` bytes a second at most.
    pub(super) fn of(moving: &Counts, limit: Option<u64>) -> Self {
        let bytes_per_second = limit.map_or(BYTES_PER_SECOND, |limit| limit.clamp(1, BYTES_PER_SECOND));
        let seconds =
            moving.bytes as f64 / bytes_per_second as f64 + moving.graphs as f64 * SECONDS_PER_GRAPH;
        Self { seconds, bytes_per_second, seconds_per_graph: SECONDS_PER_GRAPH }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_makes_it_slower_never_faster() {
        let moving = Counts { graphs: 10, bytes: 100_000_000, ..Counts::default() };
        let seconds = |limit| Expected::of(&moving, limit).seconds;
        assert_eq!(seconds(None), 3.0);
        assert_eq!(seconds(Some(1_000_000)), 101.0);
        assert_eq!(seconds(Some(u64::MAX)), 3.0);
        assert_eq!(Expected::of(&Counts::default(), None).seconds, 0.0);
    }
}
