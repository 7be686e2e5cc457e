//! Reading the ledger as a change log.

use sha2::{Digest, Sha256};

use crate::{
    error::{Result, StoreError},
    graph::{
        catalog::{counters::GraphCounters, graph::Graph},
        error::GraphError,
        read::{node_record::bad_key, reader::GraphReader},
        store::GraphStore,
    },
    keys,
    space::Space,
    store::{Read, ScanOptions},
};

/// Records that [`GraphStore::changes`] gives at most: they are replayed in one commit, and other writes wait for it.
pub const MAX_CHANGES: usize = 10_000;

/// Changes that follow a sequence number without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The newest sequence number of the graph when they were read.
    pub sequence: u64,
    /// SHA-256 of the record that they follow, when the ledger still has it: by it a reader knows that the graph is the one
    /// that it read before.
    pub before: Option<[u8; 32]>,
    /// Sequence numbers and stored forms, oldest first.
    pub records: Vec<(u64, Vec<u8>)>,
}

impl GraphStore {
    /// The ledger records behind `after`, oldest first, until their bytes reach `max_bytes` or there are [`MAX_CHANGES`]; at
    /// least one if there is one. Of a graph in any migration state. [`crate::graph::MoveOp::Replay`] makes them again elsewhere.
    ///
    /// # Errors
    /// [`GraphError::LedgerTruncated`] when the ledger does not tell all changes behind `after`.
    pub fn changes(&self, graph: &Graph, after: u64, max_bytes: usize) -> Result<Changes, GraphError> {
        let view = self.read_view();
        let counters = GraphReader::new(&*view, graph).counters()?;
        check_complete(graph, &counters, after)?;
        graph.hold_ledger(after);
        let before = record_digest(&*view, graph, after)?;
        let mut records = Vec::new();
        let mut bytes = 0;
        for_each_change(&*view, graph, &counters, after, |sequence, record| {
            bytes += record.len();
            records.push((sequence, record.to_vec()));
            Ok(bytes < max_bytes && records.len() < MAX_CHANGES)
        })?;
        Ok(Changes { sequence: counters.sequence, before, records })
    }
}

/// SHA-256 of the ledger record of this number, if there is one.
pub(crate) fn record_digest(view: &dyn Read, graph: &Graph, sequence: u64) -> Result<Option<[u8; 32]>> {
    let record = view.get(Space::Ledger, &keys::ledger(graph.id(), sequence))?;
    Ok(record.map(|record| Sha256::digest(record).into()))
}

/// Whether the ledger tells all changes behind `after`.
pub(crate) fn check_complete(graph: &Graph, counters: &GraphCounters, after: u64) -> Result<(), GraphError> {
    let GraphCounters { complete_from, sequence, .. } = *counters;
    if after >= complete_from.saturating_sub(1) && after <= sequence {
        return Ok(());
    }
    Err(GraphError::LedgerTruncated { graph: graph.name().to_string(), after, complete_from, sequence })
}

/// Calls `each` with the ledger records behind `after` up to that of `state` while it says true.
///
/// # Errors
/// [`StoreError::Corrupt`] for a gap.
pub(crate) fn for_each_change(
    view: &dyn Read,
    graph: &Graph,
    counters: &GraphCounters,
    after: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<bool>,
) -> Result<()> {
    let mut cursor =
        view.scan(Space::Ledger, keys::ledger_from(graph.id(), after + 1), ScanOptions::FORWARD)?;
    let mut previous = after;
    while let Some((key, record)) = cursor.next()? {
        let sequence = keys::sequence_of(key).ok_or_else(|| bad_key(Space::Ledger, key))?;
        if sequence != previous + 1 {
            let detail = format!("record {sequence} follows record {previous}: those between are missing");
            return Err(StoreError::corrupt(Space::Ledger, detail));
        }
        previous = sequence;
        if !each(sequence, record)? {
            return Ok(());
        }
    }
    if previous != counters.sequence {
        let detail =
            format!("record {previous} is the last one: those up to {} are missing", counters.sequence);
        return Err(StoreError::corrupt(Space::Ledger, detail));
    }
    Ok(())
}
