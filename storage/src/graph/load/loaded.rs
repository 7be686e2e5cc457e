//! The records of a whole graph, loaded and not yet visible.

use crate::{
    batch::WriteBatch,
    error::Result,
    graph::{catalog::counters::GraphCounters, ledger::retention::LedgerKeep},
    keys::GraphId,
    memory::MemoryStore,
    store::{Durability, Read, Store},
};

/// Loaded records, waiting for [`crate::graph::Op::Install`] or [`crate::graph::Op::Replace`].
#[derive(Debug, Clone)]
pub struct LoadedGraph {
    pub(crate) id: GraphId,
    pub(crate) batch: WriteBatch,
    pub(crate) counters: GraphCounters,
    pub(crate) tenant: Option<Box<str>>,
    pub(crate) ledger_keep: Option<LedgerKeep>,
    /// The records are in the store already and not in the batch.
    pub(crate) stored: bool,
    pub(crate) newest_ms: u64,
    pub(crate) bytes: u64,
}

impl LoadedGraph {
    pub(crate) fn parts(&self) -> (GraphId, &WriteBatch, GraphCounters) {
        (self.id, &self.batch, self.counters)
    }

    /// Calls `look` with the loaded records, on a view that has no other, or those of a whole store besides; their id, and their
    /// counters.
    pub(crate) fn records<T>(
        &self,
        store: &dyn Store,
        look: impl FnOnce(&dyn Read, GraphId, GraphCounters) -> T,
    ) -> Result<T> {
        if self.stored {
            return Ok(look(&*store.read_view(), self.id, self.counters));
        }
        let small = MemoryStore::new();
        small.commit(self.batch.clone(), Durability::Buffered)?;
        Ok(look(&small, self.id, self.counters))
    }

    /// Time of the newest ledger record, Unix milliseconds.
    pub(crate) fn newest_ms(&self) -> u64 {
        self.newest_ms
    }

    /// Bytes of keys and values, those of the indexes included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counters of the loaded records.
    pub fn counters(&self) -> &GraphCounters {
        &self.counters
    }

    /// Names the tenant that claims the graph they become, as in [`crate::graph::Op::Create`]. Without it the claim on a graph
    /// that they replace stays.
    pub fn set_tenant(&mut self, tenant: Option<String>) {
        self.tenant = tenant.map(String::into_boxed_str);
    }

    /// Sets how much of its ledger the graph keeps that they become. Without it a graph that they replace goes on as it was.
    pub fn set_ledger_keep(&mut self, keep: Option<LedgerKeep>) {
        self.ledger_keep = keep;
    }

    pub(crate) fn ledger_keep(&self) -> Option<LedgerKeep> {
        self.ledger_keep
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Overrides what the records do not tell: newest sequence number and where the ledger begins to be complete.
    pub fn set_sequence(&mut self, sequence: u64, complete_from: u64) {
        self.counters.sequence = sequence;
        self.counters.complete_from = complete_from;
    }
}
