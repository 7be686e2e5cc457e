//! The steps of a move between shards, for the program that moves a graph (docs/decisions/0019-moves.md), and what it
//! and backups read. Each is durable when it is answered, whatever `--durability` says, and may be repeated.

use std::time::Duration;

use epistemic_storage::{
    graph::{
        Asking, Departure, Fenced, Graph, GraphError, MigrationState, MoveOp, MoveRecord, MoveRole,
        NameAfter, Op, Rename,
    },
    snapshot::{content_digest_of, pack_ledger, unpack_ledger},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    OpError, Request, owners,
    service::{field_str, field_uint},
};
use crate::{
    account::Account,
    shard::Shard,
    transfer::TransferError,
    wire::{Method, encode, json::value, params},
};

/// Bytes of records that one answer of `LedgerRead` holds at most, but for the last record.
const MAX_RECORDS: u64 = 8 << 20;
/// Graphs that one answer of `GraphHeads` has at most: their names may be long.
const MAX_HEADS: u64 = 1_000;
/// Rows that one answer of `MoveOutcomes` holds at most, and when it is not said how many.
const MAX_OUTCOMES: usize = 10_000;

pub(super) fn run(shard: &Shard, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let Request { method, envelope, .. } = *request;
    let (name, raw) = (envelope.graph, envelope.params);
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only these here")]
    match method {
        Method::MoveStatus => {
            let params::MoveStatus { graph_name, arrived } = some_params(method, raw)?;
            status(shard, graph_name, arrived, out);
        }
        Method::MoveLook => {
            let params::MoveId { move_id } = params::params(method, raw)?;
            look(shard, name, move_id, out)?;
        }
        Method::MoveOutcomes => outcomes(shard, &some_params(method, raw)?, out)?,
        Method::GraphDigest => {
            let params::GraphDigest { after } = some_params(method, raw)?;
            let graph = shard.graphs.graph_in_any_state(name)?;
            match after {
                Some(after) => tail_digest(shard, &graph, after, out)?,
                None => whole_digest(shard, &graph, out)?,
            }
        }
        Method::LedgerRead => {
            let params::LedgerRead { after, max_bytes } = params::params(method, raw)?;
            let graph = shard.graphs.graph_in_any_state(name)?;
            let max_bytes = max_bytes.min(MAX_RECORDS) as usize;
            let changes = shard.graphs.changes(&graph, after, max_bytes)?;
            encode::map(out, 3);
            field_uint(out, "sequence", changes.sequence);
            encode::str(out, "before");
            some_digest(out, changes.before.as_ref());
            encode::str(out, "records");
            encode::bin(out, &pack_ledger(&changes.records));
        }
        Method::MoveFence => {
            let params::MoveFence { move_id, to, lease_ms } = params::params(method, raw)?;
            let lease = Duration::from_millis(lease_ms);
            let Fenced { token, graph_id, epoch, sequence } = shard.graphs.fence(name, move_id, to, lease)?;
            encode::map(out, 4);
            field_uint(out, "token", token);
            field_uint(out, "graph_id", graph_id);
            field_uint(out, "epoch", epoch);
            field_uint(out, "sequence", sequence);
        }
        Method::MoveRenew => {
            let params::MoveRenew { token, lease_ms } = params::params(method, raw)?;
            shard.graphs.renew_fence(name, token, Duration::from_millis(lease_ms))?;
            encode::str(out, "ok");
        }
        Method::MoveRelease => {
            let params::MoveRelease { token } = params::params(method, raw)?;
            shard.graphs.unfence(name, token);
            encode::str(out, "ok");
        }
        Method::GraphHeads => {
            let params::GraphHeads { after, limit } = some_params(method, raw)?;
            heads(shard, after, limit, out)?;
        }
        Method::GraphOwners => owners::list(shard, request, out)?,
        Method::MoveRefuse => {
            let params::MoveRefuse { move_id, role, peer, name_after } = params::params(method, raw)?;
            let (role, peer, name_after) = (role_of(role)?, peer.to_owned(), name_after_of(name_after)?);
            change(shard, name, MoveOp::Refuse { move_id: move_id.to_owned(), role, peer, name_after })?;
            look(shard, name, move_id, out)?;
        }
        _ => {
            if method == Method::MoveArrive && params::params::<params::MoveArrive<'_>>(method, raw)?.owned {
                shard.graphs.must_own(name, Asking::Import)?;
            }
            change(shard, name, step(request)?)?;
            let graph = shard.graphs.graph_in_any_state(name).ok();
            sequence(out, graph.map_or(0, |graph| graph.counters().sequence));
        }
    }
    Ok(())
}

/// Parameters that may all be left out.
pub(super) fn some_params<'a, T: Default + Deserialize<'a>>(
    method: Method,
    raw: Option<&'a [u8]>,
) -> Result<T, OpError> {
    match params::no_params(method, raw) {
        Ok(()) => Ok(T::default()),
        Err(_) => Ok(params::params(method, raw)?),
    }
}

/// The step that a request asks for.
fn step(request: &Request<'_>) -> Result<MoveOp, OpError> {
    let Request { method, envelope, .. } = *request;
    let raw = envelope.params;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only these here")]
    Ok(match method {
        Method::MoveArrive => {
            // Whether the name may be created here was asked before.
            let params::MoveArrive { move_id, from, owned: _ } = params::params(method, raw)?;
            MoveOp::Arrive { move_id: move_id.into(), from: from.into() }
        }
        Method::MoveReplay => {
            let params::MoveReplay { move_id, copy, records } = params::params(method, raw)?;
            let records = unpack_ledger(&records).ok_or_else(|| {
                OpError::Text("MoveReplay: the records are cut off; nothing was done".into())
            })?;
            MoveOp::Replay { move_id: move_id.into(), copy, records }
        }
        Method::MoveDepart => {
            let params::MoveDepart { move_id, to, token, graph_id, epoch, sequence } =
                params::params(method, raw)?;
            let departure = Departure { to: to.into(), token, graph_id, epoch, sequence };
            MoveOp::Depart { move_id: move_id.into(), departure }
        }
        Method::MoveAdmit => {
            let params::MoveAdmit { move_id, copy, sequence, epoch, rename, replace } =
                params::params(method, raw)?;
            let rename = rename.map(|name| Rename { name: name.into(), replace });
            MoveOp::Admit { move_id: move_id.into(), copy, sequence, epoch, rename }
        }
        Method::MoveDrop => {
            let params::MoveId { move_id } = params::params(method, raw)?;
            MoveOp::Drop { move_id: move_id.into() }
        }
        Method::MoveReturn => {
            let params::MoveId { move_id } = params::params(method, raw)?;
            MoveOp::Return { move_id: move_id.into() }
        }
        Method::MoveForget => {
            params::no_params(method, raw)?;
            MoveOp::Forget
        }
        Method::OwnerHold | Method::OwnerGiveWay => owners::step(method, raw)?,
        other => return Err(OpError::Text(format!("{other} is no operation of the service"))),
    })
}

/// Commits a step through the commit thread, so that it has its place among the writes.
fn change(shard: &Shard, name: &str, step: MoveOp) -> Result<(), OpError> {
    shard.write_blocking(Account::own(name), Op::Move(step), None)?;
    shard.graphs.sync().map_err(GraphError::from)?;
    Ok(())
}

fn sequence(out: &mut Vec<u8>, sequence: u64) {
    encode::map(out, 1);
    field_uint(out, "sequence", sequence);
}

fn whole_digest(shard: &Shard, graph: &Graph, out: &mut Vec<u8>) -> Result<(), OpError> {
    let (header, totals) = content_digest_of(&shard.graphs, graph).map_err(TransferError::from)?;
    encode::map(out, 8);
    field_uint(out, "graph_id", graph.id().number());
    field_uint(out, "sequence", header.sequence);
    field_uint(out, "nodes", totals.nodes);
    field_uint(out, "edges", totals.edges);
    field_uint(out, "ledger", totals.ledger);
    field_uint(out, "vectors", totals.vectors);
    field_uint(out, "bytes", totals.bytes);
    field_str(out, "digest", &totals.digest);
    Ok(())
}

fn tail_digest(shard: &Shard, graph: &Graph, after: u64, out: &mut Vec<u8>) -> Result<(), OpError> {
    let changed = shard.graphs.tail_digest(graph, after)?;
    let state = changed.counters;
    encode::map(out, 6);
    field_uint(out, "graph_id", graph.id().number());
    field_uint(out, "sequence", state.sequence);
    field_uint(out, "nodes", state.nodes);
    field_uint(out, "edges", state.edges);
    field_uint(out, "vectors", state.vectors);
    field_str(out, "digest", &changed.digest);
    Ok(())
}

/// The newest change of each graph, by name, with what else backups and lists ask of all graphs.
fn heads(shard: &Shard, after: Option<&str>, limit: Option<u64>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let limit = limit.unwrap_or(MAX_HEADS).min(MAX_HEADS) as usize;
    let page = shard.graphs.heads(after, limit)?;
    let store_id = shard.checkpoints.directory().map(|directory| &*directory.identity().store_id);
    encode::map(out, 6);
    field_uint(out, "settled_ms", page.settled_ms);
    encode::str(out, "store_id");
    some_str(out, store_id);
    field_uint(out, "served", shard.graphs.graph_count() as u64);
    encode::str(out, "guarded");
    encode::bool(out, shard.access.is_on());
    encode::str(out, "more");
    encode::bool(out, page.more);
    encode::str(out, "graphs");
    encode::array(out, page.graphs.len());
    for head in page.graphs {
        encode::map(out, 7);
        field_str(out, "name", head.graph.name());
        field_uint(out, "sequence", head.counters.sequence);
        field_uint(out, "nodes", head.counters.nodes);
        field_uint(out, "edges", head.counters.edges);
        encode::str(out, "tenant");
        some_str(out, head.graph.tenant());
        encode::str(out, "quarantined");
        some_str(out, head.graph.quarantined());
        encode::str(out, "digest");
        some_digest(out, head.digest.as_ref());
    }
    Ok(())
}

fn some_str(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => encode::str(out, text),
        None => encode::nil(out),
    }
}

fn some_digest(out: &mut Vec<u8>, digest: Option<&[u8; 32]>) {
    match digest {
        Some(digest) => encode::bin(out, digest),
        None => encode::nil(out),
    }
}

/// One graph, or all that are not served here, and those that were brought by a move if they are wanted.
fn status(shard: &Shard, name: Option<&str>, arrived: bool, out: &mut Vec<u8>) {
    let mut graphs: Vec<_> = match name {
        Some(name) => shard.graphs.graph_in_any_state(name).into_iter().collect(),
        None => shard.graphs.migrating_graphs(),
    };
    if arrived && name.is_none() {
        graphs.append(&mut shard.graphs.graphs_that_arrived());
    }
    encode::array(out, graphs.len());
    for graph in graphs {
        value(out, &row(shard, &graph));
    }
}

/// The graph and the move at one instant.
fn look(shard: &Shard, name: &str, move_id: &str, out: &mut Vec<u8>) -> Result<(), OpError> {
    let view = shard.graphs.look_at_move(name, move_id)?;
    let row = view.graph.map_or(Value::Null, |graph| row(shard, &graph));
    let record = view.record.map_or(Value::Null, |record| outcome(move_id, &record));
    value(out, &json!({ "graph": row, "outcome": record }));
    Ok(())
}

fn outcomes(shard: &Shard, asked: &params::MoveOutcomes<'_>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let graphs = &shard.graphs;
    let found = match &asked.move_ids {
        Some(move_ids) => {
            let mut found = Vec::new();
            for move_id in move_ids {
                let record = graphs.move_record(move_id).map_err(GraphError::from)?;
                found.extend(record.map(|record| ((*move_id).to_owned(), record)));
            }
            found
        }
        None => {
            let limit = asked.limit.map_or(MAX_OUTCOMES, |limit| limit.min(MAX_OUTCOMES as u64) as usize);
            graphs.move_records(asked.after, limit).map_err(GraphError::from)?
        }
    };
    encode::array(out, found.len());
    for (move_id, record) in &found {
        value(out, &outcome(move_id, record));
    }
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

fn outcome(move_id: &str, record: &MoveRecord) -> Value {
    json!({
        "move_id": move_id,
        "graph": record.graph,
        "role": record.role.name(),
        "outcome": record.outcome.name(),
        "epoch": record.epoch,
        "peer": record.peer,
        "graph_id": record.graph_id,
        "sequence": record.sequence,
        "at_ms": record.at_ms,
    })
}

fn row(shard: &Shard, graph: &Graph) -> Value {
    let state = graph.counters();
    let mut row = json!({
        "name": &**graph.name(),
        "standing": "served",
        "graph_id": graph.id().number(),
        "epoch": graph.epoch(),
        "sequence": state.sequence,
        "nodes": state.nodes,
        "edges": state.edges,
        "arrived": graph.arrived(),
    });
    match graph.migration_state() {
        Some(MigrationState::Arriving { move_id, from, origin, .. }) => {
            row["standing"] = json!("arriving");
            row["move_id"] = json!(move_id);
            row["from"] = json!(from);
            if let Some(origin) = origin {
                row["origin_id"] = json!(origin.graph_id);
                row["origin_epoch"] = json!(origin.epoch);
            }
        }
        Some(MigrationState::Moved(post)) => {
            row["standing"] = json!("moved");
            row["move_id"] = json!(post.move_id);
            row["to"] = json!(post.to);
            row["dropped"] = json!(post.dropped);
        }
        None => {
            if let Some((move_id, to)) = shard.graphs.fenced_by(graph) {
                row["fenced_by"] = json!(move_id);
                row["to"] = json!(to);
            }
        }
    }
    row
}
