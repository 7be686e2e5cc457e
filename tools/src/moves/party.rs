//! What a move asks of the place that a graph leaves or comes to.

use std::io::Read;

use anyhow::Result;
use epistemic_router::CallError;
use epistemic_storage::graph::{Changes, Graph, GraphError, Standing};
use serde::{Deserialize, Serialize};

/// Whether a graph is served at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StandingName {
    /// It is.
    Served,
    /// It is being filled.
    Arriving,
    /// It is elsewhere: a signpost.
    Moved,
}

/// A graph at a place, as `MoveStatus` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Exact name.
    pub(crate) name: String,
    /// Whether it is served.
    pub(crate) standing: StandingName,
    /// Number of its newest change.
    pub(crate) sequence: u64,
    /// Nodes.
    pub(crate) nodes: u64,
    /// Edges.
    pub(crate) edges: u64,
    /// The newest move that brought it here.
    #[serde(default)]
    pub(crate) arrived: Option<String>,
    /// The move it is part of, when it is not served.
    #[serde(default)]
    pub(crate) move_id: Option<String>,
    /// Where an arriving graph is served.
    #[serde(default)]
    pub(crate) from: Option<String>,
    /// Where a moved graph is served.
    #[serde(default)]
    pub(crate) to: Option<String>,
    /// Of a moved graph: its records are gone from here.
    #[serde(default)]
    pub(crate) dropped: bool,
}

impl Status {
    /// That of a graph in an open store.
    pub(crate) fn of(graph: &Graph) -> Self {
        let state = graph.state();
        let mut status = Self {
            name: graph.name().to_string(),
            standing: StandingName::Served,
            sequence: state.sequence,
            nodes: state.nodes,
            edges: state.edges,
            arrived: graph.arrived(),
            move_id: None,
            from: None,
            to: None,
            dropped: false,
        };
        match graph.standing() {
            None => {}
            Some(Standing::Arriving { move_id, from, .. }) => {
                status.standing = StandingName::Arriving;
                (status.move_id, status.from) = (Some(move_id), Some(from));
            }
            Some(Standing::Moved(post)) => {
                status.standing = StandingName::Moved;
                (status.move_id, status.to, status.dropped) =
                    (Some(post.move_id), Some(post.to), post.dropped);
            }
        }
        status
    }
}

/// Counts and content digest of a graph at one sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Number of the newest change in it.
    pub(crate) sequence: u64,
    /// Nodes.
    pub(crate) nodes: u64,
    /// Edges.
    pub(crate) edges: u64,
    /// Ledger records.
    pub(crate) ledger: u64,
    /// Embeddings.
    pub(crate) vectors: u64,
    /// Bytes of all records.
    pub(crate) bytes: u64,
    /// SHA-256 of nodes, edges and embeddings.
    pub(crate) digest: String,
}

/// What changed behind a sequence number; see `GraphStore::changed_digest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changed {
    /// Number of the newest change.
    pub(crate) sequence: u64,
    /// Nodes of the graph.
    pub(crate) nodes: u64,
    /// Edges of the graph.
    pub(crate) edges: u64,
    /// Embeddings of the graph.
    pub(crate) vectors: u64,
    /// SHA-256 of the changes and of what they changed.
    pub(crate) digest: String,
}

/// A place that graphs leave or come to. All methods block. Steps are durable on return and may be repeated; the errors
/// are those of `epistemic_storage::graph::MoveOp`, from a shard as [`CallError::Server`].
pub(crate) trait Party: Send + Sync {
    /// What the place is called in signposts and receipts.
    fn endpoint(&self) -> &str;
    /// Whether access control is on: agents are registered.
    fn is_guarded(&self) -> Result<bool>;
    /// How the graph stands here, if at all.
    fn status(&self, graph: &str) -> Result<Option<Status>>;
    /// The graph as it is now, as a snapshot stream.
    fn export(&self, graph: &str) -> Result<Box<dyn Read + Send>>;
    /// Ledger records behind `after`, about `max_bytes` of them.
    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Changes>;
    /// Counts and digest of the graph as it is now.
    fn content(&self, graph: &str) -> Result<Content>;
    /// What changed behind `after`.
    fn changed(&self, graph: &str, after: u64) -> Result<Changed>;
    /// Reserves the name.
    fn arrive(&self, graph: &str, move_id: &str, from: &str) -> Result<()>;
    /// Fills the arriving graph with a snapshot stream, in place of what it has; `sent` is told the bytes taken.
    fn fill(
        &self,
        graph: &str,
        move_id: &str,
        input: &mut (dyn Read + Send),
        sent: &mut dyn FnMut(u64),
    ) -> Result<()>;
    /// Makes changes again on the arriving graph; returns its newest sequence number.
    fn replay(&self, graph: &str, move_id: &str, records: &[(u64, Vec<u8>)]) -> Result<u64>;
    /// Stops writes for `lease_ms`; returns the newest sequence number.
    fn fence(&self, graph: &str, move_id: &str, to: &str, lease_ms: u64) -> Result<u64>;
    /// Lets writes through again.
    fn release(&self, graph: &str, move_id: &str) -> Result<()>;
    /// Hands the graph over to `to`, if `sequence` is its newest sequence number: the commit point.
    fn depart(&self, graph: &str, move_id: &str, to: &str, sequence: u64) -> Result<()>;
    /// Serves the arrived graph, if `sequence` is its newest sequence number.
    fn admit(&self, graph: &str, move_id: &str, sequence: u64) -> Result<()>;
    /// [`Party::admit`] under the name `served`, in place of the graph there when `replace`.
    fn admit_as(&self, graph: &str, move_id: &str, sequence: u64, served: &str, replace: bool) -> Result<()>;
    /// Drops the records of a departed graph, or the copy of an arriving one.
    fn drop_records(&self, graph: &str, move_id: &str) -> Result<()>;
    /// Serves a departed graph again.
    fn come_back(&self, graph: &str, move_id: &str) -> Result<()>;
}

/// Whether the ledger does not tell what is needed, so that a new snapshot is.
pub(crate) fn is_truncated(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref::<GraphError>() {
        Some(GraphError::LedgerTruncated { .. } | GraphError::NotReplayable { .. }) => true,
        Some(_) => false,
        None => has_code(cause, "LEDGER_TRUNCATED"),
    })
}

/// Whether a step came too late: the graph has changed since it was decided on.
pub(super) fn is_overtaken(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref::<GraphError>() {
        Some(GraphError::MovedOn { .. }) => true,
        Some(_) => false,
        None => has_code(cause, "MOVE_CONFLICT"),
    })
}

fn has_code(cause: &(dyn std::error::Error + 'static), code: &str) -> bool {
    cause.downcast_ref::<CallError>().is_some_and(|error| error.code() == code)
}
