//! What the shard says about itself.

use std::sync::Arc;

use epistemic_storage::{
    datadir::list_checkpoints,
    graph::{Graph, GraphReader},
};
use serde_json::{Value, json};

use crate::{
    access::{Caller, Need},
    damage::{Damage, scrub_json},
    dispatch::{OpError, served},
    memory::{Part, Usage},
    quotas,
    shard::Shard,
    wire::{encode, json::value},
};

/// The answer of `Health`.
pub(crate) fn health(shard: &Shard, out: &mut Vec<u8>) {
    let status = if shard.graphs.refusal().is_some() { "read_only" } else { "ok" };
    let mut fields = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "ops": served().collect::<Vec<_>>(),
        "uptime_s": shard.started.elapsed().as_secs(),
        "mem_bytes": resident_bytes(),
    });
    add_ownership(shard, &mut fields);
    value(out, &fields);
}

/// What clients compare their own list with; nothing where none is advertised.
fn add_ownership(shard: &Shard, fields: &mut Value) {
    let Some(ownership) = &shard.ownership else { return };
    fields["advertise"] = json!(ownership.advertised());
    fields["endpoints"] = json!(ownership.endpoints());
    fields["endpoints_fingerprint"] = json!(ownership.fingerprint());
}

/// The graphs that the caller may read, oldest first.
fn readable(shard: &Shard, caller: Caller<'_>) -> Vec<Arc<Graph>> {
    let mut graphs = shard.graphs.graphs();
    graphs.retain(|graph| shard.access.may(caller, Need::Read, graph));
    graphs
}

/// The answer of `ListGraphs`, oldest graph first.
pub(crate) fn list_graphs(shard: &Shard, caller: Caller<'_>, out: &mut Vec<u8>) {
    let graphs = readable(shard, caller);
    encode::array(out, graphs.len());
    for graph in graphs {
        encode::map(out, 2);
        encode::str(out, "name");
        encode::str(out, graph.name());
        encode::str(out, "type");
        encode::str(out, graph.kind().name());
    }
}

/// The answer of `GraphStats`, oldest graph first: the counters of all of them in one state. With `sizes` it blocks long.
pub(crate) fn graph_stats(shard: &Shard, caller: Caller<'_>, sizes: bool, out: &mut Vec<u8>) {
    let graphs = readable(shard, caller);
    let view = shard.graphs.view();
    encode::array(out, graphs.len());
    for graph in graphs {
        // Damage that is found on the way shows as quarantine.
        let found = if sizes { shard.graphs.sizes_of(&graph).ok() } else { None };
        let stored = GraphReader::new(&*view, &graph).state();
        let stored = stored.map_err(|error| shard.graphs.damage(graph.name(), error));
        let state = stored.unwrap_or_else(|_| graph.state());
        let mut row = json!({
            "name": &**graph.name(),
            "type": graph.kind().name(),
            "owner": graph.owner(),
            "nodes": state.nodes,
            "edges": state.edges,
            "sequence": state.sequence,
            "ledger_from": state.complete_from,
            "quarantined": graph.quarantined(),
        });
        if let Some(keep) = graph.ledger_keep() {
            row["ledger_keep"] = json!(keep.to_string());
        }
        if let Some(tenant) = graph.tenant() {
            row["tenant"] = json!(tenant);
        }
        if let Some(found) = found {
            row["bytes"] = json!(found.total());
            row["sizes"] = json!(found);
        }
        value(out, &row);
    }
}

/// The answer of `ShardStatus`.
pub(crate) fn shard_status(shard: &Shard, caller: Caller<'_>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let storage = |error: epistemic_storage::StoreError| OpError::Graph(error.into());
    let stats = shard.graphs.store().stats().map_err(storage)?;
    let directory = shard.checkpoints.directory();
    let checkpoints = match directory {
        Some(directory) => list_checkpoints(directory.path()).map_err(storage)?,
        None => Vec::new(),
    };
    let checkpoints: Vec<Value> = checkpoints
        .iter()
        .map(|info| json!({"name": info.name, "created_ms": info.created_ms, "bytes": info.bytes()}))
        .collect();
    let refusal = shard.graphs.refusal();
    let (nodes, edges) = shard.graphs.graphs().iter().fold((0, 0), |(nodes, edges), graph| {
        let state = graph.state();
        (nodes + state.nodes, edges + state.edges)
    });
    let (requests, request_seconds) = shard.metrics.totals();
    let awaiting = shard.graphs.awaiting_room();
    let mut fields = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "unix_ms": epistemic_storage::clock::unix_ms(),
        "max_frame_bytes": shard.limits.max_frame_bytes,
        "max_document_bytes": shard.limits.max_document_bytes,
        "pid": std::process::id(),
        "uptime_s": shard.started.elapsed().as_secs(),
        "store_id": directory.map(|directory| &directory.identity().store_id),
        "persist_dir": directory.map(|directory| directory.path().display().to_string()),
        "backend": shard.graphs.store().backend(),
        "durability": shard.durability.to_string(),
        "graphs": shard.graphs.graph_count(),
        "nodes": nodes,
        "edges": edges,
        "requests": requests,
        "request_seconds": request_seconds,
        "bytes": stats.bytes,
        "free_bytes": stats.free_bytes,
        "reclaim_pending_graphs": awaiting.graphs,
        "reclaim_pending_bytes": awaiting.bytes,
        "sequence": stats.sequence,
        "writable": refusal.is_none(),
        "refusal": refusal,
        "poisoned": shard.graphs.poisoned(),
        "short_secret": shard.short_secret,
        "damage": Damage::of(shard).json(shard, caller),
        "scrub": scrub_json(shard, caller),
        "checkpoints": checkpoints,
        "checkpoint_interval_s": shard.checkpoint_interval,
        "memory": memory(shard),
    });
    if shard.access.hides(caller) {
        fields["pid"] = json!(0);
        fields["persist_dir"] = Value::Null;
        fields["free_bytes"] = Value::Null;
        fields["checkpoints"] = json!([]);
    }
    let sees_all = !shard.access.is_on() || shard.access.is_system(caller);
    fields["quotas"] = quotas::summary(&shard.quotas, &shard.graphs, sees_all);
    add_ownership(shard, &mut fields);
    if let Some(peers) = &shard.peers {
        fields["ownership"] = peers.status();
    }
    if let Some(restored) = directory.and_then(|directory| directory.restored()) {
        fields["restored"] = json!(restored);
    }
    value(out, &fields);
    Ok(())
}

/// What the memory of the process is divided into, and how much of it is in use.
fn memory(shard: &Shard) -> Value {
    let most = |part: Part| (part.name(), json!({"budget": shard.budget.bytes(part)}));
    let mut parts: serde_json::Map<_, _> =
        Part::ALL.map(most).into_iter().map(|(name, part)| (name.to_owned(), part)).collect();
    for (part, used) in Usage::of(shard).parts() {
        parts[part.name()]["used"] = json!(used);
    }
    json!({
        "budget": shard.budget.total,
        "resident": resident_bytes(),
        "refused": shard.memory.refused(),
        "answers_on_disk": shard.spool.bytes(),
        "parts": parts,
    })
}

/// Resident memory of the process, 0 where the system does not tell.
pub(crate) fn resident_bytes() -> u64 {
    let pages = fs_err::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
