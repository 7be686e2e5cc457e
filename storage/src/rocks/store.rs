//! Opening, committing and checkpointing.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rocksdb::{Cache, DB, Range, WriteOptions, checkpoint::Checkpoint};

use super::{
    RocksOptions,
    bulk::RocksBulk,
    damage::Damage,
    free_space::FreeSpace,
    manifest,
    manifest_mark::ManifestMark,
    map_error, options,
    read::{Reader, handle},
    wal,
};
use crate::{
    batch::{Change, WriteBatch},
    error::{Result, StoreError},
    space::Space,
    store::{BulkLoad, Cursor, Direction, Durability, KeyRange, Read, Store, StoreStats},
};

/// The family that directories made before it lack.
const NEWER: &str = Space::Channels.name();

/// A range that takes less in the tables is counted entry by entry.
const COUNTED_BYTES: u64 = 256 << 10;

/// A store in one RocksDB database.
pub struct RocksStore {
    db: DB,
    path: PathBuf,
    cache: Cache,
    free_space: FreeSpace,
    damage: Damage,
    manifest_mark: ManifestMark,
    read_only: bool,
}

impl RocksStore {
    /// Opens the database in the directory `path`, creating it unless read-only. Replays the log of a crash;
    /// blocks until done.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming file and offset when the log is damaged before its end, or a table or
    /// manifest fails its checksum. Nothing is changed then.
    pub fn open(path: &Path, choices: &RocksOptions) -> Result<Self> {
        manifest::check_manifest(path)?;
        if choices.strict_wal {
            wal::check_wals(path)?;
        }
        let cache = Cache::new_lru_cache(choices.block_cache_bytes);
        let damage = Damage::new(path, choices.read_only);
        if damage.is_known() {
            tracing::error!(
                "the database in '{}' has damaged blocks and is not compacted: move its graphs to a new directory by \
                 snapshot, or restore a checkpoint (docs/errors/corrupt.md)",
                path.display()
            );
        }
        let mut families = options::families(&cache, !damage.is_known());
        let database = options::database();
        let opened = if choices.read_only {
            // Opened for writing, a missing family is created.
            if DB::list_cf(&database, path).is_ok_and(|found| !found.iter().any(|name| name == NEWER)) {
                families.retain(|family| family.name() != NEWER);
            }
            DB::open_cf_descriptors_read_only(&database, path, families, false)
        } else {
            fs::create_dir_all(path)?;
            DB::open_cf_descriptors(&database, path, families)
        };
        let db = opened.map_err(|error| {
            let error = map_error(&error, path);
            if let StoreError::DiskFull { path, detail } = error {
                let detail = format!(
                    "{detail}: the log cannot be replayed; free space and start again, nothing is lost"
                );
                return StoreError::BadDirectory { path, detail };
            }
            error
        })?;
        let bulk_dir = path.join(super::bulk::DIRECTORY);
        if !choices.read_only && bulk_dir.exists() {
            fs::remove_dir_all(&bulk_dir)?;
        }
        let free_space = FreeSpace::new(path, choices.min_free_bytes);
        let manifest_mark = ManifestMark::new(path);
        if !choices.read_only {
            manifest_mark.renew();
        }
        let (path, read_only) = (path.to_path_buf(), choices.read_only);
        Ok(Self { db, path, cache, free_space, damage, manifest_mark, read_only })
    }

    fn reader(&self) -> Reader<'_> {
        Reader { db: &self.db, damage: &self.damage, snapshot: None }
    }

    fn map_error(&self, error: &rocksdb::Error) -> StoreError {
        self.damage.sort(&self.db, error)
    }

    fn writable(&self) -> Result<()> {
        if self.read_only { Err(StoreError::ReadOnly) } else { Ok(()) }
    }
}

impl Read for RocksStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.reader().get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.reader().contains(space, key)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.reader().multi_get(space, keys)
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.reader().multi_contains(space, keys)
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        direction: Direction,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(self.reader().scan_boxed(space, range, direction))
    }
}

impl Store for RocksStore {
    fn view(&self) -> Box<dyn Read + '_> {
        Box::new(Reader { db: &self.db, damage: &self.damage, snapshot: Some(self.db.snapshot()) })
    }

    fn commit(&self, batch: WriteBatch, durability: Durability) -> Result<()> {
        self.writable()?;
        self.free_space.check(batch.bytes() as u64)?;
        let mut native = rocksdb::WriteBatch::with_capacity_bytes(batch.bytes() + 32 * batch.len());
        let handles = Space::ALL.map(|space| handle(&self.db, space));
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
        self.db.write_opt(native, &options).map_err(|error| self.map_error(&error))?;
        self.manifest_mark.renew();
        Ok(())
    }

    fn accepts_writes(&self) -> Result<()> {
        self.writable()?;
        self.free_space.check(0)
    }

    fn sync(&self) -> Result<()> {
        self.db.flush_wal(true).map_err(|error| self.map_error(&error))
    }

    fn bulk_load(&self) -> Result<Box<dyn BulkLoad + '_>> {
        self.writable()?;
        Ok(Box::new(RocksBulk::new(&self.db, &self.path, &self.cache, &self.free_space)?))
    }

    fn checkpoint(&self, dir: &Path) -> Result<()> {
        self.writable()?;
        Checkpoint::new(&self.db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(dir))
            .map_err(|error| self.map_error(&error))?;
        self.manifest_mark.renew();
        Ok(())
    }

    fn stats(&self) -> Result<StoreStats> {
        let mut bytes = 0;
        for space in Space::ALL {
            for property in ["rocksdb.total-sst-files-size", "rocksdb.size-all-mem-tables"] {
                let value = self.db.property_int_value_cf(handle(&self.db, space), property);
                bytes += value.map_err(|error| self.map_error(&error))?.unwrap_or(0);
            }
        }
        let sequence = self.db.latest_sequence_number();
        Ok(StoreStats { bytes, sequence, free_bytes: self.free_space.left() })
    }

    fn size_of(&self, space: Space, range: KeyRange) -> Result<u64> {
        // It looks at the indexes of the tables only, so it is coarser than a block and does not see the write buffers.
        let end = range.end.as_deref().filter(|end| range.start.as_slice() < *end);
        let in_tables = end.map_or(0, |end| {
            let ranges = [Range::new(&range.start, end)];
            self.db.get_approximate_sizes_cf(handle(&self.db, space), &ranges).into_iter().sum()
        });
        if in_tables >= COUNTED_BYTES {
            return Ok(in_tables);
        }
        self.scan(space, range.swept(), Direction::Forward)?.bytes()
    }

    fn verify(&self) -> Result<()> {
        let view = self.view();
        for space in Space::ALL {
            let mut cursor = view.scan(space, KeyRange::all().swept(), Direction::Forward)?;
            while cursor.next()?.is_some() {}
        }
        Ok(())
    }

    fn backend(&self) -> &'static str {
        "rocksdb"
    }
}

impl Drop for RocksStore {
    fn drop(&mut self) {
        if !self.read_only {
            self.manifest_mark.renew();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory from before the channels.
    fn older(path: &Path) {
        let mut store = RocksStore::open(path, &RocksOptions::default()).unwrap();
        let mut batch = WriteBatch::new();
        batch.put(Space::Nodes, b"k", b"v");
        store.commit(batch, Durability::Sync).unwrap();
        store.db.drop_cf(NEWER).unwrap();
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
        let mut cursor = store.scan(Space::Channels, KeyRange::all(), Direction::Forward).unwrap();
        assert!(cursor.next().unwrap().is_none());
        drop(cursor);
        store.verify().unwrap();
        store.stats().unwrap();
        assert_eq!(store.get(Space::Nodes, b"k").unwrap().as_deref(), Some(&b"v"[..]));
    }
}
