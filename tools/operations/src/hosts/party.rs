//! What a move asks of the place that a graph leaves or comes to.

use std::io::Read;

use anyhow::Result;
use epistemic_router::{CallError, ConnectError, ErrorCode};
use epistemic_storage::GraphStore;
use epistemic_storage::graph::{
    COMMONS, Changes, Departure, Fenced, Graph, GraphError, MigrationState, MoveOutcome, MoveRecord,
    MoveRole, NameAfter, Origin,
};
use serde::{Deserialize, Serialize};

use crate::remote::ServiceTaken;

/// Whether a graph is served at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandingName {
    /// It is.
    Served,
    /// It is being filled.
    Arriving,
    /// It is elsewhere: a signpost.
    Moved,
}

/// How far the copy of an arriving graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filling {
    /// Records that arrived.
    pub records: u64,
    /// Records in all, about.
    pub of: u64,
    /// Seconds left at the pace until now; none while there is none.
    pub left_s: Option<u64>,
}

/// A graph at a place, as `MoveStatus` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Exact name.
    pub name: String,
    /// Whether it is served.
    pub standing: StandingName,
    /// Its number in its store; another one since it was deleted and created again, cleared, replaced or filled.
    #[serde(default)]
    pub graph_id: u64,
    /// Its ownership term.
    #[serde(default)]
    pub epoch: u64,
    /// Number of its newest change.
    pub sequence: u64,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// The newest move that brought it here.
    #[serde(default)]
    pub arrived: Option<String>,
    /// The move it is part of, when it is not served.
    #[serde(default)]
    pub move_id: Option<String>,
    /// Where an arriving graph is served.
    #[serde(default)]
    pub from: Option<String>,
    /// Of an arriving graph: the number, in its store, of the graph that its copy was taken of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_id: Option<u64>,
    /// Of an arriving graph: the ownership term of that graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_epoch: Option<u64>,
    /// Of an arriving graph whose copy is taken in at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filling: Option<Filling>,
    /// Where a moved graph is served, or where one goes whose writes are stopped.
    #[serde(default)]
    pub to: Option<String>,
    /// Of a moved graph: its records are gone from here.
    #[serde(default)]
    pub dropped: bool,
    /// Of a served graph: the move that stops its writes at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fenced_by: Option<String>,
}

impl Status {
    /// That of a graph in an open store.
    pub fn of(graphs: &GraphStore, graph: &Graph) -> Self {
        let state = graph.counters();
        let mut status = Self {
            name: graph.name().to_string(),
            standing: StandingName::Served,
            graph_id: graph.id().number(),
            epoch: graph.epoch(),
            sequence: state.sequence,
            nodes: state.nodes,
            edges: state.edges,
            arrived: graph.arrived(),
            move_id: None,
            from: None,
            origin_id: None,
            origin_epoch: None,
            filling: None,
            to: None,
            dropped: false,
            fenced_by: None,
        };
        match graph.migration_state() {
            None => {
                (status.fenced_by, status.to) = graphs.fenced_by(graph).unzip();
            }
            Some(MigrationState::Arriving { move_id, from, origin, .. }) => {
                status.standing = StandingName::Arriving;
                (status.move_id, status.from) = (Some(move_id), Some(from));
                (status.origin_id, status.origin_epoch) =
                    origin.map(|origin| (origin.graph_id, origin.epoch)).unzip();
            }
            Some(MigrationState::Moved(post)) => {
                status.standing = StandingName::Moved;
                (status.move_id, status.to, status.dropped) =
                    (Some(post.move_id), Some(post.to), post.dropped);
            }
        }
        status
    }

    /// Whether it is the `__commons__` that every shard has, served and without content.
    pub fn is_empty_commons(&self) -> bool {
        let is_served = self.standing == StandingName::Served;
        self.name == COMMONS && is_served && self.nodes == 0 && self.edges == 0
    }

    /// Whether it arrives by this move.
    pub fn arrives_by(&self, move_id: &str) -> bool {
        self.standing == StandingName::Arriving && self.move_id.as_deref() == Some(move_id)
    }

    /// What its copy was taken of, if there is one and it is known.
    pub fn origin(&self) -> Option<Origin> {
        Some(Origin { graph_id: self.origin_id?, epoch: self.origin_epoch? })
    }

    /// What a copy of it is a copy of.
    pub fn as_origin(&self) -> Origin {
        Origin { graph_id: self.graph_id, epoch: self.epoch }
    }
}

/// What became of a move at a place, as `MoveOutcomes` tells it; see `MoveRecord`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was decided.
    pub outcome: MoveOutcome,
    /// What the place is to the move.
    pub role: MoveRole,
    /// The ownership term that was handed over.
    pub epoch: u64,
    /// The graph's number in the store then.
    pub graph_id: u64,
    /// Number of its newest change then.
    pub sequence: u64,
}

impl From<MoveRecord> for Outcome {
    fn from(record: MoveRecord) -> Self {
        let MoveRecord { outcome, role, epoch, graph_id, sequence, .. } = record;
        Self { outcome, role, epoch, graph_id, sequence }
    }
}

/// A graph and a move at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The graph, if the place has one of the name.
    pub graph: Option<Status>,
    /// What became of the move there, if that is decided.
    pub outcome: Option<Outcome>,
}

impl Look {
    /// What became of the move there.
    pub fn decided(&self) -> Option<MoveOutcome> {
        self.outcome.as_ref().map(|decided| decided.outcome)
    }
}

/// What a departure or an admission is agreed upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Number of the copy in the destination's store, if it is to be this one.
    pub copy: Option<u64>,
    /// Number of its newest change.
    pub sequence: u64,
    /// The ownership term it has from now on; that of the name without it.
    pub epoch: Option<u64>,
}

/// What a place is told when it is to refuse a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'r> {
    /// What it is to the move.
    pub role: MoveRole,
    /// The other endpoint.
    pub peer: &'r str,
    /// What becomes of the name of the copy.
    pub name_after: NameAfter,
}

impl<'r> Refusal<'r> {
    /// By the source.
    pub fn by_source(peer: &'r str) -> Self {
        Self { role: MoveRole::Source, peer, name_after: NameAfter::Free }
    }

    /// By the destination, whose name is free then.
    pub fn by_destination(peer: &'r str) -> Self {
        Self { role: MoveRole::Destination, peer, name_after: NameAfter::Free }
    }

    /// Another end for the name.
    pub fn and(self, name_after: NameAfter) -> Self {
        Self { name_after, ..self }
    }
}

/// A graph as a snapshot stream.
pub struct Export {
    /// What it is of.
    pub origin: Origin,
    /// The stream.
    pub stream: Box<dyn Read + Send>,
}

/// Counts and content digest of a graph at one sequence number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Content {
    /// The graph's number in its store.
    #[serde(default)]
    pub graph_id: u64,
    /// Number of the newest change in it.
    pub sequence: u64,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Ledger records.
    pub ledger: u64,
    /// Embeddings.
    pub vectors: u64,
    /// Bytes of all records.
    pub bytes: u64,
    /// SHA-256 of nodes, edges and embeddings.
    pub digest: String,
}

/// What changed behind a sequence number; see `GraphStore::tail_digest`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Changed {
    /// The graph's number in its store.
    #[serde(default)]
    pub graph_id: u64,
    /// Number of the newest change.
    pub sequence: u64,
    /// Nodes of the graph.
    pub nodes: u64,
    /// Edges of the graph.
    pub edges: u64,
    /// Embeddings of the graph.
    pub vectors: u64,
    /// SHA-256 of the changes and of what they changed.
    pub digest: String,
}

/// The source or the destination of a move. All methods block. Steps are durable on return and may be repeated; the errors
/// are those of `epistemic_storage::graph::MoveOp`, from a shard as [`CallError::Server`].
pub trait Party: Send + Sync {
    /// What the place is called in signposts and receipts.
    fn endpoint(&self) -> &str;
    /// Whether access control is on: agents are registered.
    fn is_guarded(&self) -> Result<bool>;
    /// How the graph stands here, if at all.
    fn status(&self, graph: &str) -> Result<Option<Status>>;
    /// How the graph stands here and what became of the move, at one instant.
    fn look(&self, graph: &str, move_id: &str) -> Result<Look>;
    /// The graph as it is now, as a snapshot stream.
    fn export(&self, graph: &str) -> Result<Export>;
    /// Ledger records behind `after`, about `max_bytes` of them.
    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Changes>;
    /// Counts and digest of the graph as it is now. Reads all of it.
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
        origin: Option<Origin>,
        input: &mut (dyn Read + Send),
        sent: &mut dyn FnMut(u64),
    ) -> Result<()>;
    /// Makes changes again on the arriving graph, or on what is kept of one that departed; returns its newest sequence
    /// number. `copy` is its number in the store, if it is to be this one.
    fn replay(
        &self,
        graph: &str,
        move_id: &str,
        copy: Option<u64>,
        records: &[(u64, Vec<u8>)],
    ) -> Result<u64>;
    /// Stops writes for `lease_ms`.
    fn fence(&self, graph: &str, move_id: &str, to: &str, lease_ms: u64) -> Result<Fenced>;
    /// Has the fence of this token stand for `lease_ms` from now on. Not held up by other calls that run.
    fn renew(&self, graph: &str, token: u64, lease_ms: u64) -> Result<()>;
    /// Lets writes through again that the fence of this token stops.
    fn release(&self, graph: &str, token: u64) -> Result<()>;
    /// Hands the graph over, if all is as `departure` says: the commit point.
    fn depart(&self, graph: &str, move_id: &str, departure: &Departure) -> Result<()>;
    /// Serves the arrived graph, if it is as agreed.
    fn admit(&self, graph: &str, move_id: &str, agreed: &Admission) -> Result<()>;
    /// [`Party::admit`] under the name `served`, in place of the graph there when `replace`.
    fn admit_as(
        &self,
        graph: &str,
        move_id: &str,
        agreed: &Admission,
        served: &str,
        replace: bool,
    ) -> Result<()>;
    /// Takes a checkpoint of all that is there, where there are checkpoints.
    fn checkpoint(&self) -> Result<()>;
    /// Drops the records of a departed graph.
    fn drop_records(&self, graph: &str, move_id: &str) -> Result<()>;
    /// Refuses the move for good, unless it was decided on already, and drops the copy of it; tells what it came to.
    fn refuse(&self, graph: &str, move_id: &str, refusal: Refusal<'_>) -> Result<Look>;
    /// Serves a departed graph again, and refuses the move.
    fn come_back(&self, graph: &str, move_id: &str) -> Result<()>;
    /// Identities and channels as they are now, in one state.
    fn export_service(&self) -> Result<Box<dyn Read + Send>>;
    /// Adds the identities and channels of such a copy that are not there.
    fn import_service(&self, input: &mut (dyn Read + Send)) -> Result<ServiceTaken>;
}

/// Whether the ledger does not tell what is needed, so that a new snapshot is.
pub fn is_truncated(error: &anyhow::Error) -> bool {
    is(error, ErrorCode::LedgerTruncated, |error| {
        matches!(error, GraphError::LedgerTruncated { .. } | GraphError::NotReplayable { .. })
    })
}

/// Whether a step was made for another state than the one that was met: look again, and go on from there.
pub fn is_overtaken(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<Overtaken>())
        || is(error, ErrorCode::MoveOvertaken, |error| {
            matches!(error, GraphError::MovedOn { .. } | GraphError::Overtaken { .. })
        })
}

/// Whether the move was given up.
pub fn is_aborted(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<GivenUp>())
        || is(error, ErrorCode::MoveAborted, |error| matches!(error, GraphError::MoveAborted { .. }))
}

/// Whether an answer did not come, or not in time: it is not known whether the step was taken.
pub fn is_late(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(
            cause.downcast_ref::<CallError>(),
            Some(CallError::Deadline { .. } | CallError::ConnectionLost { .. } | CallError::NotSent { .. })
        )
    })
}

/// Whether a place does not answer at all.
pub fn is_silent(error: &anyhow::Error) -> bool {
    is_late(error) || error.chain().any(|cause| cause.is::<ConnectError>())
}

/// What was agreed upon was not there any more when it was looked at.
#[derive(Debug, thiserror::Error)]
#[error("{0}; it is tried again")]
pub struct Overtaken(pub String);

/// The move was given up, by this program or another one.
#[derive(Debug, thiserror::Error)]
#[error("MOVE_ABORTED: {0} (docs/errors/move-aborted.md)")]
pub struct GivenUp(pub String);

fn is(error: &anyhow::Error, code: ErrorCode, of_graph: impl Fn(&GraphError) -> bool) -> bool {
    error.chain().any(|cause| match cause.downcast_ref::<GraphError>() {
        Some(error) => of_graph(error),
        None => cause.downcast_ref::<CallError>().is_some_and(|error| error.code() == code),
    })
}
