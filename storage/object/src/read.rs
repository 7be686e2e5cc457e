//! Reads of one durable state.

use std::sync::Arc;

use epistemic_storage::{
    Space,
    backend::{Cursor, KeyRange, Read, ScanOptions},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use slatedb::{DbReadOps, DbSnapshot};

use crate::{Result, cursor::SlateCursor, error::of_slatedb, keys, runtime::Runtime};

/// Reads of many keys at a time that wait for the object store.
const AT_ONCE: usize = 32;

/// One durable state of all spaces, read through a snapshot of the owner or a reader beside it. Holding it keeps what was
/// overwritten since.
pub(crate) struct View<R = DbSnapshot> {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) snapshot: Arc<R>,
    pub(crate) url: Arc<str>,
}

impl<R> Clone for View<R> {
    fn clone(&self) -> Self {
        Self {
            runtime: Arc::clone(&self.runtime),
            snapshot: Arc::clone(&self.snapshot),
            url: Arc::clone(&self.url),
        }
    }
}

impl<R: DbReadOps + Send + Sync + 'static> View<R> {
    fn value(&self, space: Space, key: &[u8]) -> Result<Option<bytes::Bytes>> {
        let (snapshot, key) = (Arc::clone(&self.snapshot), keys::stored(space, key));
        let read = self.runtime.wait(async move { snapshot.get(key).await })?;
        read.map_err(|error| of_slatedb(&self.url, &error))
    }

    /// `found` makes of a value what is kept of it.
    fn values<T: Send + 'static>(
        &self,
        space: Space,
        asked: &[Vec<u8>],
        found: fn(Option<bytes::Bytes>) -> T,
    ) -> Result<Vec<T>> {
        let snapshot = Arc::clone(&self.snapshot);
        let stored: Vec<Vec<u8>> = asked.iter().map(|key| keys::stored(space, key)).collect();
        let read = self.runtime.wait(async move {
            let snapshot = &snapshot;
            stream::iter(stored)
                .map(|key| async move { snapshot.get(key).await.map(found) })
                .buffered(AT_ONCE)
                .try_collect::<Vec<T>>()
                .await
        })?;
        read.map_err(|error| of_slatedb(&self.url, &error))
    }
}

impl<R: DbReadOps + Send + Sync + 'static> Read for View<R> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.value(space, key)?.map(Into::into))
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        Ok(self.value(space, key)?.is_some())
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.values(space, keys, |value| value.map(Into::into))
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.values(space, keys, |value| value.is_some())
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(Box::new(SlateCursor::new(self.clone(), space, &range, options)))
    }
}

/// Bytes of the entries of a range, which it reads.
pub(crate) fn size_of(store: &dyn Read, space: Space, range: KeyRange) -> Result<u64> {
    let mut cursor = store.scan(space, range, ScanOptions::SWEEP)?;
    let mut bytes = 0;
    while let Some((key, value)) = cursor.next()? {
        bytes += (key.len() + value.len()) as u64;
    }
    Ok(bytes)
}

/// Reads every record, and so every block with its checksum.
pub(crate) fn all(store: &dyn Read) -> Result<()> {
    for space in Space::ALL {
        let mut cursor = store.scan(space, KeyRange::all(), ScanOptions::SWEEP)?;
        while cursor.next()?.is_some() {}
    }
    Ok(())
}
