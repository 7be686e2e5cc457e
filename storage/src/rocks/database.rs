//! The open database. It can be closed and opened again in place, which is what sets RocksDB going again after an error
//! that it does not recover from by itself.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fs_err as fs;
use parking_lot::RwLock;
use rocksdb::{Cache, DB, Options, statistics::Ticker};

use super::{RocksOptions, damage::is_damaged, manifest, map_error, options, wal};
use crate::{
    error::{Result, StoreError},
    space::Space,
};

/// The family that directories made before it lack.
pub(super) const NEWER: &str = Space::Channels.name();

/// Short reads take less. Others wait so long for those that take more, at each attempt to open the database again.
const READS: Duration = Duration::from_millis(20);

/// What an attempt to open the database again came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reopened {
    /// It takes reads and writes.
    Open,
    /// Somebody reads a view of it, which has to end first; nothing was done.
    InUse,
}

/// Hands out the open database. Whoever holds it keeps it from being opened again.
pub(super) struct Database {
    path: PathBuf,
    choices: RocksOptions,
    cache: Cache,
    /// With the statistics, which go on when it is opened again.
    options: Options,
    current: RwLock<Current>,
    /// Its own work was ended, so that it must be opened again.
    ended: AtomicBool,
}

struct Current {
    /// None when it could not even be opened for reading.
    db: Option<Arc<DB>>,
    /// Why it was opened for reading only although it is to be written.
    refusal: Option<StoreError>,
}

impl Database {
    /// Opens the database as [`super::RocksStore::open`] says.
    pub(super) fn open(path: &Path, choices: &RocksOptions, cache: &Cache) -> Result<Self> {
        check(path, choices)?;
        let options = options::database(choices);
        let current = match open(path, &options, choices, cache, choices.read_only) {
            Ok(db) => Current { db: Some(Arc::new(db)), refusal: None },
            Err(error) if choices.serve_without_room && is_shortage(&error) => {
                tracing::error!(%error, "there is no room to replay the log: the database is open for reading only");
                let db = open(path, &options, choices, cache, true)?;
                Current { db: Some(Arc::new(db)), refusal: Some(error) }
            }
            Err(StoreError::DiskFull { path, detail }) => {
                let detail = format!(
                    "{detail}: the log cannot be replayed; free space and start again, nothing is lost"
                );
                return Err(StoreError::BadDirectory { path, detail });
            }
            Err(error) => return Err(error),
        };
        let (path, choices, cache) = (path.to_path_buf(), choices.clone(), cache.clone());
        let (current, ended) = (RwLock::new(current), AtomicBool::new(false));
        Ok(Self { path, choices, cache, options, current, ended })
    }

    /// What RocksDB has counted since it was opened first.
    pub(super) fn counted(&self, ticker: Ticker) -> u64 {
        self.options.get_ticker_count(ticker)
    }

    /// The open database.
    ///
    /// # Errors
    /// When it could not be opened again: why.
    pub(super) fn get(&self) -> Result<Arc<DB>> {
        let current = self.current.read();
        match (&current.db, &current.refusal) {
            (Some(db), _) => Ok(Arc::clone(db)),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Err(StoreError::other("the database is closed")),
        }
    }

    #[cfg(test)]
    pub(super) fn drop_family(&mut self, name: &str) {
        let db = self.current.get_mut().db.as_mut().and_then(Arc::get_mut);
        db.expect("nobody else holds it").drop_cf(name).unwrap();
    }

    /// Why it takes no writes although it is to be written, if so.
    pub(super) fn refusal(&self) -> Option<StoreError> {
        self.current.read().refusal.clone()
    }

    /// Whether it flushes and merges no more and must be opened again.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Closes the database and opens it again, unless somebody holds it: then its flushes and merges are ended, so that who
    /// waits for one gets an error and lets go. Blocks while the log is replayed; who reads meanwhile waits. When it cannot be
    /// opened for writing it is opened for reading.
    ///
    /// # Errors
    /// Why it takes no writes. A database that holds another state than before, or whose files fail their check, is
    /// [`StoreError::Poisoned`].
    pub(super) fn reopen(&self) -> Result<Reopened> {
        check(&self.path, &self.choices)?;
        let mut current = self.current.write();
        let before = match current.db.take().map(released) {
            Some(Err(held)) => {
                held.cancel_all_background_work(false);
                self.ended.store(true, Ordering::Relaxed);
                current.db = Some(held);
                return Ok(Reopened::InUse);
            }
            Some(Ok(db)) => {
                let before = db.latest_sequence_number();
                drop(db);
                Some(before)
            }
            None => None,
        };
        self.ended.store(false, Ordering::Relaxed);
        let open = |read_only| open(&self.path, &self.options, &self.choices, &self.cache, read_only);
        let opened = open(false);
        current.refusal = opened.as_ref().err().cloned();
        current.db = match opened {
            Ok(db) => Some(Arc::new(db)),
            Err(_) => open(true).ok().map(Arc::new),
        };
        if let Some(error) = &current.refusal {
            return Err(error.clone());
        }
        let found = current.db.as_ref().map(|db| db.latest_sequence_number());
        if before.is_some() && before != found {
            let reason = format!(
                "opened again, the database is at change {found:?}, not at {before:?}: a write that was refused may be stored"
            );
            return Err(StoreError::Poisoned { reason });
        }
        Ok(Reopened::Open)
    }
}

/// The database, once the short reads of the moment let go of it.
#[expect(clippy::disallowed_methods, reason = "no more can begin meanwhile; nothing tells when they end")]
fn released(db: Arc<DB>) -> std::result::Result<DB, Arc<DB>> {
    let begun = Instant::now();
    while Arc::strong_count(&db) > 1 && begun.elapsed() < READS {
        std::thread::sleep(Duration::from_millis(1));
    }
    Arc::try_unwrap(db)
}

/// Whether room or descriptors were missing, which may be there later.
pub(super) fn is_shortage(error: &StoreError) -> bool {
    matches!(error, StoreError::DiskFull { .. } | StoreError::OutOfDescriptors { .. })
}

/// Checks what RocksDB would take for an empty database or a torn end. Reads only.
fn check(path: &Path, choices: &RocksOptions) -> Result<()> {
    let needed = manifest::check_manifest(path)?;
    wal::check_logs(path, &needed, choices.strict_wal).map(drop)
}

fn open(
    path: &Path,
    database: &Options,
    choices: &RocksOptions,
    cache: &Cache,
    read_only: bool,
) -> Result<DB> {
    let mut families = options::families(choices, cache, choices.merge_tables && !is_damaged(path));
    let opened = if read_only {
        // Opened for writing, a missing family is created.
        if DB::list_cf(database, path).is_ok_and(|found| !found.iter().any(|name| name == NEWER)) {
            families.retain(|family| family.name() != NEWER);
        }
        DB::open_cf_descriptors_read_only(database, path, families, false)
    } else {
        fs::create_dir_all(path)?;
        DB::open_cf_descriptors(database, path, families)
    };
    opened.map_err(|error| map_error(&error, path))
}
