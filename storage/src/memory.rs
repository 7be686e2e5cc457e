//! The memory backend: a copy-on-write ordered map, the oracle of every test.

use std::{path::Path, sync::Arc};

use imbl::OrdMap;
use parking_lot::RwLock;

use crate::{
    batch::{Change, WriteBatch},
    error::{Result, StoreError},
    space::Space,
    store::{
        BulkLoad, Cursor, Direction, Durability, Entry, KeyRange, Read, ScanOptions, Store, StoreStats,
        bytes_left,
    },
};

type Map = OrdMap<Vec<u8>, Vec<u8>>;

/// One state of all spaces; cloning it is O(1).
#[derive(Clone, Default)]
struct State {
    spaces: [Map; Space::ALL.len()],
    sequence: u64,
}

/// A store in memory. Clones are handles of the same store: one that is kept survives what was opened on another, as a disk
/// survives its server. Both durabilities mean the same.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<RwLock<State>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store of its own with the same content. O(1).
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { state: Arc::new(RwLock::new(self.snapshot())) }
    }

    fn snapshot(&self) -> State {
        self.state.read().clone()
    }
}

impl State {
    fn space(&self, space: Space) -> &Map {
        &self.spaces[space.index()]
    }

    fn apply(&mut self, change: Change<'_>) {
        match change {
            Change::Put(space, key, value) => {
                self.spaces[space.index()].insert(key.to_vec(), value.to_vec());
            }
            Change::Delete(space, key) => {
                self.spaces[space.index()].remove(key);
            }
            Change::DeleteRange(space, start, end) => {
                if start >= end {
                    return;
                }
                let map = &mut self.spaces[space.index()];
                let doomed: Vec<_> =
                    map.range(start.to_vec()..end.to_vec()).map(|(key, _)| key.clone()).collect();
                for key in doomed {
                    map.remove(&key);
                }
            }
        }
    }

    fn cursor(&self, space: Space, range: KeyRange, direction: Direction) -> MemoryCursor {
        MemoryCursor { map: self.space(space).clone(), range, direction, current: None }
    }
}

impl Read for State {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.space(space).get(key).cloned())
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        Ok(self.space(space).contains_key(key))
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        Ok(keys.iter().map(|key| self.space(space).contains_key(key)).collect())
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        Ok(keys.iter().map(|key| self.space(space).get(key).cloned()).collect())
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(Box::new(self.cursor(space, range, options.direction)))
    }
}

impl Read for MemoryStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.state.read().get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.state.read().contains(space, key)
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.state.read().multi_contains(space, keys)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.state.read().multi_get(space, keys)
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(Box::new(self.snapshot().cursor(space, range, options.direction)))
    }
}

impl Store for MemoryStore {
    fn read_view(&self) -> Box<dyn Read + '_> {
        Box::new(self.snapshot())
    }

    fn commit(&self, batch: WriteBatch, _durability: Durability) -> Result<()> {
        let mut state = self.state.write();
        state.sequence += batch.len() as u64;
        for change in batch.changes() {
            state.apply(change);
        }
        Ok(())
    }

    fn accepts_writes(&self) -> Result<()> {
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn bulk_load(&self) -> Result<Box<dyn BulkLoad + '_>> {
        Ok(Box::new(MemoryBulk { store: self, batch: WriteBatch::new() }))
    }

    fn checkpoint(&self, _dir: &Path) -> Result<()> {
        Err(StoreError::Unsupported { backend: self.backend(), what: "checkpoint" })
    }

    fn stats(&self) -> Result<StoreStats> {
        let state = self.state.read();
        let bytes = state.spaces.iter().flat_map(OrdMap::iter).map(|(k, v)| (k.len() + v.len()) as u64).sum();
        Ok(StoreStats { bytes, sequence: state.sequence, ..StoreStats::default() })
    }

    fn size_of(&self, space: Space, range: KeyRange) -> Result<u64> {
        bytes_left(&mut self.snapshot().cursor(space, range, Direction::Forward))
    }

    fn verify(&self) -> Result<()> {
        Ok(())
    }

    fn backend(&self) -> &'static str {
        "memory"
    }
}

struct MemoryBulk<'s> {
    store: &'s MemoryStore,
    batch: WriteBatch,
}

impl BulkLoad for MemoryBulk<'_> {
    fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        self.batch.put(space, key, value);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.store.commit(self.batch, Durability::Sync)
    }
}

struct MemoryCursor {
    map: Map,
    range: KeyRange,
    direction: Direction,
    current: Option<(Vec<u8>, Vec<u8>)>,
}

impl MemoryCursor {
    /// Narrows the range to what lies beyond the current entry.
    fn step(&mut self) {
        if let Some((key, _)) = self.current.take() {
            match self.direction {
                Direction::Forward => {
                    self.range.start = key;
                    self.range.start.push(0);
                }
                Direction::Reverse => self.range.end = Some(key),
            }
        }
    }
}

impl Cursor for MemoryCursor {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        self.step();
        let KeyRange { start, end, .. } = &self.range;
        if end.as_ref().is_some_and(|end| start >= end) {
            return Ok(None);
        }
        let mut range = match end {
            Some(end) => self.map.range(start.clone()..end.clone()),
            None => self.map.range(start.clone()..),
        };
        let found = match self.direction {
            Direction::Forward => range.next(),
            Direction::Reverse => range.next_back(),
        };
        self.current = found.map(|(key, value)| (key.clone(), value.clone()));
        Ok(self.current.as_ref().map(|(key, value)| (key.as_slice(), value.as_slice())))
    }
}
