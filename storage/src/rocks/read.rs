//! Reads of the newest state and of snapshots.

use std::sync::Arc;

use rocksdb::{
    ColumnFamily, DB, DBPinnableSlice, DBRawIteratorWithThreadMode, DEFAULT_COLUMN_FAMILY_NAME, ReadOptions,
    SnapshotWithThreadMode,
};
use self_cell::self_cell;

use super::damage::Damage;
use crate::{
    error::{Result, StoreError},
    space::Space,
    store::{Cursor, Direction, Entry, KeyRange, Read, ScanOptions},
};

/// The handle of a space; every family is opened at start. A space that a read-only directory of an earlier version
/// lacks is RocksDB's own family, which is always empty.
pub(super) fn handle(db: &DB, space: Space) -> &ColumnFamily {
    db.cf_handle(space.name())
        .or_else(|| db.cf_handle(DEFAULT_COLUMN_FAMILY_NAME))
        .expect("all column families are opened together")
}

/// Values looked at together.
const PINNED_KEYS: usize = 128;

fn bounded(range: KeyRange, fill_cache: bool) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.fill_cache(fill_cache);
    options.set_iterate_lower_bound(range.start);
    if let Some(end) = range.end {
        options.set_iterate_upper_bound(end);
    }
    options
}

type NativeSnapshot<'d> = SnapshotWithThreadMode<'d, DB>;
type NativeIterator<'d> = DBRawIteratorWithThreadMode<'d, DB>;

self_cell!(
    /// A snapshot that keeps its database open.
    pub(super) struct Snapshot {
        owner: Arc<DB>,
        #[covariant]
        dependent: NativeSnapshot,
    }
);

self_cell!(
    /// An iterator that keeps its database open.
    struct Iterator {
        owner: Arc<DB>,
        #[covariant]
        dependent: NativeIterator,
    }
);

/// Reads of one state of `db`: the newest per call, or one snapshot for all.
pub(super) struct Reader<'d> {
    db: Arc<DB>,
    damage: &'d Damage,
    snapshot: Option<Snapshot>,
}

impl<'d> Reader<'d> {
    /// Reads of the newest state.
    pub(super) fn latest(db: Arc<DB>, damage: &'d Damage) -> Self {
        Self { db, damage, snapshot: None }
    }

    /// Reads of the state as of now.
    pub(super) fn snapshot(db: Arc<DB>, damage: &'d Damage) -> Self {
        let snapshot = Snapshot::new(Arc::clone(&db), |db| db.snapshot());
        Self { db, damage, snapshot: Some(snapshot) }
    }

    fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default();
        self.see(&mut options);
        options
    }

    fn see(&self, options: &mut ReadOptions) {
        if let Some(snapshot) = &self.snapshot {
            options.set_snapshot(snapshot.borrow_dependent());
        }
    }

    pub(super) fn scan_boxed<'a>(
        &self,
        space: Space,
        range: KeyRange,
        ScanOptions { direction, fill_cache }: ScanOptions,
    ) -> Box<dyn Cursor + 'a>
    where
        'd: 'a,
    {
        let mut options = bounded(range, fill_cache);
        self.see(&mut options);
        let iterator =
            Iterator::new(Arc::clone(&self.db), |db| db.raw_iterator_cf_opt(handle(db, space), options));
        Box::new(RocksCursor { iterator, direction, started: false, damage: self.damage })
    }
}

impl Reader<'_> {
    /// Looks keys up in slices: what is found stays pinned in memory until its slice is done.
    fn multi_get_pinned<T>(
        &self,
        space: Space,
        keys: &[Vec<u8>],
        take: impl Fn(Option<DBPinnableSlice<'_>>) -> T,
    ) -> Result<Vec<T>> {
        let (handle, options) = (handle(&self.db, space), self.options());
        let mut found = Vec::with_capacity(keys.len());
        for slice in keys.chunks(PINNED_KEYS) {
            for value in self.db.batched_multi_get_cf_opt(handle, slice, false, &options) {
                found.push(take(value.map_err(|error| self.damage.sort(&self.db, &error))?));
            }
        }
        Ok(found)
    }
}

impl Read for Reader<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db
            .get_pinned_cf_opt(handle(&self.db, space), key, &self.options())
            .map(|value| value.map(|value| value.to_vec()))
            .map_err(|error| self.damage.sort(&self.db, &error))
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.db
            .get_pinned_cf_opt(handle(&self.db, space), key, &self.options())
            .map(|value| value.is_some())
            .map_err(|error| self.damage.sort(&self.db, &error))
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.multi_get_pinned(space, keys, |value| value.map(|value| value.to_vec()))
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.multi_get_pinned(space, keys, |value| value.is_some())
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(self.scan_boxed(space, range, options))
    }
}

struct RocksCursor<'d> {
    iterator: Iterator,
    direction: Direction,
    started: bool,
    damage: &'d Damage,
}

impl Cursor for RocksCursor<'_> {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        let (direction, started) = (self.direction, std::mem::replace(&mut self.started, true));
        self.iterator.with_dependent_mut(|_, iterator| match (started, direction) {
            (false, Direction::Forward) => iterator.seek_to_first(),
            (false, Direction::Reverse) => iterator.seek_to_last(),
            (true, _) if !iterator.valid() => {}
            (true, Direction::Forward) => iterator.next(),
            (true, Direction::Reverse) => iterator.prev(),
        });
        let (db, iterator) = (self.iterator.borrow_owner(), self.iterator.borrow_dependent());
        if !iterator.valid() {
            return iterator.status().map(|()| None).map_err(|error| self.damage.sort(db, &error));
        }
        Ok(iterator.item())
    }
}

/// Stands in for a view of a database that is not open: every read of it fails.
pub(super) struct Closed(pub(super) StoreError);

impl Read for Closed {
    fn get(&self, _: Space, _: &[u8]) -> Result<Option<Vec<u8>>> {
        Err(self.0.clone())
    }

    fn contains(&self, _: Space, _: &[u8]) -> Result<bool> {
        Err(self.0.clone())
    }

    fn multi_get(&self, _: Space, _: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        Err(self.0.clone())
    }

    fn multi_contains(&self, _: Space, _: &[Vec<u8>]) -> Result<Vec<bool>> {
        Err(self.0.clone())
    }

    fn scan<'a>(&'a self, _: Space, _: KeyRange, _: ScanOptions) -> Result<Box<dyn Cursor + 'a>> {
        Err(self.0.clone())
    }
}
