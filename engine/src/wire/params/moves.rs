//! The parameters of the steps of a move.

use std::borrow::Cow;

use serde::Deserialize;

use super::super::bytes_field::bytes;
use super::super::text::{some_text, some_texts, text};

/// `MoveStatus`
#[derive(Debug, Default, Deserialize)]
pub struct MoveStatus<'a> {
    /// One graph, whatever its standing; all that are not served here without it.
    #[serde(default, borrow, deserialize_with = "some_text")]
    pub graph_name: Option<&'a str>,
    /// Also those that are served here and were brought by a move.
    #[serde(default)]
    pub arrived: bool,
}

/// `GraphOwners`
#[derive(Debug, Default, Deserialize)]
pub struct GraphOwners<'a> {
    /// These names; without it, names in their order.
    #[serde(default, borrow, deserialize_with = "some_texts")]
    pub names: Option<Vec<&'a str>>,
    /// Of all: those behind this name.
    #[serde(default, borrow, deserialize_with = "some_text")]
    pub after: Option<&'a str>,
    /// Of all: also those that no move has touched.
    #[serde(default)]
    pub all: bool,
}

/// `OwnerHold`
#[derive(Debug, Deserialize)]
pub struct OwnerHold<'a> {
    /// Names what is done, as a move is named; the others give way by the same name.
    #[serde(borrow, deserialize_with = "text")]
    pub move_id: &'a str,
    /// Endpoint that is to give way.
    #[serde(borrow, deserialize_with = "text")]
    pub peer: &'a str,
    /// Number of the graph in this store.
    pub graph_id: u64,
    /// Its ownership term from now on.
    pub term: u64,
}

/// `OwnerGiveWay`
#[derive(Debug, Deserialize)]
pub struct OwnerGiveWay<'a> {
    /// Names the step, as a move is named.
    #[serde(borrow, deserialize_with = "text")]
    pub move_id: &'a str,
    /// Endpoint that serves the graph.
    #[serde(borrow, deserialize_with = "text")]
    pub to: &'a str,
    /// Its ownership term there.
    pub term: u64,
    /// Number of the graph in this store.
    pub graph_id: u64,
    /// The name that its records have here from now on.
    #[serde(default, borrow, deserialize_with = "some_text")]
    pub keep_as: Option<&'a str>,
    /// Instead: they are dropped, if this is the number of their newest change.
    #[serde(default)]
    pub sequence: Option<u64>,
}

/// `MoveOutcomes`
#[derive(Debug, Default, Deserialize)]
pub struct MoveOutcomes<'a> {
    /// These moves; without it, all of them in the order of their ids.
    #[serde(default, borrow, deserialize_with = "some_texts")]
    pub move_ids: Option<Vec<&'a str>>,
    /// Of all: those behind this id.
    #[serde(default, borrow, deserialize_with = "some_text")]
    pub after: Option<&'a str>,
    /// Of all: so many at most.
    #[serde(default)]
    pub limit: Option<u64>,
}

/// `MoveArrive`
#[derive(Debug, Deserialize)]
pub struct MoveArrive<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    pub move_id: &'a str,
    /// Endpoint that serves the graph until it has arrived.
    #[serde(borrow, deserialize_with = "text")]
    pub from: &'a str,
    /// Only if this shard may create a graph of this name: it is restored, not moved.
    #[serde(default)]
    pub owned: bool,
}

/// `MoveReplay`
#[derive(Debug, Deserialize)]
pub struct MoveReplay<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    pub move_id: &'a str,
    /// The copy meant, if it is to be this one.
    #[serde(default)]
    pub copy: Option<u64>,
    /// Records of `LedgerRead`.
    #[serde(borrow, deserialize_with = "bytes")]
    pub records: Cow<'a, [u8]>,
}

/// `MoveFence`
#[derive(Debug, Deserialize)]
pub struct MoveFence<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    pub move_id: &'a str,
    /// Endpoint that the graph goes to.
    #[serde(borrow, deserialize_with = "text")]
    pub to: &'a str,
    /// Milliseconds after which writes are taken again, 60,000 at most.
    pub lease_ms: u64,
}

/// `MoveRenew`
#[derive(Debug, Deserialize)]
pub struct MoveRenew {
    /// From `MoveFence`.
    pub token: u64,
    /// Milliseconds after which writes are taken again.
    pub lease_ms: u64,
}

/// `MoveRelease`
#[derive(Debug, Deserialize)]
pub struct MoveRelease {
    /// From `MoveFence`.
    pub token: u64,
}

/// `MoveDepart`
#[derive(Debug, Deserialize)]
pub struct MoveDepart<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    pub move_id: &'a str,
    /// Endpoint that serves the graph from now on.
    #[serde(borrow, deserialize_with = "text")]
    pub to: &'a str,
    /// From `MoveFence`.
    pub token: u64,
    /// From `MoveFence`.
    pub graph_id: u64,
    /// From `MoveFence`.
    pub epoch: u64,
    /// The newest sequence number that the destination holds.
    pub sequence: u64,
}

/// `MoveAdmit`
#[derive(Debug, Deserialize)]
pub struct MoveAdmit<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    pub move_id: &'a str,
    /// The copy meant, if it is to be this one.
    #[serde(default)]
    pub copy: Option<u64>,
    /// The newest sequence number of the graph.
    pub sequence: u64,
    /// Ownership term, one above that of the source's graph.
    #[serde(default)]
    pub epoch: Option<u64>,
    /// Another name for it.
    #[serde(default, borrow, deserialize_with = "some_text")]
    pub rename: Option<&'a str>,
    /// Whether a graph of the other name may be there and is replaced.
    #[serde(default)]
    pub replace: bool,
}

/// `MoveRefuse`
#[derive(Debug, Deserialize)]
pub struct MoveRefuse<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    pub move_id: &'a str,
    /// `source` or `destination`: what this shard is to it.
    #[serde(borrow, deserialize_with = "text")]
    pub role: &'a str,
    /// The other endpoint.
    #[serde(borrow, deserialize_with = "text")]
    pub peer: &'a str,
    /// `free`, `held` or `sent_back`: what becomes of the name of a graph that arrives by it.
    #[serde(default, borrow, deserialize_with = "some_text")]
    pub name_after: Option<&'a str>,
}

/// `MoveLook`, `MoveDrop`, `MoveReturn`
#[derive(Debug, Deserialize)]
pub struct MoveId<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    pub move_id: &'a str,
}
