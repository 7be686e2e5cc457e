//! A store that can be told to fail its commits. Clones share the store below and what they are told.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use epistemic_storage::{
    Durability, Space, Store, StoreError, WriteBatch,
    store::{BulkLoad, Cursor, Direction, KeyRange, Read, StoreStats},
};

type Result<T, E = StoreError> = std::result::Result<T, E>;

#[derive(Clone)]
pub struct Failing {
    below: Arc<dyn Store>,
    failure: Arc<Mutex<Option<StoreError>>>,
}

impl Failing {
    pub fn over(below: Arc<dyn Store>) -> Self {
        Self { below, failure: Arc::default() }
    }

    /// Fails commits from now on with this error; nothing of them is done.
    pub fn fail(&self, failure: Option<StoreError>) {
        *self.failure.lock().unwrap() = failure;
    }
}

impl Read for Failing {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.below.get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.below.contains(space, key)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.below.multi_get(space, keys)
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.below.multi_contains(space, keys)
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        direction: Direction,
    ) -> Result<Box<dyn Cursor + 'a>> {
        self.below.scan(space, range, direction)
    }
}

impl Store for Failing {
    fn view(&self) -> Box<dyn Read + '_> {
        self.below.view()
    }

    fn commit(&self, batch: WriteBatch, durability: Durability) -> Result<()> {
        match &*self.failure.lock().unwrap() {
            Some(failure) => Err(failure.clone()),
            None => self.below.commit(batch, durability),
        }
    }

    fn accepts_writes(&self) -> Result<()> {
        self.below.accepts_writes()
    }

    fn sync(&self) -> Result<()> {
        self.below.sync()
    }

    fn bulk_load(&self) -> Result<Box<dyn BulkLoad + '_>> {
        self.below.bulk_load()
    }

    fn checkpoint(&self, dir: &Path) -> Result<()> {
        self.below.checkpoint(dir)
    }

    fn stats(&self) -> Result<StoreStats> {
        self.below.stats()
    }

    fn size_of(&self, space: Space, range: KeyRange) -> Result<u64> {
        self.below.size_of(space, range)
    }

    fn verify(&self) -> Result<()> {
        self.below.verify()
    }

    fn backend(&self) -> &'static str {
        self.below.backend()
    }
}
