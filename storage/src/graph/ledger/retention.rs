//! Ledger retention: how much of its ledger a graph keeps.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{error::Result, graph::catalog::counters::GraphCounters, keys};

/// How much of a ledger is kept at least. A record goes when any of the limits that are given no longer covers it; the
/// newest one always stays. Without a limit everything is kept.
///
/// As text: `all`, or limits separated by commas, such as `records:100000`, `bytes:512MiB`, `age:30d`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerKeep {
    /// The newest so many records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// The newest records that take so many bytes, about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Records of the last so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

impl LedgerKeep {
    /// Everything.
    pub const ALL: Self = Self { records: None, bytes: None, seconds: None };

    /// Whether nothing ever goes.
    pub fn is_all(&self) -> bool {
        *self == Self::ALL
    }
}

/// The oldest records of a ledger, which are to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    /// The graph's number: another one of its name is not meant.
    pub(crate) of: keys::GraphId,
    /// Where the ledger began to be complete.
    pub(crate) complete_from: u64,
    /// The first record that stays.
    pub(crate) first: u64,
    /// Records that go.
    pub(crate) records: u64,
    /// How many of them the protocol shows.
    pub(crate) lines: u64,
}

impl Trim {
    pub(crate) fn is_for(&self, id: keys::GraphId, counters: &GraphCounters) -> bool {
        (self.of, self.complete_from) == (id, counters.complete_from)
    }
}

/// Units of time in seconds.
const TIMES: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
/// Units of size in bytes.
const SIZES: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

impl FromStr for LedgerKeep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut keep = Self::ALL;
        if text == "all" {
            return Ok(keep);
        }
        for limit in text.split(',') {
            let parsed = limit.trim().split_once(':').and_then(|(kind, amount)| match kind {
                "records" => Some((&mut keep.records, number(amount, &[])?)),
                "bytes" => Some((&mut keep.bytes, number(amount, &SIZES)?)),
                "age" => Some((&mut keep.seconds, number(amount, &TIMES)?)),
                _ => None,
            });
            match parsed {
                Some((field @ None, amount)) if amount > 0 => *field = Some(amount),
                Some(_) | None => {
                    return Err(format!(
                        "{limit:?} is no limit: give all, or one or more of records:COUNT, bytes:SIZE (512MiB) and age:TIME \
                         (30d), each once and above 0, separated by commas"
                    ));
                }
            }
        }
        Ok(keep)
    }
}

/// A number with one of these units, or without.
fn number(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (digits, factor) = unit.unwrap_or((text, 1));
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// The largest unit that divides the amount.
fn with_unit(amount: u64, units: &[(&str, u64)]) -> String {
    let fits = units.iter().rev().find(|(_, factor)| amount.is_multiple_of(*factor));
    fits.map_or_else(|| amount.to_string(), |(unit, factor)| format!("{}{unit}", amount / factor))
}

impl fmt::Display for LedgerKeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = [
            self.records.map(|records| format!("records:{records}")),
            self.bytes.map(|bytes| format!("bytes:{}", with_unit(bytes, &SIZES))),
            self.seconds.map(|seconds| format!("age:{}", with_unit(seconds, &TIMES))),
        ];
        let limits: Vec<_> = limits.into_iter().flatten().collect();
        f.write_str(if limits.is_empty() { "all".to_owned() } else { limits.join(",") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written() {
        let keep = |records, bytes, seconds| LedgerKeep { records, bytes, seconds };
        for (text, expected, written) in [
            ("all", LedgerKeep::ALL, "all"),
            ("records:7", keep(Some(7), None, None), "records:7"),
            ("bytes:2048", keep(None, Some(2048), None), "bytes:2KiB"),
            ("bytes:1GiB, age:90s", keep(None, Some(1 << 30), Some(90)), "bytes:1GiB,age:90s"),
            ("age:48h", keep(None, None, Some(172_800)), "age:2d"),
            ("age:7,records:1", keep(Some(1), None, Some(7)), "records:1,age:7s"),
        ] {
            let parsed: LedgerKeep = text.parse().unwrap();
            assert_eq!(parsed, expected, "{text}");
            assert_eq!(parsed.to_string(), written);
            assert_eq!(written.parse(), Ok(expected));
        }
        let wrong = [
            "",
            "7",
            "records:",
            "records:0",
            "records:-1",
            "records:1,records:2",
            "bytes:1d",
            "age:x",
            "all,age:1d",
        ];
        for text in wrong.into_iter().chain(["bytes:99999999999TiB", "weight:1"]) {
            assert!(text.parse::<LedgerKeep>().is_err(), "{text}");
        }
    }
}
