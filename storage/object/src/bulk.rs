//! Bulk loads: as commits of some megabytes each.

use epistemic_storage::{Durability, Space, Store, WriteBatch, backend::BulkLoad};

use crate::{Result, store::SlateStore};

/// Bytes that are collected before they are committed. What a load holds beyond is there before its end, under keys that
/// nobody reads.
const COLLECTED: usize = 8 << 20;

pub(crate) struct SlateBulk<'s> {
    store: &'s SlateStore,
    batch: WriteBatch,
}

impl<'s> SlateBulk<'s> {
    pub(crate) fn new(store: &'s SlateStore) -> Self {
        Self { store, batch: WriteBatch::new() }
    }
}

impl BulkLoad for SlateBulk<'_> {
    fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        self.batch.put(space, key, value);
        if self.batch.bytes() < COLLECTED {
            return Ok(());
        }
        self.store.commit(std::mem::take(&mut self.batch), Durability::Sync)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.store.commit(self.batch, Durability::Sync)
    }
}
