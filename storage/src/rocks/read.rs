//! Reads of the newest state and of snapshots.

use rocksdb::{
    ColumnFamily, DB, DBAccess, DBPinnableSlice, DBRawIteratorWithThreadMode, DEFAULT_COLUMN_FAMILY_NAME,
    ReadOptions, SnapshotWithThreadMode,
};

use super::damage::Damage;
use crate::{
    error::Result,
    space::Space,
    store::{Cursor, Direction, Entry, KeyRange, Read},
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

fn bounded(range: KeyRange) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.fill_cache(!range.sweep);
    options.set_iterate_lower_bound(range.start);
    if let Some(end) = range.end {
        options.set_iterate_upper_bound(end);
    }
    options
}

/// Reads of one state of `db`: the newest per call, or one snapshot for all.
pub(super) struct Reader<'d> {
    pub(super) db: &'d DB,
    pub(super) damage: &'d Damage,
    pub(super) snapshot: Option<SnapshotWithThreadMode<'d, DB>>,
}

impl<'d> Reader<'d> {
    fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default();
        if let Some(snapshot) = &self.snapshot {
            options.set_snapshot(snapshot);
        }
        options
    }

    pub(super) fn scan_boxed<'a>(
        &self,
        space: Space,
        range: KeyRange,
        direction: Direction,
    ) -> Box<dyn Cursor + 'a>
    where
        'd: 'a,
    {
        let mut options = bounded(range);
        if let Some(snapshot) = &self.snapshot {
            options.set_snapshot(snapshot);
        }
        let iterator = self.db.raw_iterator_cf_opt(handle(self.db, space), options);
        Box::new(RocksCursor { iterator, direction, started: false, db: self.db, damage: self.damage })
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
        let (handle, options) = (handle(self.db, space), self.options());
        let mut found = Vec::with_capacity(keys.len());
        for slice in keys.chunks(PINNED_KEYS) {
            for value in self.db.batched_multi_get_cf_opt(handle, slice, false, &options) {
                found.push(take(value.map_err(|error| self.damage.sort(self.db, &error))?));
            }
        }
        Ok(found)
    }
}

impl Read for Reader<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db
            .get_pinned_cf_opt(handle(self.db, space), key, &self.options())
            .map(|value| value.map(|value| value.to_vec()))
            .map_err(|error| self.damage.sort(self.db, &error))
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.db
            .get_pinned_cf_opt(handle(self.db, space), key, &self.options())
            .map(|value| value.is_some())
            .map_err(|error| self.damage.sort(self.db, &error))
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
        direction: Direction,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(self.scan_boxed(space, range, direction))
    }
}

struct RocksCursor<'a, D: DBAccess> {
    iterator: DBRawIteratorWithThreadMode<'a, D>,
    direction: Direction,
    started: bool,
    db: &'a DB,
    damage: &'a Damage,
}

impl<D: DBAccess> Cursor for RocksCursor<'_, D> {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        match (self.started, self.direction) {
            (false, Direction::Forward) => self.iterator.seek_to_first(),
            (false, Direction::Reverse) => self.iterator.seek_to_last(),
            (true, _) if !self.iterator.valid() => {}
            (true, Direction::Forward) => self.iterator.next(),
            (true, Direction::Reverse) => self.iterator.prev(),
        }
        self.started = true;
        if !self.iterator.valid() {
            return self.iterator.status().map(|()| None).map_err(|error| self.damage.sort(self.db, &error));
        }
        Ok(self.iterator.item())
    }
}
