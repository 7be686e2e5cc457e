//! `restored.json`: the directory was made from a copy, so what its store says of who serves a graph may be of the past.

use std::path::Path;

use fs_err as fs;

use super::{DataDir, bad};
use crate::{durable, error::Result, restored::Restored, sealed};

const FILE: &str = "restored.json";

impl Restored {
    pub(super) fn store(&self, dir: &Path) -> Result<()> {
        let text = sealed::seal_json(self).map_err(|error| bad(dir, error.to_string()))?;
        Ok(durable::write(&dir.join(FILE), &text)?)
    }
}

impl DataDir {
    /// The note that this directory was restored. One that is damaged says so too, without the particulars.
    pub fn restored(&self) -> Option<Restored> {
        let text = fs::read(self.path().join(FILE)).ok()?;
        Some(sealed::open_json(&text, &[]).unwrap_or_else(|_| Restored::unknown()))
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
