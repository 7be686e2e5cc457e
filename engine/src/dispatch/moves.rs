//! The steps of a move between shards, for the program that moves a graph (docs/decisions/0019-moves.md), and what it
//! and backups read. Each is durable when it is answered, whatever `--durability` says, and may be repeated.

use std::{sync::Arc, time::Duration};

use epistemic_storage::{
    graph::{Graph, GraphError, MoveOp, Op, Rename, Standing},
    snapshot::{content_digest_of, pack_ledger, unpack_ledger},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    OpError, Request,
    service::{field_str, field_uint},
};
use crate::{
    shard::Shard,
    transfer::TransferError,
    wire::{Method, encode, json::value, params},
};

/// Bytes of records that one answer of `LedgerRead` holds at most, but for the last record.
const MAX_RECORDS: u64 = 8 << 20;
/// Graphs that one answer of `GraphHeads` has at most: their names may be long.
const MAX_HEADS: u64 = 1_000;
const MAX_LEASE: Duration = Duration::from_secs(60);

pub(super) fn run(shard: &Shard, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let Request { method, envelope, .. } = *request;
    let (name, raw) = (envelope.graph, envelope.params);
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only these here")]
    match method {
        Method::MoveStatus => {
            let params::MoveStatus { graph_name } = some_params(method, raw)?;
            status(shard, graph_name, out);
        }
        Method::GraphDigest => {
            let params::GraphDigest { after } = some_params(method, raw)?;
            let graph = shard.graphs.graph_of_any_standing(name)?;
            match after {
                Some(after) => changed_digest(shard, &graph, after, out)?,
                None => whole_digest(shard, &graph, out)?,
            }
        }
        Method::LedgerRead => {
            let params::LedgerRead { after, max_bytes } = params::params(method, raw)?;
            let graph = shard.graphs.graph_of_any_standing(name)?;
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
            let lease = Duration::from_millis(lease_ms).min(MAX_LEASE);
            sequence(out, shard.graphs.fence(name, move_id, to, lease)?);
        }
        Method::MoveRelease => {
            let params::MoveId { move_id } = params::params(method, raw)?;
            shard.graphs.lower_fence(name, move_id);
            encode::str(out, "ok");
        }
        Method::GraphHeads => {
            let params::GraphHeads { after, limit } = some_params(method, raw)?;
            heads(shard, after, limit, out)?;
        }
        _ => {
            if method == Method::MoveArrive && params::params::<params::MoveArrive<'_>>(method, raw)?.owned {
                shard.graphs.must_own(name)?;
            }
            change(shard, name, step(request)?)?;
            let graph = shard.graphs.graph_of_any_standing(name).ok();
            sequence(out, graph.map_or(0, |graph| graph.state().sequence));
        }
    }
    Ok(())
}

/// Parameters that may all be left out.
fn some_params<'a, T: Default + Deserialize<'a>>(
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
            let params::MoveReplay { move_id, records } = params::params(method, raw)?;
            let records = unpack_ledger(&records).ok_or_else(|| {
                OpError::Text("MoveReplay: the records are cut off; nothing was done".into())
            })?;
            MoveOp::Replay { move_id: move_id.into(), records }
        }
        Method::MoveDepart => {
            let params::MoveDepart { move_id, to, sequence } = params::params(method, raw)?;
            MoveOp::Depart { move_id: move_id.into(), to: to.into(), sequence }
        }
        Method::MoveAdmit => {
            let params::MoveAdmit { move_id, sequence, rename, replace } = params::params(method, raw)?;
            let rename = rename.map(|name| Rename { name: name.into(), replace });
            MoveOp::Admit { move_id: move_id.into(), sequence, rename }
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
        other => return Err(OpError::Text(format!("{other} is no operation of the service"))),
    })
}

/// Commits a step through the commit thread, so that it has its place among the writes.
fn change(shard: &Shard, name: &str, step: MoveOp) -> Result<(), OpError> {
    shard.write_blocking(&Arc::from(name), Op::Move(step))?;
    shard.graphs.sync().map_err(GraphError::from)?;
    Ok(())
}

fn sequence(out: &mut Vec<u8>, sequence: u64) {
    encode::map(out, 1);
    field_uint(out, "sequence", sequence);
}

fn whole_digest(shard: &Shard, graph: &Graph, out: &mut Vec<u8>) -> Result<(), OpError> {
    let (header, totals) = content_digest_of(&shard.graphs, graph).map_err(TransferError::from)?;
    encode::map(out, 7);
    field_uint(out, "sequence", header.sequence);
    field_uint(out, "nodes", totals.nodes);
    field_uint(out, "edges", totals.edges);
    field_uint(out, "ledger", totals.ledger);
    field_uint(out, "vectors", totals.vectors);
    field_uint(out, "bytes", totals.bytes);
    field_str(out, "digest", &totals.digest);
    Ok(())
}

fn changed_digest(shard: &Shard, graph: &Graph, after: u64, out: &mut Vec<u8>) -> Result<(), OpError> {
    let changed = shard.graphs.changed_digest(graph, after)?;
    let state = changed.state;
    encode::map(out, 5);
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
        field_uint(out, "sequence", head.state.sequence);
        field_uint(out, "nodes", head.state.nodes);
        field_uint(out, "edges", head.state.edges);
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

/// One graph, or all that are not served here.
fn status(shard: &Shard, name: Option<&str>, out: &mut Vec<u8>) {
    let graphs = match name {
        Some(name) => shard.graphs.graph_of_any_standing(name).into_iter().collect(),
        None => shard.graphs.graphs_on_the_move(),
    };
    encode::array(out, graphs.len());
    for graph in graphs {
        value(out, &row(&graph));
    }
}

fn row(graph: &Graph) -> Value {
    let state = graph.state();
    let mut row = json!({
        "name": &**graph.name(),
        "standing": "served",
        "sequence": state.sequence,
        "nodes": state.nodes,
        "edges": state.edges,
        "arrived": graph.arrived(),
    });
    match graph.standing() {
        Some(Standing::Arriving { move_id, from, .. }) => {
            row["standing"] = json!("arriving");
            row["move_id"] = json!(move_id);
            row["from"] = json!(from);
        }
        Some(Standing::Moved(post)) => {
            row["standing"] = json!("moved");
            row["move_id"] = json!(post.move_id);
            row["to"] = json!(post.to);
            row["dropped"] = json!(post.dropped);
        }
        None => {}
    }
    row
}
