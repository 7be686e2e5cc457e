//! Opening, committing and checkpointing.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use fs_err as fs;
use parking_lot::Mutex;
use rocksdb::{Cache, DB, FlushOptions, LiveFile, Range, WriteOptions, checkpoint::Checkpoint};

use super::{
    RocksOptions,
    ballast::Ballast,
    bulk::RocksBulk,
    compaction,
    damage::Damage,
    database::{Database, Reopened, is_shortage},
    free_space::{FreeSpace, Reserve},
    log_mark::LogMark,
    manifest_mark::ManifestMark,
    read::{Closed, Reader, handle},
    table::{MissingTable, RocksTableCheck},
};
use crate::{
    batch::{Change, WriteBatch},
    error::{Result, StoreError},
    scrub::{Table, TableCheck},
    space::Space,
    store::{BulkLoad, Cursor, Durability, KeyRange, Read, ScanOptions, Store, StoreStats, bytes_left},
};

/// A range that takes less in the tables is counted entry by entry.
const COUNTED_BYTES: u64 = 256 << 10;

/// So long RocksDB is left to recover by itself from a full disk, which it looks at every five seconds.
const OWN_RECOVERY: Duration = Duration::from_secs(7);

/// A store in one RocksDB database.
pub struct RocksStore {
    pub(super) database: Database,
    path: PathBuf,
    cache: Cache,
    free_space: FreeSpace,
    damage: Damage,
    manifest_mark: ManifestMark,
    log_mark: LogMark,
    read_only: bool,
    /// A write or sync has failed so that nobody knows what the log holds: nothing is written any more.
    in_doubt: AtomicBool,
    /// RocksDB refused a write for want of room or descriptors, and since when it has gone on doing so.
    stuck: Mutex<Option<(StoreError, Instant)>>,
    /// Failures of flushes and merges that were looked into.
    failures: AtomicU64,
}

impl RocksStore {
    /// Opens the database in the directory `path`, creating it unless read-only. Replays the log of a crash;
    /// blocks until done.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming file and offset when the log is damaged before its end, cut or gone, or a table or
    /// manifest fails its checksum. Nothing is changed then.
    pub fn open(path: &Path, choices: &RocksOptions) -> Result<Self> {
        let cache = Cache::new_lru_cache(choices.block_cache_bytes);
        let damage = Damage::new(path, choices.read_only);
        if let Some(first) = damage.first()
            && !choices.read_only
        {
            tracing::error!(
                first,
                "the database in '{}' has damaged blocks and is not compacted: make a new directory of what is \
                 sound with 'egctl salvage', or restore a checkpoint (docs/errors/corrupt.md)",
                path.display()
            );
        }
        let ballast = Ballast::new(path, choices.ballast_bytes);
        let database = match Database::open(path, choices, &cache) {
            Err(StoreError::BadDirectory { .. } | StoreError::DiskFull { .. })
                if !choices.read_only && ballast.drop() =>
            {
                Database::open(path, choices, &cache)?
            }
            opened => opened?,
        };
        let bulk_dir = path.join(super::bulk::DIRECTORY);
        if !choices.read_only && bulk_dir.exists() {
            fs::remove_dir_all(&bulk_dir)?;
        }
        let free_space = FreeSpace::new(path, choices.min_free_bytes, ballast);
        let (manifest_mark, log_mark) = (ManifestMark::new(path), LogMark::new(path, !choices.strict_wal));
        if !choices.read_only {
            manifest_mark.renew();
            if database.refusal().is_none() {
                log_mark.lock().begin();
            }
            free_space.renew_ballast();
        }
        Ok(Self {
            database,
            path: path.to_path_buf(),
            cache,
            free_space,
            damage,
            manifest_mark,
            log_mark,
            read_only: choices.read_only,
            in_doubt: AtomicBool::new(false),
            stuck: Mutex::new(None),
            failures: AtomicU64::new(0),
        })
    }

    fn reader(&self) -> Result<Reader<'_>> {
        Ok(Reader::latest(self.database.get()?, &self.damage))
    }

    fn writable(&self) -> Result<()> {
        if self.read_only {
            return Err(StoreError::ReadOnly);
        }
        self.database.refusal().map_or(Ok(()), Err)
    }

    /// Sorts the error of a write, and remembers one that RocksDB may go on giving.
    fn write_failed(&self, db: &DB, error: &rocksdb::Error) -> StoreError {
        let error = self.damage.sort(db, error);
        if is_shortage(&error) {
            self.stuck.lock().get_or_insert_with(|| (error.clone(), Instant::now()));
        }
        error
    }

    /// An error of a write or sync of the log that leaves it open what is stored.
    fn doubtful(&self, error: StoreError) -> StoreError {
        self.in_doubt.store(true, Ordering::Relaxed);
        self.log_mark.lock().give_up_unsynced();
        if let StoreError::DiskFull { detail, .. } = error {
            return StoreError::other(format!(
                "{detail}: whether the write is stored is known after the next start"
            ));
        }
        error
    }

    /// Asks for a write of nothing: refused while RocksDB takes no writes.
    fn probe(&self) -> Result<()> {
        let db = self.database.get()?;
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        db.write_opt(rocksdb::WriteBatch::default(), &options).map_err(|error| self.write_failed(&db, &error))
    }

    /// Flushes and merges that have failed since the database was opened. RocksDB counts those of all families with the
    /// default one.
    fn background_errors(&self) -> u64 {
        self.database
            .get()
            .map_or(0, |db| db.property_int_value("rocksdb.background-errors").ok().flatten().unwrap_or(0))
    }

    /// Whether a flush or a merge has failed since the last time it was asked.
    fn has_failed(&self) -> bool {
        let found = self.background_errors();
        self.failures.swap(found, Ordering::Relaxed) != found
    }

    fn reopen(&self) -> Result<()> {
        match self.database.reopen()? {
            Reopened::InUse => {
                let stuck = self.stuck.lock().as_ref().map(|(error, _)| error.clone());
                stuck.or_else(|| self.database.refusal()).map_or(Ok(()), Err)
            }
            Reopened::Open => {
                tracing::info!("the database was opened again and takes writes");
                *self.stuck.lock() = None;
                self.failures.store(0, Ordering::Relaxed);
                self.manifest_mark.renew();
                self.log_mark.lock().begin();
                Ok(())
            }
        }
    }
}

impl Read for RocksStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.reader()?.get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.reader()?.contains(space, key)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.reader()?.multi_get(space, keys)
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.reader()?.multi_contains(space, keys)
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(self.reader()?.scan_boxed(space, range, options))
    }
}

impl Store for RocksStore {
    fn read_view(&self) -> Box<dyn Read + '_> {
        match self.database.get() {
            Ok(db) => Box::new(Reader::snapshot(db, &self.damage)),
            Err(error) => Box::new(Closed(error)),
        }
    }

    fn commit(&self, batch: WriteBatch, durability: Durability) -> Result<()> {
        self.writable()?;
        let reserve = if batch.frees_room() { Reserve::Used } else { Reserve::Kept };
        self.free_space.check(batch.bytes() as u64, reserve)?;
        let db = self.database.get()?;
        let mut native = rocksdb::WriteBatch::with_capacity_bytes(batch.bytes() + 32 * batch.len());
        let handles = Space::ALL.map(|space| handle(&db, space));
        for change in batch.changes() {
            match change {
                Change::Put(space, key, value) => native.put_cf(handles[space.index()], key, value),
                Change::Delete(space, key) => native.delete_cf(handles[space.index()], key),
                Change::DeleteRange(space, start, end) => {
                    if start < end {
                        native.delete_range_cf(handles[space.index()], start, end);
                    }
                }
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Sync);
        let mut mark = self.log_mark.lock();
        if let Err(error) = db.write_opt(native, &options) {
            let error = self.write_failed(&db, &error);
            let grown = mark.may_have_grown(matches!(error, StoreError::OutOfDescriptors { .. }));
            drop(mark);
            return Err(if is_shortage(&error) && !grown { error } else { self.doubtful(error) });
        }
        mark.committed(durability);
        drop(mark);
        self.manifest_mark.renew();
        Ok(())
    }

    fn accepts_writes(&self) -> Result<()> {
        self.writable()?;
        self.free_space.check(0, Reserve::Kept)?;
        if let Some((error, _)) = &*self.stuck.lock() {
            return Err(error.clone());
        }
        // A flush may have failed since `recover` looked: RocksDB may refuse the next write for it.
        if self.background_errors() == self.failures.load(Ordering::Relaxed) { Ok(()) } else { self.probe() }
    }

    fn recover(&self) -> Result<()> {
        if self.read_only {
            return Err(StoreError::ReadOnly);
        }
        if let Some(refusal) = self.database.refusal() {
            self.free_space.check(0, Reserve::Used)?;
            return if enough_descriptors() { self.reopen() } else { Err(refusal) };
        }
        if self.database.has_ended() {
            return self.reopen();
        }
        if self.stuck.lock().is_none() && !self.has_failed() {
            self.free_space.renew_ballast();
            return self.free_space.check(0, Reserve::Kept);
        }
        let Err(error) = self.probe() else {
            *self.stuck.lock() = None;
            return self.free_space.check(0, Reserve::Kept);
        };
        if !is_shortage(&error) {
            return Err(error);
        }
        self.free_space.check(0, Reserve::Kept)?;
        let since = self.stuck.lock().as_ref().map(|(_, since)| *since);
        let by_itself = matches!(error, StoreError::DiskFull { .. })
            && since.is_none_or(|since| since.elapsed() < OWN_RECOVERY);
        if by_itself || !enough_descriptors() { Err(error) } else { self.reopen() }
    }

    fn sync(&self) -> Result<()> {
        self.writable()?;
        let db = self.database.get()?;
        let reached = self.log_mark.lock().reached();
        db.flush_wal(true).map_err(|error| self.doubtful(self.damage.sort(&db, &error)))?;
        self.log_mark.lock().synced(&reached);
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        self.writable()?;
        let db = self.database.get()?;
        let handles = Space::ALL.map(|space| handle(&db, space));
        let flushed = db.flush_cfs_opt(&handles, &FlushOptions::default());
        flushed.map_err(|error| self.damage.sort(&db, &error))?;
        self.manifest_mark.renew();
        self.log_mark.lock().settle();
        Ok(())
    }

    fn bulk_load(&self) -> Result<Box<dyn BulkLoad + '_>> {
        self.writable()?;
        Ok(Box::new(RocksBulk::new(&self.database, &self.path, &self.cache, &self.free_space)?))
    }

    fn checkpoint(&self, dir: &Path) -> Result<()> {
        self.writable()?;
        if let Some((error, _)) = &*self.stuck.lock() {
            // What is in memory cannot be flushed.
            return Err(error.clone());
        }
        let db = self.database.get()?;
        Checkpoint::new(&db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(dir))
            .map_err(|error| self.damage.sort(&db, &error))?;
        self.manifest_mark.renew();
        self.log_mark.lock().settle();
        Ok(())
    }

    fn stats(&self) -> Result<StoreStats> {
        let db = self.database.get()?;
        let (mut tables, mut write_buffer_bytes) = (0, 0);
        for space in Space::ALL {
            let value = |property| -> Result<u64> {
                let value = db.property_int_value_cf(handle(&db, space), property);
                Ok(value.map_err(|error| self.damage.sort(&db, &error))?.unwrap_or(0))
            };
            tables += value("rocksdb.total-sst-files-size")?;
            write_buffer_bytes += value("rocksdb.size-all-mem-tables")?;
        }
        let sequence = db.latest_sequence_number();
        let (free_bytes, free_inodes) = (self.free_space.left(), self.free_space.inodes_left());
        let (bytes, cache_bytes) = (tables + write_buffer_bytes, self.cache.get_usage() as u64);
        let (disk_bytes, reserve_bytes) = (self.free_space.all(), Some(self.free_space.kept()));
        Ok(StoreStats {
            bytes,
            sequence,
            free_bytes,
            disk_bytes,
            reserve_bytes,
            free_inodes,
            cache_bytes,
            write_buffer_bytes,
        })
    }

    fn size_of(&self, space: Space, range: KeyRange) -> Result<u64> {
        // It looks at the indexes of the tables only, so it is coarser than a block and does not see the write buffers.
        let db = self.database.get()?;
        let end = range.end.as_deref().filter(|end| range.start.as_slice() < *end);
        let in_tables = end.map_or(0, |end| {
            let ranges = [Range::new(&range.start, end)];
            db.get_approximate_sizes_cf(handle(&db, space), &ranges).into_iter().sum()
        });
        if in_tables >= COUNTED_BYTES {
            return Ok(in_tables);
        }
        bytes_left(&mut *self.scan(space, range, ScanOptions::SWEEP)?)
    }

    fn drop_whole(&self, space: Space, range: &KeyRange) -> Result<()> {
        self.writable()?;
        let db = self.database.get()?;
        compaction::drop_tables(&db, space, range).map_err(|error| self.damage.sort(&db, &error))?;
        self.manifest_mark.renew();
        Ok(())
    }

    fn compact(&self, ranges: &[(Space, KeyRange)]) -> Result<bool> {
        self.writable()?;
        if self.damage.first().is_some() {
            return Ok(false);
        }
        let db = self.database.get()?;
        let failed_before = self.background_errors();
        self.free_space.check(compaction::unwritten(&db), Reserve::Used)?;
        self.flush()?;
        for space in Space::ALL {
            let of_space = |(of, range): &(Space, KeyRange)| (*of == space).then(|| range.clone());
            let ranges: Vec<_> = ranges.iter().filter_map(of_space).collect();
            if !ranges.is_empty() {
                self.free_space.check(compaction::cost(&db, space, &ranges), Reserve::Used)?;
                compaction::compact(&db, space, &ranges);
            }
        }
        self.manifest_mark.renew();
        Ok(self.background_errors() == failed_before)
    }

    fn oldest_view(&self) -> Option<u64> {
        let db = self.database.get().ok()?;
        // 0 when there is none.
        db.property_int_value("rocksdb.oldest-snapshot-time").ok()?.filter(|seconds| *seconds > 0)
    }

    fn verify(&self) -> Result<()> {
        for table in self.tables()? {
            let Some(mut check) = self.check_table(&table)? else { continue };
            loop {
                let checked = check.step()?;
                if let Some(part) = checked.damaged.into_iter().next() {
                    return Err(part.error);
                }
                if checked.is_last {
                    break;
                }
            }
        }
        let view = self.read_view();
        for space in Space::ALL {
            let mut cursor = view.scan(space, KeyRange::all(), ScanOptions::SWEEP)?;
            while cursor.next()?.is_some() {}
        }
        Ok(())
    }

    fn tables(&self) -> Result<Vec<Table>> {
        let db = self.database.get()?;
        let files = db.live_files().map_err(|error| self.damage.sort(&db, &error))?;
        Ok(files.into_iter().filter_map(table).collect())
    }

    fn check_table(&self, table: &Table) -> Result<Option<Box<dyn TableCheck>>> {
        if let Some(check) = RocksTableCheck::open(&self.path, table)? {
            return Ok(Some(Box::new(check)));
        }
        let is_needed = self.tables()?.iter().any(|needed| needed.number == table.number);
        Ok(is_needed.then(|| Box::new(MissingTable::new(&self.path, table)) as Box<dyn TableCheck>))
    }

    fn damage(&self) -> Option<String> {
        self.damage.first()
    }

    fn damage_met(&self) -> u64 {
        self.damage.met()
    }

    fn note_damage(&self, error: &StoreError) {
        if let Ok(db) = self.database.get() {
            self.damage.note(&db, error);
        }
    }

    fn forget_damage(&self) -> Result<()> {
        self.writable()?;
        self.damage.forget(&*self.database.get()?)
    }

    fn backend(&self) -> &'static str {
        "rocksdb"
    }
}

impl Drop for RocksStore {
    /// Leaves nothing to the log alone, so that a stopped store does not depend on it.
    fn drop(&mut self) {
        if self.read_only || self.in_doubt.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.flush() {
            tracing::debug!(%error, "the newest changes stay in the log, which the next start replays");
        }
    }
}

/// A table of one of our spaces; `file` is that of any family.
fn table(file: LiveFile) -> Option<Table> {
    let space = Space::ALL.into_iter().find(|space| space.name() == file.column_family_name)?;
    let name = file.name.trim_start_matches('/').to_owned();
    let number = name.strip_suffix(".sst")?.parse().ok()?;
    // The last key is one of its keys.
    let end = file.end_key.map(|key| [&key[..], &[0]].concat());
    let keys = KeyRange { start: file.start_key.unwrap_or_default(), end };
    Some(Table { number, name, space, bytes: file.size as u64, keys })
}

/// Descriptors that opening a database takes at least, beside those of its tables.
const SPARE_DESCRIPTORS: usize = 32;

/// Whether the process could open some files more.
fn enough_descriptors() -> bool {
    let open = || fs::File::open("/dev/null");
    (0..SPARE_DESCRIPTORS).map(|_| open()).collect::<std::io::Result<Vec<_>>>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rocks::database::NEWER;

    /// A directory from before the channels.
    fn older(path: &Path) {
        let mut store = RocksStore::open(path, &RocksOptions::default()).unwrap();
        let mut batch = WriteBatch::new();
        batch.put(Space::Nodes, b"k", b"v");
        store.commit(batch, Durability::Sync).unwrap();
        store.database.drop_family(NEWER);
    }

    #[test]
    fn a_directory_without_channels_gets_them() {
        let folder = tempfile::tempdir().unwrap();
        older(folder.path());
        let store = RocksStore::open(folder.path(), &RocksOptions::default()).unwrap();
        let mut batch = WriteBatch::new();
        batch.put(Space::Channels, b"c", b"d");
        store.commit(batch, Durability::Sync).unwrap();
        drop(store);
        let store = RocksStore::open(folder.path(), &RocksOptions::default()).unwrap();
        assert_eq!(store.get(Space::Channels, b"c").unwrap().as_deref(), Some(&b"d"[..]));
        assert_eq!(store.get(Space::Nodes, b"k").unwrap().as_deref(), Some(&b"v"[..]));
    }

    #[test]
    fn a_directory_without_channels_is_read_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        older(folder.path());
        let read_only = RocksOptions { read_only: true, ..RocksOptions::default() };
        let store = RocksStore::open(folder.path(), &read_only).unwrap();
        assert_eq!(store.get(Space::Channels, b"k").unwrap(), None);
        let mut cursor = store.scan(Space::Channels, KeyRange::all(), ScanOptions::FORWARD).unwrap();
        assert!(cursor.next().unwrap().is_none());
        drop(cursor);
        store.verify().unwrap();
        store.stats().unwrap();
        assert_eq!(store.get(Space::Nodes, b"k").unwrap().as_deref(), Some(&b"v"[..]));
    }
}
