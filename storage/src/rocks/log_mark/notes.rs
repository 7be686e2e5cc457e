//! The form of `db/log.mark`: two slots of 4 KiB that are written in turn, each with one sealed line,
//!
//! ```text
//! log-mark-1 GENERATION PLACE sync|relaxed NUMBER:BYTES:COMMITS:BYTES:COMMITS ...
//! ```
//!
//! the last part once per log: its number, what of it was synced, and what was written. The higher generation counts.

use std::{fmt::Write, os::unix::fs::MetadataExt, path::Path};

use fs_err as fs;

use crate::{
    error::{Result, StoreError},
    sealed,
};

pub(in crate::rocks) const FILE: &str = "log.mark";
pub(super) const SLOT: usize = 4096;
const MAGIC: &str = "log-mark-1";

/// A beginning of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::rocks) struct Extent {
    pub(in crate::rocks) bytes: u64,
    /// Commits in it.
    pub(in crate::rocks) commits: u64,
}

/// What is known of one log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::rocks) struct LogNote {
    pub(in crate::rocks) number: u64,
    /// On stable storage.
    pub(in crate::rocks) synced: Extent,
    /// Handed to the operating system, all of it by commits that succeeded.
    pub(in crate::rocks) written: Extent,
}

/// A mark.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::rocks) struct Notes {
    pub(super) generation: u64,
    /// Which file in which boot of the machine this is, see [`place_of`].
    pub(super) place: String,
    /// Whether commits were answered before their sync.
    pub(in crate::rocks) relaxed: bool,
    /// Oldest first.
    pub(in crate::rocks) logs: Vec<LogNote>,
}

impl Notes {
    /// One slot. Of more logs than have room the newest are noted.
    pub(super) fn encode(&self) -> String {
        let mode = if self.relaxed { "relaxed" } else { "sync" };
        let mut logs = String::new();
        for LogNote { number, synced, written } in self.logs.iter().rev() {
            let mut log = String::new();
            // Writing to a string does not fail.
            let _ = write!(
                log,
                " {number}:{}:{}:{}:{}",
                synced.bytes, synced.commits, written.bytes, written.commits
            );
            if logs.len() + log.len() > SLOT - 256 {
                break;
            }
            logs.insert_str(0, &log);
        }
        sealed::seal(&format!("{MAGIC} {} {} {mode}{logs}", self.generation, self.place))
    }

    fn decode(slot: &[u8]) -> Option<Self> {
        let mut parts = sealed::open(slot)?.split(' ');
        if parts.next()? != MAGIC {
            return None;
        }
        let generation = parts.next()?.parse().ok()?;
        let place = parts.next()?.to_owned();
        let relaxed = match parts.next()? {
            "sync" => false,
            "relaxed" => true,
            _ => return None,
        };
        let logs = parts.map(log_note).collect::<Option<_>>()?;
        Some(Self { generation, place, relaxed, logs })
    }
}

fn log_note(text: &str) -> Option<LogNote> {
    let numbers: Vec<u64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let &[number, synced, synced_commits, written, written_commits] = numbers.as_slice() else {
        return None;
    };
    Some(LogNote {
        number,
        synced: Extent { bytes: synced, commits: synced_commits },
        written: Extent { bytes: written, commits: written_commits },
    })
}

/// Tells a file apart from its copies, and this boot of the machine from the next: while both are the same nothing was
/// lost that the operating system had. Empty when that cannot be told.
pub(super) fn place_of(file: &fs::File) -> String {
    let Ok(boot) = fs::read_to_string("/proc/sys/kernel/random/boot_id") else {
        return String::new();
    };
    let Ok(metadata) = file.metadata() else {
        return String::new();
    };
    let born = metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let born = born.map_or(0, |since| since.as_nanos());
    format!("{}/{:x}/{:x}/{born:x}", boot.trim(), metadata.dev(), metadata.ino())
}

/// A mark that was found, and whether the machine has lost nothing since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::rocks) struct Found {
    pub(in crate::rocks) notes: Notes,
    /// The process may have been killed, but the machine was not: what was written is there, and what is behind it was
    /// not answered.
    pub(in crate::rocks) exact: bool,
}

impl Found {
    /// What of a log must be there.
    pub(in crate::rocks) fn demanded(&self, note: &LogNote) -> Extent {
        if self.exact { note.written } else { note.synced }
    }

    /// The note of a log.
    pub(in crate::rocks) fn of(&self, number: u64) -> Option<&LogNote> {
        self.notes.logs.iter().find(|note| note.number == number)
    }
}

/// Reads the mark of the directory `db`; an empty one is none.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is damaged.
pub(in crate::rocks) fn read(db: &Path) -> Result<Option<Found>> {
    let path = db.join(FILE);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    if bytes.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let newest = bytes.chunks(SLOT).take(2).filter_map(Notes::decode).max_by_key(|notes| notes.generation);
    let Some(notes) = newest else {
        return Err(StoreError::Corrupt {
            place: format!("'{}'", path.display()),
            detail: "this note of the log's length is damaged; nothing was changed. Without it the last commits of the \
                     log are not checked for being there: when nothing else is damaged, delete this file and start again \
                     (docs/errors/wal-damaged.md)"
                .into(),
        });
    };
    let place = place_of(&fs::File::open(&path)?);
    let exact = !place.is_empty() && place == notes.place;
    Ok(Some(Found { notes, exact }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(bytes: u64, commits: u64) -> Extent {
        Extent { bytes, commits }
    }

    fn notes(generation: u64, logs: u64) -> Notes {
        let note =
            |number| LogNote { number, synced: extent(10 * number, number), written: extent(u64::MAX, 9) };
        Notes { generation, place: "b/1/2/3".into(), relaxed: true, logs: (1..=logs).map(note).collect() }
    }

    #[test]
    fn slots_are_read_back() {
        for logs in [0, 1, 3] {
            let notes = notes(7, logs);
            assert_eq!(Notes::decode(notes.encode().as_bytes()), Some(notes));
        }
    }

    #[test]
    fn of_too_many_logs_the_newest_are_noted() {
        let encoded = notes(7, 1000).encode();
        assert!(encoded.len() <= SLOT, "{}", encoded.len());
        let logs = Notes::decode(encoded.as_bytes()).unwrap().logs;
        assert!(logs.len() > 50 && logs.last().unwrap().number == 1000, "{}", logs.len());
    }

    #[test]
    fn the_newer_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(read(folder.path()).unwrap(), None);
        let mut bytes = vec![0; SLOT + 300];
        for generation in [4, 5] {
            let slot = notes(generation, 2).encode();
            let at = (generation as usize % 2) * SLOT;
            bytes[at..at + slot.len()].copy_from_slice(slot.as_bytes());
        }
        let generation = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            read(folder.path()).map(|found| found.map(|found| found.notes.generation))
        };
        assert_eq!(generation(&bytes), Ok(Some(5)));
        bytes[SLOT + 20] ^= 1;
        assert_eq!(generation(&bytes), Ok(Some(4)));
        bytes[20] ^= 1;
        assert!(generation(&bytes).unwrap_err().to_string().contains("delete this file"));
        assert_eq!(generation(&[0; 100]), Ok(None));
    }
}
