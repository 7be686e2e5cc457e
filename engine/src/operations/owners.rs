//! Who serves a graph: what this shard says of its names, and the steps by which an operator ends a conflict
//! (docs/decisions/0025-one-owner.md).

use epistemic_storage::graph::{GiveWay, GraphError, Hold, Keep, MoveOp};
use serde::Deserialize;

use super::moves::step;
use crate::{
    owners,
    request::{error::OpError, service::ServiceCall},
    wire::{OrNone, json::value, some_text, some_texts, text},
};

/// `GraphOwners`
#[derive(Debug, Default, Deserialize)]
pub(crate) struct GraphOwners<'a> {
    /// These names; without it, names in their order.
    #[serde(default, borrow, deserialize_with = "some_texts")]
    names: Option<Vec<&'a str>>,
    /// Of all: those behind this name.
    #[serde(default, borrow, deserialize_with = "some_text")]
    after: Option<&'a str>,
    /// Of all: also those that no move has touched.
    #[serde(default)]
    all: bool,
}

/// `OwnerHold`
#[derive(Debug, Deserialize)]
pub(crate) struct OwnerHold<'a> {
    /// Names what is done, as a move is named; the others give way by the same name.
    #[serde(borrow, deserialize_with = "text")]
    move_id: &'a str,
    /// Endpoint that is to give way.
    #[serde(borrow, deserialize_with = "text")]
    peer: &'a str,
    /// Number of the graph in this store.
    graph_id: u64,
    /// Its ownership term from now on.
    term: u64,
}

/// `OwnerGiveWay`
#[derive(Debug, Deserialize)]
pub(crate) struct OwnerGiveWay<'a> {
    /// Names the step, as a move is named.
    #[serde(borrow, deserialize_with = "text")]
    move_id: &'a str,
    /// Endpoint that serves the graph.
    #[serde(borrow, deserialize_with = "text")]
    to: &'a str,
    /// Its ownership term there.
    term: u64,
    /// Number of the graph in this store.
    graph_id: u64,
    /// The name that its records have here from now on.
    #[serde(default, borrow, deserialize_with = "some_text")]
    keep_as: Option<&'a str>,
    /// Instead: they are dropped, if this is the number of their newest change.
    #[serde(default)]
    sequence: Option<u64>,
}

/// `GraphOwners`
pub(super) fn list(
    call: &ServiceCall<'_>,
    OrNone(GraphOwners { names, after, all }): OrNone<GraphOwners<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let page = owners::page(&call.shard.graphs, names.as_deref(), after, all).map_err(GraphError::from)?;
    value(out, &serde_json::json!(page));
    Ok(())
}

/// `OwnerHold`
pub(super) fn hold(
    call: &ServiceCall<'_>,
    OwnerHold { move_id, peer, graph_id, term }: OwnerHold<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let holding = Hold { graph_id, term, peer: peer.into() };
    step(call, MoveOp::Hold { move_id: move_id.into(), holding }, out)
}

/// `OwnerGiveWay`
pub(super) fn give_way(
    call: &ServiceCall<'_>,
    OwnerGiveWay { move_id, to, term, graph_id, keep_as, sequence }: OwnerGiveWay<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let keep = match (keep_as, sequence) {
        (Some(name), None) => Keep::As(name.into()),
        (None, Some(sequence)) => Keep::Nothing { sequence },
        (Some(_), Some(_)) | (None, None) => {
            let text =
                "OwnerGiveWay: give keep_as to keep the records, or sequence to drop them; nothing was done";
            return Err(OpError::Text(text.into()));
        }
    };
    let giving = GiveWay { to: to.into(), term, graph_id, keep };
    step(call, MoveOp::GiveWay { move_id: move_id.into(), giving }, out)
}
