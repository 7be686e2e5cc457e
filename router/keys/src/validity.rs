//! From when to when something counts.

use chrono::DateTime;
use serde::{Deserialize, Deserializer, de::Error};
use toml::value::Datetime;

/// Unix seconds, the first included, the last not; without one there is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validity {
    /// It counts from then on.
    pub not_before: Option<u64>,
    /// It does not count any more from then on.
    pub not_after: Option<u64>,
}

impl Validity {
    /// Whether it has any bound.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.not_before.is_some() || self.not_after.is_some()
    }

    /// Whether it counts at this Unix second.
    #[must_use]
    pub fn holds(&self, now: u64) -> bool {
        self.not_before.is_none_or(|from| from <= now) && self.not_after.is_none_or(|until| now < until)
    }
}

/// A time in the file, as Unix seconds.
pub(crate) struct Time(pub(crate) u64);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Datetime::deserialize(deserializer)?.to_string();
        let time =
            DateTime::parse_from_rfc3339(&text).ok().and_then(|time| u64::try_from(time.timestamp()).ok());
        time.map(Self).ok_or_else(|| D::Error::custom("a time needs a date and a zone: 2026-12-31T00:00:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_second_counts_and_the_last_does_not() {
        let validity = Validity { not_before: Some(10), not_after: Some(20) };
        assert_eq!([9, 10, 19, 20].map(|now| validity.holds(now)), [false, true, true, false]);
        assert!(Validity::default().holds(0) && !Validity::default().is_bounded());
    }
}
