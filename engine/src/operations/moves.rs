//! The steps of a move between shards, for the program that moves a graph (docs/decisions/0019-moves.md). Each is durable when
//! it is answered, whatever `--durability` says, and may be repeated. What that program reads is in [`super::move_reads`].

use std::{borrow::Cow, time::Duration};

use epistemic_storage::{
    graph::{Asking, Departure, Fenced, GraphError, MoveOp, MoveRole, NameAfter, Op, Rename},
    snapshot::unpack_ledger,
};
use serde::Deserialize;

use super::move_reads::{MoveId, look};
use crate::{
    account::Account,
    request::{error::OpError, service::ServiceCall},
    wire::{NoParams, bytes, counts, encode, some_text, text},
};

/// `MoveArrive`
#[derive(Debug, Deserialize)]
pub(crate) struct MoveArrive<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    move_id: &'a str,
    /// Endpoint that serves the graph until it has arrived.
    #[serde(borrow, deserialize_with = "text")]
    from: &'a str,
    /// Only if this shard may create a graph of this name: it is restored, not moved.
    #[serde(default)]
    owned: bool,
}

/// `MoveReplay`
#[derive(Debug, Deserialize)]
pub(crate) struct MoveReplay<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    move_id: &'a str,
    /// The copy meant, if it is to be this one.
    #[serde(default)]
    copy: Option<u64>,
    /// Records of `LedgerRead`.
    #[serde(borrow, deserialize_with = "bytes")]
    records: Cow<'a, [u8]>,
}

/// `MoveFence`
#[derive(Debug, Deserialize)]
pub(crate) struct MoveFence<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    move_id: &'a str,
    /// Endpoint that the graph goes to.
    #[serde(borrow, deserialize_with = "text")]
    to: &'a str,
    /// Milliseconds after which writes are taken again, 60,000 at most.
    lease_ms: u64,
}

/// `MoveRenew`
#[derive(Debug, Deserialize)]
pub(crate) struct MoveRenew {
    /// From `MoveFence`.
    token: u64,
    /// Milliseconds after which writes are taken again.
    lease_ms: u64,
}

/// `MoveRelease`
#[derive(Debug, Deserialize)]
pub(crate) struct MoveRelease {
    /// From `MoveFence`.
    token: u64,
}

/// `MoveDepart`
#[derive(Debug, Deserialize)]
pub(crate) struct MoveDepart<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    move_id: &'a str,
    /// Endpoint that serves the graph from now on.
    #[serde(borrow, deserialize_with = "text")]
    to: &'a str,
    /// From `MoveFence`.
    token: u64,
    /// From `MoveFence`.
    graph_id: u64,
    /// From `MoveFence`.
    epoch: u64,
    /// The newest sequence number that the destination holds.
    sequence: u64,
}

/// `MoveAdmit`
#[derive(Debug, Deserialize)]
pub(crate) struct MoveAdmit<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    move_id: &'a str,
    /// The copy meant, if it is to be this one.
    #[serde(default)]
    copy: Option<u64>,
    /// The newest sequence number of the graph.
    sequence: u64,
    /// Ownership term, one above that of the source's graph.
    #[serde(default)]
    epoch: Option<u64>,
    /// Another name for it.
    #[serde(default, borrow, deserialize_with = "some_text")]
    rename: Option<&'a str>,
    /// Whether a graph of the other name may be there and is replaced.
    #[serde(default)]
    replace: bool,
}

/// `MoveRefuse`
#[derive(Debug, Deserialize)]
pub(crate) struct MoveRefuse<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    move_id: &'a str,
    /// `source` or `destination`: what this shard is to it.
    #[serde(borrow, deserialize_with = "text")]
    role: &'a str,
    /// The other endpoint.
    #[serde(borrow, deserialize_with = "text")]
    peer: &'a str,
    /// `free`, `held` or `sent_back`: what becomes of the name of a graph that arrives by it.
    #[serde(default, borrow, deserialize_with = "some_text")]
    name_after: Option<&'a str>,
}

/// `MoveArrive`
pub(super) fn arrive(
    call: &ServiceCall<'_>,
    MoveArrive { move_id, from, owned }: MoveArrive<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    if owned {
        call.shard.graphs.must_own(call.request.envelope.graph, Asking::Import)?;
    }
    step(call, MoveOp::Arrive { move_id: move_id.into(), from: from.into() }, out)
}

/// `MoveReplay`
pub(super) fn replay(
    call: &ServiceCall<'_>,
    MoveReplay { move_id, copy, records }: MoveReplay<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let records = unpack_ledger(&records)
        .ok_or_else(|| OpError::Text("MoveReplay: the records are cut off; nothing was done".into()))?;
    step(call, MoveOp::Replay { move_id: move_id.into(), copy, records }, out)
}

/// `MoveFence`
pub(super) fn fence(
    call: &ServiceCall<'_>,
    MoveFence { move_id, to, lease_ms }: MoveFence<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let lease = Duration::from_millis(lease_ms);
    let fenced = call.shard.graphs.fence(call.request.envelope.graph, move_id, to, lease)?;
    let Fenced { token, graph_id, epoch, sequence } = fenced;
    counts(out, &[("token", token), ("graph_id", graph_id), ("epoch", epoch), ("sequence", sequence)]);
    Ok(())
}

/// `MoveRenew`
pub(super) fn renew(
    call: &ServiceCall<'_>,
    MoveRenew { token, lease_ms }: MoveRenew,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let lease = Duration::from_millis(lease_ms);
    call.shard.graphs.renew_fence(call.request.envelope.graph, token, lease)?;
    encode::str(out, "ok");
    Ok(())
}

/// `MoveRelease`
pub(super) fn release(
    call: &ServiceCall<'_>,
    MoveRelease { token }: MoveRelease,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    call.shard.graphs.unfence(call.request.envelope.graph, token);
    encode::str(out, "ok");
    Ok(())
}

/// `MoveDepart`
pub(super) fn depart(
    call: &ServiceCall<'_>,
    MoveDepart { move_id, to, token, graph_id, epoch, sequence }: MoveDepart<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let departure = Departure { to: to.into(), token, graph_id, epoch, sequence };
    step(call, MoveOp::Depart { move_id: move_id.into(), departure }, out)
}

/// `MoveAdmit`
pub(super) fn admit(
    call: &ServiceCall<'_>,
    MoveAdmit { move_id, copy, sequence, epoch, rename, replace }: MoveAdmit<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let rename = rename.map(|name| Rename { name: name.into(), replace });
    step(call, MoveOp::Admit { move_id: move_id.into(), copy, sequence, epoch, rename }, out)
}

/// `MoveDrop`
pub(super) fn drop_records(
    call: &ServiceCall<'_>,
    MoveId { move_id }: MoveId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    step(call, MoveOp::Drop { move_id: move_id.into() }, out)
}

/// `MoveReturn`
pub(super) fn come_back(
    call: &ServiceCall<'_>,
    MoveId { move_id }: MoveId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    step(call, MoveOp::Return { move_id: move_id.into() }, out)
}

/// `MoveForget`
pub(super) fn forget(call: &ServiceCall<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), OpError> {
    step(call, MoveOp::Forget, out)
}

/// `MoveRefuse`
pub(super) fn refuse(
    call: &ServiceCall<'_>,
    MoveRefuse { move_id, role, peer, name_after }: MoveRefuse<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let (role, peer, name_after) = (role_of(role)?, peer.to_owned(), name_after_of(name_after)?);
    commit(call, MoveOp::Refuse { move_id: move_id.to_owned(), role, peer, name_after })?;
    look(call, MoveId { move_id }, out)
}

/// Commits a step and tells the newest change of the graph.
pub(super) fn step(call: &ServiceCall<'_>, step: MoveOp, out: &mut Vec<u8>) -> Result<(), OpError> {
    commit(call, step)?;
    let graph = call.shard.graphs.graph_in_any_state(call.request.envelope.graph).ok();
    counts(out, &[("sequence", graph.map_or(0, |graph| graph.counters().sequence))]);
    Ok(())
}

/// Commits a step through the commit thread, so that it has its place among the writes.
fn commit(call: &ServiceCall<'_>, step: MoveOp) -> Result<(), OpError> {
    let shard = call.shard;
    shard.write_blocking(Account::own(call.request.envelope.graph), Op::Move(step), None)?;
    shard.graphs.sync().map_err(GraphError::from)?;
    Ok(())
}

fn role_of(name: &str) -> Result<MoveRole, OpError> {
    let roles = [MoveRole::Source, MoveRole::Destination];
    roles.into_iter().find(|role| role.name() == name).ok_or_else(|| {
        OpError::Text(format!(
            "MoveRefuse: the role is 'source' or 'destination', not '{name}'; nothing was done"
        ))
    })
}

fn name_after_of(name: Option<&str>) -> Result<NameAfter, OpError> {
    let Some(name) = name else { return Ok(NameAfter::Free) };
    NameAfter::ALL.into_iter().find(|after| after.name() == name).ok_or_else(|| {
        OpError::Text(format!(
            "MoveRefuse: name_after is 'free', 'held' or 'sent_back', not '{name}'; nothing was done"
        ))
    })
}
