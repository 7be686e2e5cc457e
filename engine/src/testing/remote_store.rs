//! A store in memory that is like one over a network: its reads and commits take as long as a test wants, and it can be out of
//! reach or taken over.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use epistemic_storage::{
    Durability, MemoryStore, Space, Store, StoreError, WriteBatch,
    backend::{BulkLoad, Change, Cursor, GroupLimits, KeyRange, Read, ScanOptions, StoreStats},
};
use parking_lot::{Condvar, Mutex};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Clones are handles of the same store.
#[derive(Clone, Default)]
pub(crate) struct RemoteStore {
    below: MemoryStore,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    now: Mutex<Now>,
    changed: Condvar,
    commits: AtomicUsize,
    changes: AtomicUsize,
    held_reads: AtomicUsize,
}

#[derive(Default)]
struct Now {
    reads_wait: bool,
    commit_takes: Duration,
    out_of_reach: bool,
    fails: Option<StoreError>,
    /// Reads of keys with these bytes wait.
    held_key: Option<&'static [u8]>,
    limits: GroupLimits,
}

impl RemoteStore {
    /// One that says that its reads wait.
    pub(crate) fn remote() -> Self {
        let store = Self::default();
        store.change(|now| now.reads_wait = true);
        store
    }

    /// Each commit takes so long.
    pub(crate) fn commits_take(&self, time: Duration) {
        self.change(|now| now.commit_takes = time);
    }

    /// Commits wait until it is within reach again.
    pub(crate) fn put_out_of_reach(&self, out_of_reach: bool) {
        self.change(|now| now.out_of_reach = out_of_reach);
    }

    /// Commits fail from now on, and nothing of them is done; so does the question whether they would be taken.
    pub(crate) fn fail(&self, error: Option<StoreError>) {
        self.change(|now| now.fails = error);
    }

    /// Point reads of keys that contain `part` wait until this is called with another one, or none.
    pub(crate) fn hold_reads(&self, part: Option<&'static [u8]>) {
        self.change(|now| now.held_key = part);
    }

    pub(crate) fn limit_groups(&self, limits: GroupLimits) {
        self.change(|now| now.limits = limits);
    }

    fn change(&self, change: impl FnOnce(&mut Now)) {
        change(&mut self.told.now.lock());
        self.told.changed.notify_all();
    }

    /// Commits that were begun.
    pub(crate) fn commits(&self) -> usize {
        self.told.commits.load(Ordering::SeqCst)
    }

    /// Changes of nodes that were committed.
    pub(crate) fn nodes_put(&self) -> usize {
        self.told.changes.load(Ordering::SeqCst)
    }

    /// Reads that are held now.
    pub(crate) fn held_reads(&self) -> usize {
        self.told.held_reads.load(Ordering::SeqCst)
    }

    fn wait_to_read(&self, key: &[u8]) {
        let mut now = self.told.now.lock();
        let is_held =
            |now: &Now| now.held_key.is_some_and(|part| key.windows(part.len()).any(|window| window == part));
        if is_held(&now) {
            self.told.held_reads.fetch_add(1, Ordering::SeqCst);
            self.told.changed.wait_while(&mut now, |now| is_held(now));
            self.told.held_reads.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Read for RemoteStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.wait_to_read(key);
        self.below.get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.wait_to_read(key);
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

impl Store for RemoteStore {
    fn read_view(&self) -> Box<dyn Read + '_> {
        self.below.read_view()
    }

    fn commit(&self, batch: WriteBatch, durability: Durability) -> Result<()> {
        self.told.commits.fetch_add(1, Ordering::SeqCst);
        let mut now = self.told.now.lock();
        let takes = now.commit_takes;
        self.told.changed.wait_while_for(&mut now, |now| now.fails.is_none(), takes);
        self.told.changed.wait_while(&mut now, |now| now.out_of_reach && now.fails.is_none());
        if let Some(error) = now.fails.clone() {
            return Err(error);
        }
        let is_node = |change: &Change<'_>| matches!(change, Change::Put(Space::Nodes, ..));
        self.told.changes.fetch_add(batch.changes().filter(is_node).count(), Ordering::SeqCst);
        self.below.commit(batch, durability)
    }

    fn reads_wait(&self) -> bool {
        self.told.now.lock().reads_wait
    }

    fn group_limits(&self) -> GroupLimits {
        self.told.now.lock().limits
    }

    fn accepts_writes(&self) -> Result<()> {
        let now = self.told.now.lock();
        if now.out_of_reach {
            return Err(StoreError::Unreachable { detail: "the test has cut it off".into() });
        }
        now.fails.clone().map_or(Ok(()), Err)
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
        "remote"
    }
}
