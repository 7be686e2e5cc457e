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

/// Parses bytes per second: `800000`, `50MB`, `64MiB`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("the unit must be one of B, kB, MB, GB, KiB, MiB, GiB".to_owned()),
    };
    let rate = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    rate.filter(|rate| *rate > 0).ok_or_else(|| "write a number above 0 and a unit, such as 50MB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_parsed() {
        for (text, rate) in [("1", 1), ("50MB", 50_000_000), ("64 MiB", 64 << 20), ("2kB", 2000), ("7B", 7)] {
            assert_eq!(parse_rate(text), Ok(rate), "{text}");
        }
        for text in ["", "MB", "0", "0MB", "-1", "1.5MB", "1mb", "99999999999999999999", "99999999999999GiB"]
        {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }

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
