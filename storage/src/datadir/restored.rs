//! `restored.json`: the directory was made from a copy, so what its store says of who serves a graph may be of the past.

use std::path::Path;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::{DataDir, bad};
use crate::{durable, error::Result, sealed};

const FILE: &str = "restored.json";

/// That a directory was restored. It stays until the names in it were compared with the other shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// What it was restored from, for people.
    pub from: String,
    /// When that copy was taken, Unix milliseconds, if it is of one time.
    pub taken_ms: Option<u64>,
    /// When it was restored, Unix milliseconds.
    pub restored_ms: u64,
}

impl Restored {
    /// That the directory was restored just now.
    pub fn now(from: impl Into<String>, taken_ms: Option<u64>) -> Self {
        Self { from: from.into(), taken_ms, restored_ms: crate::clock::unix_ms() }
    }

    pub(super) fn store(&self, dir: &Path) -> Result<()> {
        let text = sealed::seal_json(self).map_err(|error| bad(dir, error.to_string()))?;
        Ok(durable::write(&dir.join(FILE), &text)?)
    }
}

impl DataDir {
    /// The note that this directory was restored. One that is damaged says so too, without the particulars.
    pub fn restored(&self) -> Option<Restored> {
        let text = fs::read(self.path().join(FILE)).ok()?;
        let unknown = || Restored {
            from: "a copy that its damaged note does not name".into(),
            taken_ms: None,
            restored_ms: 0,
        };
        Some(sealed::open_json(&text, &[]).unwrap_or_else(|_| unknown()))
    }

    /// Notes that this directory was restored. Durable on return.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note_restored(&self, restored: &Restored) -> Result<()> {
        restored.store(self.path())
    }

    /// Removes the note: its names were compared with the other shards. Durable on return.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn settle_restored(&self) -> Result<()> {
        let file = self.path().join(FILE);
        if !file.exists() {
            return Ok(());
        }
        fs::remove_file(file)?;
        Ok(durable::sync_dir(self.path())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rocks::RocksOptions;

    #[test]
    fn the_note_stays_until_it_is_settled_and_damage_does_not_hide_it() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, _store) = DataDir::open_store(folder.path(), &RocksOptions::default()).unwrap();
        assert_eq!(dir.restored(), None);
        let note = Restored::now("checkpoint 7", Some(5));
        dir.note_restored(&note).unwrap();
        assert_eq!(dir.restored(), Some(note));
        fs::write(folder.path().join(FILE), b"{").unwrap();
        assert!(dir.restored().unwrap().from.contains("damaged"));
        dir.settle_restored().unwrap();
        dir.settle_restored().unwrap();
        assert_eq!(dir.restored(), None);
    }
}
