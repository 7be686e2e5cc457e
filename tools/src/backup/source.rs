//! What is backed up.

use std::io::Write;

use anyhow::Result;
use epistemic_router::{CallError, RouterError};
use epistemic_storage::graph::{Changes, GraphError};
use epistemic_storage::snapshot::{Header, SnapshotError};

use super::manifest::Content;

/// A store whose graphs are backed up. Calls block.
pub(crate) trait Source {
    /// Endpoint or directory, for people.
    fn place(&self) -> String;

    /// Identity of the store; none in memory.
    fn store_id(&self) -> Option<String>;

    /// The graphs that it serves, each with about how many records a snapshot of it has.
    fn graphs(&self) -> Result<Vec<(String, u64)>>;

    /// Writes one consistent state of a graph as a snapshot stream. `progress` is told bytes and records.
    fn snapshot(&self, graph: &str, out: &mut dyn Write, progress: &mut Told<'_>) -> Result<Exported>;

    /// The ledger records behind `after`, oldest first, up to about `max_bytes`; nothing when the ledger does not tell
    /// all of them any more.
    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Option<Changes>>;

    /// What a graph holds now, and its newest sequence number at that moment.
    fn content(&self, graph: &str) -> Result<(u64, Content)>;
}

/// Told of progress: bytes and records so far.
pub(crate) type Told<'p> = dyn FnMut(u64, u64) + 'p;

/// A snapshot that was written.
pub(crate) struct Exported {
    pub(crate) header: Header,
    pub(crate) content: Content,
    /// The ledger record of the newest change, when the ledger has it.
    pub(crate) newest: Option<Vec<u8>>,
}

/// Whether an error is about the one graph, so that a run can go on with the others.
pub(crate) fn graph_cannot_be_read(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        if let Some(SnapshotError::Stream(stream)) = cause.downcast_ref() {
            // A download carries the answer of its shard through the stream.
            return stream.get_ref().and_then(|inner| inner.downcast_ref::<CallError>()).is_some_and(answered);
        }
        if let Some(RouterError::Call(error)) = cause.downcast_ref() {
            return answered(error);
        }
        match cause.downcast_ref::<GraphError>() {
            Some(GraphError::Store(error)) => error.is_corruption(),
            Some(_) => true,
            None => cause.downcast_ref::<CallError>().is_some_and(answered),
        }
    })
}

fn answered(error: &CallError) -> bool {
    matches!(error, CallError::Server(_))
}
