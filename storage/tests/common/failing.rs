//! A store that can be told to fail its commits, or to hold one. Clones share the store below and what they are told.

use std::{
    path::Path,
    sync::{Arc, Barrier, Mutex},
};

use epistemic_storage::{
    Durability, Space, Store, StoreError, WriteBatch,
    backend::{BulkLoad, Cursor, KeyRange, Read, ScanOptions, StoreStats},
};

type Result<T, E = StoreError> = std::result::Result<T, E>;

#[derive(Clone)]
pub struct Failing {
    below: Arc<dyn Store>,
    failure: Arc<Mutex<Option<StoreError>>>,
    hold: Arc<Mutex<Option<Held>>>,
}

/// A commit that is held, before its changes can be read or after.
#[derive(Clone)]
pub struct Held {
    visible: bool,
    reached: Arc<Barrier>,
    released: Arc<Barrier>,
}

impl Held {
    /// Waits until the commit has come to where it is held.
    pub fn reached(&self) {
        self.reached.wait();
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.released.wait();
    }

    fn wait_here(&self) {
        self.reached.wait();
        self.released.wait();
    }
}

impl Failing {
    pub fn over(below: Arc<dyn Store>) -> Self {
        Self { below, failure: Arc::default(), hold: Arc::default() }
    }

    /// Holds the next commit: with `visible` when its changes can be read already, else before.
    pub fn hold_next_commit(&self, visible: bool) -> Held {
        let barrier = || Arc::new(Barrier::new(2));
        let held = Held { visible, reached: barrier(), released: barrier() };
        *self.hold.lock().unwrap() = Some(held.clone());
        held
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
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        self.below.scan(space, range, options)
    }
}

impl Store for Failing {
    fn read_view(&self) -> Box<dyn Read + '_> {
        self.below.read_view()
    }

    fn commit(&self, batch: WriteBatch, durability: Durability) -> Result<()> {
        if let Some(failure) = &*self.failure.lock().unwrap() {
            return Err(failure.clone());
        }
        let held = self.hold.lock().unwrap().take();
        let wait = |visible| held.iter().filter(|held| held.visible == visible).for_each(Held::wait_here);
        wait(false);
        let result = self.below.commit(batch, durability);
        wait(true);
        result
    }

    fn accepts_writes(&self) -> Result<()> {
        self.below.accepts_writes()
    }

    fn sync(&self) -> Result<()> {
        self.below.sync()
    }

    fn flush(&self) -> Result<()> {
        self.below.flush()
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
