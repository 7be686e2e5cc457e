//! The chain: a line is sealed with the hash of all of it, the hash of the line before included.
//!
//! ```text
//! {"sequence":7,"time":"2026-11-30T13:00:00.000Z","previous":"HASH OF LINE 6","event":...,"hash":"HASH"}
//! ```
//!
//! HASH is SHA-256, in hex, of the bytes of the line up to `,"hash":`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::Entry;

const BEFORE_HASH: &str = r#","hash":""#;
const AFTER_HASH: &str = r#""}"#;
/// Hex digits of a hash.
const DIGITS: usize = 64;

/// Where a chain has come to: the last line, and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its sequence; 0 before the first line.
    pub sequence: u64,
    /// Its hash; zeros before the first line.
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { sequence: 0, hash: "0".repeat(DIGITS) }
    }
}

/// `SEQUENCE:HASH`
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let head = text.trim().split_once(':').and_then(|(sequence, hash)| {
            let is_hash = hash.len() == DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            Some(Self { sequence: sequence.parse().ok()?, hash: is_hash.then(|| hash.to_lowercase())? })
        });
        head.ok_or("give SEQUENCE:HASH, as egctl audit verify prints it")
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// One more than that of the line before.
    pub sequence: u64,
    /// When it was written, in UTC.
    pub time: String,
    /// Hash of the line before.
    pub previous: String,
    /// Its own.
    pub hash: String,
    /// What it tells.
    #[serde(flatten)]
    pub entry: Entry,
}

/// Why something is no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It is not of the form of one.
    #[error("it is no line of an audit log")]
    Form,
    /// Its hash is not that of its text.
    #[error("it was changed: its hash is another one")]
    Hash,
}

/// The line of an entry behind `head`, without a line break, and the head with it. `time` is in milliseconds since 1970.
pub(crate) fn seal(head: &Head, time: u64, entry: &Entry) -> (String, Head) {
    let sequence = head.sequence + 1;
    let time = DateTime::from_timestamp_millis(time as i64).unwrap_or_default();
    let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let told = serde_json::to_string(&entry.bounded()).unwrap_or_else(|_| "{}".to_owned());
    // An object with an event in it, without its braces.
    let told = told.trim_start_matches('{').strip_suffix('}').unwrap_or_default();
    let mut line = format!(r#"{{"sequence":{sequence},"time":"{time}","previous":"{}",{told}"#, head.hash);
    let hash = hash(&line);
    line.push_str(BEFORE_HASH);
    line.push_str(&hash);
    line.push_str(AFTER_HASH);
    (line, Head { sequence, hash })
}

/// Reads a line without its line break, and checks that its hash is that of its text.
///
/// # Errors
/// It is none, or it was changed.
pub(crate) fn read(text: &[u8]) -> Result<Line, BadLine> {
    let text = std::str::from_utf8(text).map_err(|_| BadLine::Form)?;
    let (sealed, digits) = text
        .strip_suffix(AFTER_HASH)
        .and_then(|text| text.split_at_checked(text.len().checked_sub(DIGITS)?))
        .and_then(|(text, digits)| Some((text.strip_suffix(BEFORE_HASH)?, digits)))
        .ok_or(BadLine::Form)?;
    let line: Line = serde_json::from_str(text).map_err(|_| BadLine::Form)?;
    if hash(sealed) != digits { Err(BadLine::Hash) } else { Ok(line) }
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

impl Line {
    /// The chain up to this line.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { sequence: self.sequence, hash: self.hash.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_was_sealed() {
        let entry =
            Entry { graph: Some("a\",\"hash\":\"".repeat(3)), ..Entry::new("create").detail("\n\u{1b}") };
        let (text, head) = seal(&Head::default(), 1_700_000_000_123, &entry);
        assert!(!text.contains('\n') && text.contains("\"time\":\"2023-11-14T22:13:20.123Z\""), "{text}");
        let line = read(text.as_bytes()).unwrap();
        assert_eq!((&line.entry, line.head()), (&entry, head.clone()));
        assert_eq!(line.previous, Head::default().hash);
        assert_eq!(head.to_string().parse(), Ok(head));
        for bad in ["", "7", ":", "7:abc", &format!("x:{}", "0".repeat(64))] {
            assert!(bad.parse::<Head>().is_err(), "{bad}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let entry = Entry { principal: Some("é".repeat(10_000)), ..Entry::new("denied") };
        let (text, _) = seal(&Head::default(), 0, &entry);
        assert!(text.len() < 2000, "{}", text.len());
        assert!(read(text.as_bytes()).unwrap().entry.principal.unwrap().ends_with("é..."));
    }
}
