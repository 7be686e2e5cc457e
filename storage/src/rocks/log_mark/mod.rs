//! A note of how much of the log commits have written, so that a log that is missing or cut is told from one that ended
//! there.
//!
//! It is rewritten in place after each commit, before that is answered, and not synced: a kill of the process keeps it,
//! after a power cut it is a lower bound. RocksDB ignores the file and checkpoints do not have it.

mod notes;

use std::{
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use fs_err as fs;
use parking_lot::{Mutex, MutexGuard};

pub(super) use notes::{Extent, FILE, Found, LogNote, read};
use notes::{Notes, SLOT, place_of};

use super::{
    log_files::log_files,
    log_format::{BLOCK, Records},
};
use crate::{
    durable,
    error::{Result, StoreError},
    store::Durability,
};

/// Keeps the mark of a database that is open for writing. It tells the log when it cannot: the log alone is enough for
/// everything but finding damage.
pub(super) struct LogMark {
    state: Mutex<State>,
}

/// The mark and what it follows. Held over a commit, so that the mark never claims what a later commit has written.
pub(super) struct State {
    db: PathBuf,
    /// None before it is begun, and while it cannot be.
    file: Option<fs::File>,
    notes: Notes,
    /// The log that the newest commit went to.
    current: Option<fs::File>,
    /// The last attempt to write the mark failed; the next one does it all.
    failed: bool,
}

impl LogMark {
    /// Nothing is written before [`State::begin`].
    pub(super) fn new(db: &Path, relaxed: bool) -> Self {
        let notes = Notes { relaxed, ..Notes::default() };
        Self {
            state: Mutex::new(State {
                db: db.to_path_buf(),
                file: None,
                notes,
                current: None,
                failed: false,
            }),
        }
    }

    /// The mark, for one commit.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Begins a new mark in place of an earlier one, whose logs RocksDB has replayed when it opened. Durable on return.
    pub(super) fn begin(&mut self) {
        if let Err(error) = self.try_begin() {
            self.file = None;
            self.fail(&error);
        }
    }

    fn try_begin(&mut self) -> Result<()> {
        self.follow()?;
        let tmp = self.db.join(FILE).with_extension("tmp");
        let file = fs::File::create(&tmp)?;
        self.notes.place = place_of(&file);
        self.write_to(&file)?;
        file.sync_all()?;
        fs::rename(&tmp, self.db.join(FILE))?;
        durable::sync_dir(&self.db)?;
        self.file = Some(file);
        Ok(())
    }

    /// Notes a commit that has succeeded.
    pub(super) fn committed(&mut self, durability: Durability) {
        if let Err(error) = self.advance() {
            self.fail(&error);
            return;
        }
        if durability == Durability::Sync {
            // RocksDB syncs every log that is not synced yet.
            self.notes.logs.iter_mut().for_each(|note| note.synced = note.written);
        }
        self.write();
    }

    /// What is written now: what a sync that begins now covers.
    pub(super) fn reached(&self) -> Vec<LogNote> {
        self.notes.logs.clone()
    }

    /// Notes a sync that has succeeded.
    pub(super) fn synced(&mut self, reached: &[LogNote]) {
        for note in &mut self.notes.logs {
            if let Some(covered) = reached.iter().find(|covered| covered.number == note.number) {
                note.synced = covered.written;
            }
        }
        self.write();
    }

    /// A write or sync has failed: what was not synced may be lost.
    pub(super) fn give_up_unsynced(&mut self) {
        self.notes.logs.iter_mut().for_each(|note| note.written = note.synced);
        self.write();
    }

    /// Follows RocksDB to a new log, as after a flush, and makes the mark durable.
    pub(super) fn settle(&mut self) {
        let settled = self.follow().and_then(|()| {
            self.write();
            Ok(self.file.as_ref().map_or(Ok(()), |file| file.sync_data())?)
        });
        if let Err(error) = settled {
            self.fail(&error);
        }
    }

    /// Whether a commit that failed may be in the log all the same; with `same_log`, when no other log can have been begun.
    pub(super) fn may_have_grown(&self, same_log: bool) -> bool {
        self.has_grown(same_log).unwrap_or(true)
    }

    fn has_grown(&self, same_log: bool) -> Result<bool> {
        let newest = self.notes.logs.last().copied().unwrap_or_default();
        if let Some(file) = &self.current
            && has_record_behind(file, newest.written.bytes)?
        {
            return Ok(true);
        }
        let newer = if same_log { Vec::new() } else { log_files(&self.db)? };
        for (_, path) in newer.into_iter().filter(|(number, _)| *number > newest.number) {
            if has_record_behind(&fs::File::open(path)?, 0)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts the commit that was just written.
    fn advance(&mut self) -> Result<()> {
        if let (Some(file), Some(note)) = (&self.current, self.notes.logs.last_mut()) {
            let bytes = file.metadata()?.len();
            if bytes > note.written.bytes {
                note.written = Extent { bytes, commits: note.written.commits + 1 };
                return Ok(());
            }
        }
        self.follow()?;
        if let Some(note) = self.notes.logs.iter_mut().rev().find(|note| note.written.bytes > 0) {
            note.written.commits += 1;
        }
        Ok(())
    }

    /// Finds the logs that there are now.
    fn follow(&mut self) -> Result<()> {
        let found = log_files(&self.db)?;
        let newest = self.notes.logs.last().map_or(0, |note| note.number);
        self.notes.logs.retain(|note| found.iter().any(|(number, _)| *number == note.number));
        for (number, path) in found.into_iter().filter(|(number, _)| *number > newest) {
            let file = match fs::File::open(path) {
                // RocksDB has no use for it any more.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let written = Extent { bytes: file.metadata()?.len(), commits: 0 };
            self.notes.logs.push(LogNote { number, written, synced: Extent::default() });
            self.current = Some(file);
        }
        Ok(())
    }

    fn write(&mut self) {
        if self.file.is_none() {
            return self.begin();
        }
        self.notes.generation += 1;
        match self.file.as_ref().map_or(Ok(()), |file| self.write_to(file)) {
            Ok(()) => self.failed = false,
            Err(error) => {
                // The slot may be written in part, so the next attempt takes the same one: the other is whole.
                self.notes.generation -= 1;
                self.fail(&error.into());
            }
        }
    }

    /// Writes the slot of the generation.
    fn write_to(&self, file: &fs::File) -> std::io::Result<()> {
        let slot = self.notes.generation % 2 * SLOT as u64;
        file.file().write_all_at(self.notes.encode().as_bytes(), slot)
    }

    fn fail(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.failed, true) {
            tracing::warn!(%error, "cannot note how far the log was written: damage of its end may not be found");
        }
    }
}

/// Whether a whole record begins at or behind `offset`, where one ended.
fn has_record_behind(log: &fs::File, offset: u64) -> Result<bool> {
    let length = log.metadata()?.len();
    if length <= offset {
        return Ok(false);
    }
    let block = offset / BLOCK as u64 * BLOCK as u64;
    let mut bytes = vec![0; usize::try_from(length - block).unwrap_or(usize::MAX)];
    log.file().read_exact_at(&mut bytes, block)?;
    let begin = usize::try_from(offset - block).unwrap_or(usize::MAX);
    Ok(Records::new(&bytes, begin).next().is_some())
}
