//! How far a scrub is, and what it found: `scrub.json` in the data directory.

use std::{io::ErrorKind, path::Path};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::{durable, error::Result, sealed};

/// Name of the file.
pub(crate) const FILE: &str = "scrub.json";
/// Findings kept; the pass goes on and counts all.
const KEPT: usize = 64;

/// What passes came to. One that was never written, or was damaged, is that of a store that was never scrubbed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubLog {
    /// The pass that is not complete.
    pub running: Option<Place>,
    /// The newest complete pass.
    pub last: Option<LastPass>,
    /// What the newest pass found, oldest first, at most 64.
    pub findings: Vec<Finding>,
    /// How many there were.
    pub found: u64,
}

/// Where a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// When it began, Unix milliseconds.
    pub begun_ms: u64,
    /// Tables below this number are done.
    pub next: u64,
    /// Tables above this number are younger than the pass.
    pub upto: u64,
    /// Bytes read so far.
    pub read: u64,
}

/// A complete pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPass {
    /// When it began, Unix milliseconds.
    pub begun_ms: u64,
    /// When it ended, Unix milliseconds.
    pub ended_ms: u64,
    /// Bytes read.
    pub read: u64,
    /// Damaged parts that it found.
    pub found: u64,
}

/// A damaged part of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the table.
    pub table: String,
    /// Name of the space of its records.
    pub space: String,
    /// The graphs that are quarantined for it; none when nobody's records could be shown to be in it.
    pub graphs: Vec<String>,
    /// What is wrong, with file and offset.
    pub reason: String,
}

impl ScrubLog {
    /// What was written last in the data directory `dir`.
    pub fn load(dir: &Path) -> Self {
        match fs::read(dir.join(FILE)) {
            Ok(text) => sealed::open_json(&text, &[]).unwrap_or_else(|reason| {
                tracing::warn!(reason, "{FILE} cannot be read: the scrub begins anew");
                Self::default()
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::default(),
            Err(error) => {
                tracing::warn!(%error, "the scrub begins anew");
                Self::default()
            }
        }
    }

    /// Writes it down. Durable on return; blocks.
    pub fn store(&self, dir: &Path) -> Result<()> {
        let text = sealed::seal_json(self).map_err(std::io::Error::other)?;
        Ok(durable::write(&dir.join(FILE), &text)?)
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.found += 1;
        if self.findings.len() < KEPT {
            self.findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_loaded_and_damage_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ScrubLog::load(dir.path()), ScrubLog::default());
        let mut log = ScrubLog {
            running: Some(Place { begun_ms: 5, next: 7, upto: 9, read: 1 << 40 }),
            last: Some(LastPass { begun_ms: 1, ended_ms: 2, read: 3, found: 4 }),
            ..ScrubLog::default()
        };
        for number in 0..KEPT + 5 {
            let (table, graphs) = (format!("{number:06}.sst"), vec!["g".to_owned()]);
            log.add(Finding { table, space: "nodes".into(), graphs, reason: "a bit".into() });
        }
        assert_eq!((log.findings.len(), log.found), (KEPT, KEPT as u64 + 5));
        log.store(dir.path()).unwrap();
        assert_eq!(ScrubLog::load(dir.path()), log);
        let mut text = fs::read(dir.path().join(FILE)).unwrap();
        text[20] ^= 1;
        fs::write(dir.path().join(FILE), text).unwrap();
        assert_eq!(ScrubLog::load(dir.path()), ScrubLog::default());
    }
}
