//! Who serves a graph: what this shard says of its names, and the steps by which an operator ends a conflict
//! (docs/decisions/0025-one-owner.md).

use epistemic_storage::graph::{GiveWay, GraphError, Hold, Keep, MoveOp};

use super::{OpError, Request};
use crate::{
    owners,
    shard::Shard,
    wire::{Method, json::value, params},
};

/// Answers `GraphOwners`.
pub(super) fn list(shard: &Shard, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let Request { method, envelope, .. } = *request;
    let params::GraphOwners { names, after, all } = super::moves::some_params(method, envelope.params)?;
    let page = owners::page(&shard.graphs, names.as_deref(), after, all).map_err(GraphError::from)?;
    value(out, &serde_json::json!(page));
    Ok(())
}

/// The step that a request asks for.
pub(super) fn step(method: Method, raw: Option<&[u8]>) -> Result<MoveOp, OpError> {
    if method == Method::OwnerHold {
        let params::OwnerHold { move_id, peer, graph_id, term } = params::params(method, raw)?;
        let holding = Hold { graph_id, term, peer: peer.into() };
        return Ok(MoveOp::Hold { move_id: move_id.into(), holding });
    }
    let params::OwnerGiveWay { move_id, to, term, graph_id, keep_as, sequence } =
        params::params(method, raw)?;
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
    Ok(MoveOp::GiveWay { move_id: move_id.into(), giving })
}
