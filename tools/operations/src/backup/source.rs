//! What is backed up.

use std::error::Error;

use epistemic_router::CallError;
use epistemic_storage::graph::{GraphError, LedgerRecord};
use epistemic_storage::snapshot::SnapshotError;
use epistemic_storage::{GraphStore, StoreError};

use super::pieces::digest;
use crate::hosts::Party;
use crate::remote::{GraphHead, Heads};

/// A place whose graphs are backed up.
pub struct Source<'s> {
    /// The place.
    pub party: &'s dyn Party,
    /// What it holds.
    pub listing: Listing,
}

/// What a place holds.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Identity of its store; none in memory.
    pub store_id: Option<String>,
    /// All changes with an earlier time, of any graph, are in what is read from now on. Unix milliseconds of the clock that
    /// gave the changes their times.
    pub settled_ms: u64,
    /// Milliseconds by which that clock is ahead of this machine's, when it could be asked.
    pub clock_ahead_ms: Option<i64>,
    /// The graphs that it serves, by name.
    pub graphs: Vec<Head>,
}

/// A graph and its newest change.
#[derive(Debug, Clone)]
pub struct Head {
    /// Exact name.
    pub name: String,
    /// The tenant that it was created for, if it was for one.
    pub tenant: Option<String>,
    /// About how many records a snapshot of it has.
    pub records: u64,
    /// Number of its newest change.
    pub sequence: u64,
    /// SHA-256 of the ledger record of that change, when the ledger has it.
    pub newest_record: Option<String>,
}

impl Listing {
    /// That of a running shard.
    pub fn of_shard(heads: Heads, clock_ahead_ms: Option<i64>) -> Self {
        let Heads { settled_ms, store_id, graphs } = heads;
        let head = |graph: GraphHead| Head {
            records: graph.nodes + graph.edges + graph.sequence,
            sequence: graph.sequence,
            newest_record: graph.digest.map(hex::encode),
            tenant: graph.tenant,
            name: graph.name,
        };
        Self { store_id, settled_ms, clock_ahead_ms, graphs: graphs.into_iter().map(head).collect() }
    }

    /// That of a stopped directory or a checkpoint. Changes are committed one after the other, so that the newest one in it
    /// tells up to when it has all of them.
    ///
    /// # Errors
    /// The store fails. A graph that is damaged is listed without its newest change.
    pub fn of_directory(graphs: &GraphStore, store_id: Option<String>) -> Result<Self, GraphError> {
        let mut settled_ms = 0;
        let mut heads = Vec::new();
        for graph in graphs.graphs() {
            let state = graph.counters();
            let newest = match graphs.changes(&graph, state.sequence.saturating_sub(1), 1) {
                Ok(changes) => changes.records.into_iter().next().map(|(_, record)| record),
                Err(GraphError::Store(error)) if !error.is_corruption() => return Err(error.into()),
                Err(_) => None,
            };
            if let Some((_, time)) = newest.as_ref().and_then(|record| LedgerRecord::decode(record).ok()) {
                settled_ms = settled_ms.max(time);
            }
            heads.push(Head {
                name: graph.name().to_string(),
                tenant: graph.tenant().map(str::to_owned),
                records: state.nodes + state.edges + state.sequence,
                sequence: state.sequence,
                newest_record: newest.as_deref().map(digest),
            });
        }
        heads.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { store_id, settled_ms, clock_ahead_ms: None, graphs: heads })
    }
}

/// Told of progress: bytes and records so far.
pub(crate) type Told<'p> = dyn FnMut(u64, u64) + 'p;

/// Whether an error is about the one graph, so that a run can go on with the others.
pub(crate) fn graph_cannot_be_read(error: &anyhow::Error) -> bool {
    error.chain().any(is_of_graph)
}

fn is_of_graph(cause: &(dyn Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<CallError>() {
        return matches!(error, CallError::Server(_));
    }
    if let Some(error) = cause.downcast_ref::<GraphError>() {
        return !matches!(error, GraphError::Store(error) if !error.is_corruption());
    }
    if let Some(error) = cause.downcast_ref::<StoreError>() {
        return error.is_corruption();
    }
    match cause.downcast_ref::<SnapshotError>() {
        Some(SnapshotError::Graph(error)) => is_of_graph(error),
        Some(SnapshotError::Refused { .. }) => true,
        // An export carries its failure through its stream.
        Some(SnapshotError::Stream(stream)) => {
            let inner = stream.get_ref();
            inner
                .and_then(|inner| inner.downcast_ref::<SnapshotError>())
                .is_some_and(|error| is_of_graph(error))
                || inner
                    .and_then(|inner| inner.downcast_ref::<CallError>())
                    .is_some_and(|error| is_of_graph(error))
        }
        Some(SnapshotError::NotAdmitted(_) | _) | None => false,
    }
}
