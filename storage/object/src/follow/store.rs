//! The store of a follower: the state that was published last.

use std::{path::Path, sync::Arc};

use epistemic_storage::{
    Durability, Space, Store, StoreError, WriteBatch,
    backend::{BulkLoad, Cursor, KeyRange, Read, RemoteActivity, ScanOptions, StoreStats},
};
use parking_lot::RwLock;

use super::{log::Log, state::State};
use crate::{Result, counted::Requests, points, read};

/// What a [`super::Follower`] has published last. Takes no writes.
pub struct FollowedStore {
    pub(super) published: Arc<RwLock<Arc<State>>>,
    pub(super) requests: Arc<Requests>,
    pub(super) log: Arc<Log>,
}

impl FollowedStore {
    fn state(&self) -> Arc<State> {
        Arc::clone(&self.published.read())
    }
}

/// A state, of which every read is.
struct Held(Arc<State>);

impl Read for Held {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.0.contains(space, key)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.0.multi_get(space, keys)
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.0.multi_contains(space, keys)
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        self.0.scan(space, range, options)
    }
}

impl Read for FollowedStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.state().get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.state().contains(space, key)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.state().multi_get(space, keys)
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.state().multi_contains(space, keys)
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(self.state().cursor(space, &range, options))
    }
}

impl Store for FollowedStore {
    fn read_view(&self) -> Box<dyn Read + '_> {
        Box::new(Held(self.state()))
    }

    /// # Errors
    /// Always [`StoreError::ReadOnly`].
    fn commit(&self, _batch: WriteBatch, _durability: Durability) -> Result<()> {
        Err(StoreError::ReadOnly)
    }

    fn accepts_writes(&self) -> Result<()> {
        Err(StoreError::ReadOnly)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn bulk_load(&self) -> Result<Box<dyn BulkLoad + '_>> {
        Err(StoreError::ReadOnly)
    }

    fn checkpoint(&self, _dir: &Path) -> Result<()> {
        Err(StoreError::Unsupported { backend: self.backend(), what: "checkpoint" })
    }

    fn remote_activity(&self) -> Option<RemoteActivity> {
        Some(RemoteActivity { requests: self.requests.totals(), log_objects: self.log.kept() })
    }

    /// Bytes as tables have them, without what is in the log alone.
    fn stats(&self) -> Result<StoreStats> {
        let state = self.state();
        let reader = &state.newest.0.snapshot;
        Ok(StoreStats {
            bytes: points::bytes(&reader.manifest()),
            sequence: reader.status().durable_seq,
            ..StoreStats::default()
        })
    }

    /// Exact: it reads the range.
    fn size_of(&self, space: Space, range: KeyRange) -> Result<u64> {
        read::size_of(self, space, range)
    }

    fn verify(&self) -> Result<()> {
        read::all(&Held(self.state()))
    }

    fn reads_wait(&self) -> bool {
        true
    }

    fn backend(&self) -> &'static str {
        "slatedb"
    }
}
