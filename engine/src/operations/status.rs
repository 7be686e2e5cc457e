//! What the shard says about itself.

use std::sync::Arc;

use epistemic_storage::{
    StoreError,
    graph::{Graph, GraphReader},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    access::{Caller, Need},
    damage::{Damage, Known, scrub_json},
    lease::{Role, add_role},
    memory::{Part, resident_bytes},
    quotas,
    request::{error::OpError, service::ServiceCall},
    shard::Shard,
    wire::{Method, NoParams, OrNone, encode, field_str, json::value},
};

/// `GraphStats`, which takes none as well
#[derive(Debug, Default, Deserialize)]
pub(crate) struct GraphStats {
    /// Whether to tell how much room each graph takes, which looks at the tables of all of them. Off by default.
    #[serde(default)]
    sizes: bool,
}

/// `Ping`
pub(super) fn ping(_: &Shard, out: &mut Vec<u8>) {
    encode::str(out, "pong");
}

/// `Health`
pub(super) fn health(shard: &Shard, out: &mut Vec<u8>) {
    let status = match shard.role {
        Role::Standby(_) => "standby",
        Role::Replica(_) => "replica",
        Role::Alone | Role::Owner(_) if shard.refusal().is_some() => "read_only",
        Role::Alone | Role::Owner(_) => "ok",
    };
    let mut fields = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "ops": Method::ALL.iter().filter(|method| method.is_served()).map(|method| method.name()).collect::<Vec<_>>(),
        "uptime_s": shard.started.elapsed().as_secs(),
        "mem_bytes": resident_bytes(),
    });
    add_ownership(shard, &mut fields);
    add_role(&shard.role, &mut fields);
    value(out, &fields);
}

/// What clients compare their own list with; nothing where none is advertised.
fn add_ownership(shard: &Shard, fields: &mut Value) {
    let Some(ownership) = &shard.ownership else { return };
    fields["advertise"] = json!(ownership.advertised());
    fields["endpoints"] = json!(ownership.endpoints());
    fields["endpoints_fingerprint"] = json!(ownership.fingerprint());
}

fn caller<'a>(call: &ServiceCall<'a>) -> Caller<'a> {
    Caller::new(call.request.envelope.agent_id)
}

/// The graphs that the caller may read, oldest first.
fn readable(call: &ServiceCall<'_>) -> Vec<Arc<Graph>> {
    let (client, access, caller) = (call.request.peer, &call.shard.access, caller(call));
    let mut graphs = call.shard.graphs.graphs();
    graphs.retain(|graph| client.sees(graph.name()) && access.may(caller, Need::Read, graph));
    graphs
}

/// `ListGraphs`, oldest graph first.
pub(super) fn list_graphs(call: &ServiceCall<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), OpError> {
    let graphs = readable(call);
    encode::array(out, graphs.len());
    for graph in graphs {
        encode::map(out, 2);
        field_str(out, "name", graph.name());
        field_str(out, "type", graph.kind().name());
    }
    Ok(())
}

/// `GraphStats`, oldest graph first: the counters of all of them in one state. With `sizes` it blocks long.
pub(super) fn graph_stats(
    call: &ServiceCall<'_>,
    OrNone(GraphStats { sizes }): OrNone<GraphStats>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let shard = call.shard;
    let graphs = readable(call);
    let view = shard.graphs.read_view();
    encode::array(out, graphs.len());
    for graph in graphs {
        // Damage that is found on the way shows as quarantine.
        let found = if sizes { shard.graphs.sizes_of(&graph).ok() } else { None };
        let changed_ms = if sizes { shard.graphs.changed_ms(&graph).ok().flatten() } else { None };
        let stored = GraphReader::new(&*view, &graph).counters();
        let stored = stored.map_err(|error| shard.graphs.quarantine_if_corrupt(graph.name(), error));
        let state = stored.unwrap_or_else(|_| graph.counters());
        let mut row = json!({
            "name": &**graph.name(),
            "type": graph.kind().name(),
            "owner": graph.owner().as_deref(),
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
        if let Some(changed_ms) = changed_ms {
            row["changed_ms"] = json!(changed_ms);
        }
        if let Some(found) = found {
            row["bytes"] = json!(found.total());
            row["sizes"] = json!(found);
        }
        value(out, &row);
    }
    Ok(())
}

/// `ShardStatus`
pub(super) fn shard_status(call: &ServiceCall<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), OpError> {
    let (shard, caller) = (call.shard, caller(call));
    let storage = |error: StoreError| OpError::Graph(error.into());
    let stats = shard.graphs.store().stats().map_err(storage)?;
    let directory = shard.checkpoints.directory();
    let remote = shard.remote.as_ref();
    let checkpoints = shard.checkpoints.list().map_err(storage)?;
    let checkpoints: Vec<Value> = checkpoints
        .iter()
        .map(|taken| json!({"name": taken.name, "created_ms": taken.created_ms, "bytes": taken.bytes}))
        .collect();
    let is_replica = shard.role.is_replica();
    // What a replica refuses it refuses with who the owner is.
    let refusal = if is_replica { None } else { shard.refusal() };
    let (nodes, edges) = shard.graphs.graphs().iter().fold((0, 0), |(nodes, edges), graph| {
        let state = graph.counters();
        (nodes + state.nodes, edges + state.edges)
    });
    let (requests, request_seconds) = shard.metrics.totals();
    let awaiting = shard.graphs.awaiting_room();
    let known = Known { graphs: &shard.graphs, access: &shard.access, caller };
    let mut fields = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "unix_ms": epistemic_storage::clock::unix_ms(),
        "max_frame_bytes": shard.limits.max_frame_bytes,
        "max_document_bytes": shard.limits.max_document_bytes,
        "pid": std::process::id(),
        "uptime_s": shard.started.elapsed().as_secs(),
        "store_id": directory.map(|directory| &directory.identity().store_id).or_else(|| remote.map(|remote| &remote.store_id)),
        "store_url": remote.map(|remote| &remote.url),
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
        "disk_bytes": stats.disk_bytes,
        "reserve_bytes": stats.reserve_bytes,
        "reclaim_pending_graphs": awaiting.graphs,
        "reclaim_pending_bytes": awaiting.bytes,
        "sequence": stats.sequence,
        "writable": refusal.is_none() && !is_replica,
        "refusal": refusal,
        "poisoned": shard.graphs.poisoned(),
        "short_secret": shard.short_secret,
        "plaintext_tcp": shard.tls.is_exposed(),
        "tls_not_after_s": shard.tls.certificates.as_ref().map(|all| all.shard.not_after()),
        "damage": Damage::of(&shard.graphs, &shard.channels).json(known),
        "scrub": scrub_json(shard.scrub.state().as_ref(), known),
        "compaction": shard.compaction.json(),
        "checkpoints": checkpoints,
        "checkpoint_interval_s": shard.checkpoint_interval,
        "memory": memory(shard),
        "load": shard.metrics.load(&shard.admission),
    });
    if shard.access.hides(caller) {
        fields["pid"] = json!(0);
        fields["persist_dir"] = Value::Null;
        fields["store_url"] = Value::Null;
        for room in ["free_bytes", "disk_bytes", "reserve_bytes"] {
            fields[room] = Value::Null;
        }
        fields["checkpoints"] = json!([]);
    }
    let sees_all = !shard.access.is_on() || shard.access.is_system(caller);
    fields["quotas"] = quotas::summary(&shard.quotas, &shard.graphs, sees_all);
    add_ownership(shard, &mut fields);
    add_role(&shard.role, &mut fields);
    if let Some(keys) = shard.authentication.keys() {
        fields["keys"] = keys.status();
    }
    if let Some(peers) = &shard.peers {
        fields["ownership"] = peers.status();
    }
    if let Some(restored) = shard.restored() {
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
    for (part, used) in shard.memory_usage().parts() {
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
