//! Keeps a database with a damaged block writable.
//!
//! A compaction that meets a damaged block makes RocksDB refuse every write of every graph, and would again after each
//! start. So the first damage that is found is written to `db/DAMAGED`, and from then on tables are not compacted any
//! more: the database grows, and all that is not damaged goes on. A scrub that finds no damaged block in any table takes
//! the note back.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use fs_err as fs;
use parking_lot::Mutex;
use rocksdb::DB;

use super::{map_error, read::handle};
use crate::{
    durable,
    error::{Result, StoreError},
    sealed,
    space::Space,
};

const FILE: &str = "DAMAGED";
const COMPACTIONS_OFF: &str = "disable_auto_compactions";

/// Whether damage was found in the database directory `db`, now or in an earlier run.
pub(crate) fn is_damaged(db: &Path) -> bool {
    db.join(FILE).exists()
}

/// Whether a database directory is known to be damaged.
pub(super) struct Damage {
    db: PathBuf,
    read_only: bool,
    /// The first damage.
    first: Mutex<Option<String>>,
    /// How often damage was met since the start.
    met: AtomicU64,
}

impl Damage {
    pub(super) fn new(db: &Path, read_only: bool) -> Self {
        Self { db: db.to_path_buf(), read_only, first: Mutex::new(noted(db)), met: AtomicU64::new(0) }
    }

    /// The first damage that was found, now or in an earlier run.
    pub(super) fn first(&self) -> Option<String> {
        self.first.lock().clone()
    }

    /// How often damage was met since the start.
    pub(super) fn met(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }

    /// Sorts an error that `db` gave. The first damage stops compactions, now and in later runs.
    pub(super) fn sort(&self, db: &DB, error: &rocksdb::Error) -> StoreError {
        let error = map_error(error, &self.db);
        if error.is_corruption() {
            self.note(db, &error);
        }
        error
    }

    /// Notes that something is damaged. The first damage stops compactions, now and in later runs.
    pub(super) fn note(&self, db: &DB, error: &StoreError) {
        self.met.fetch_add(1, Ordering::Relaxed);
        let mut first = self.first.lock();
        if self.read_only || first.is_some() {
            return;
        }
        tracing::error!(%error, "the database has a damaged block: its tables are not compacted any more");
        set_compactions(db, false);
        let text = error.to_string().replace('\n', " ");
        if let Err(error) = write(&self.db, &text) {
            tracing::error!(%error, "cannot write down that the database is damaged");
        }
        *first = Some(text);
    }

    /// Takes the note back and lets tables be compacted again. Durable on return.
    pub(super) fn forget(&self, db: &DB) -> Result<()> {
        let mut first = self.first.lock();
        if self.read_only || first.is_none() {
            return Ok(());
        }
        fs::remove_file(self.db.join(FILE))?;
        durable::sync_dir(&self.db)?;
        set_compactions(db, true);
        *first = None;
        Ok(())
    }
}

fn noted(db: &Path) -> Option<String> {
    let bytes = fs::read(db.join(FILE)).ok()?;
    // A note of an earlier version, or one that was cut short, is a note all the same.
    Some(sealed::open(&bytes).unwrap_or("a damaged block was found in an earlier run").to_owned())
}

fn write(db: &Path, text: &str) -> std::io::Result<()> {
    fs::write(db.join(FILE), sealed::seal(text))?;
    fs::File::open(db.join(FILE))?.sync_all()?;
    durable::sync_dir(db)
}

fn set_compactions(db: &DB, on: bool) {
    let off = if on { "false" } else { "true" };
    for space in Space::ALL {
        if let Err(error) = db.set_options_cf(handle(db, space), &[(COMPACTIONS_OFF, off)]) {
            tracing::error!(%error, "cannot {} compactions", if on { "resume" } else { "stop" });
        }
    }
}
