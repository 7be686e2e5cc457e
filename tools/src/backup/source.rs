//! What is backed up.

use std::error::Error;

use epistemic_router::CallError;
use epistemic_storage::StoreError;
use epistemic_storage::graph::GraphError;
use epistemic_storage::snapshot::SnapshotError;

use crate::moves::Party;

/// A place whose graphs are backed up.
pub(crate) struct Source<'s> {
    pub(crate) party: &'s dyn Party,
    /// Identity of its store; none in memory.
    pub(crate) store_id: Option<String>,
    /// The graphs that it serves, each with about how many records a snapshot of it has.
    pub(crate) graphs: Vec<(String, u64)>,
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
        None => false,
    }
}
