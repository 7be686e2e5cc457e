//! Graphs as wholes: made, copied, cleared, deleted, counted.

use std::sync::Arc;

use epistemic_storage::graph::{Asking, GraphCounters, GraphType, Op};
use serde::Deserialize;

use super::{
    documents::{FEW, LOADING, memory},
    graph_scans,
};
use crate::{
    quotas::Load,
    request::{
        access,
        computation::Computation,
        error::{OpError, ReadError},
        operation::NewGraph,
        quota,
        write::WriteCall,
    },
    wire::{DecodeError, Method, NoParams, Params, Undecoded, counts, encode, field_str, some_text, text},
};

/// `CreateGraph`
#[derive(Debug, Deserialize)]
pub(crate) struct CreateGraph<'a> {
    /// Any name, also the empty one.
    #[serde(borrow, deserialize_with = "text")]
    pub(crate) graph_name: &'a str,
    /// Decides who may use it.
    pub(crate) graph_type: GraphType,
    /// The tenant whose graph it is to be; reference clients give none.
    #[serde(borrow, default, deserialize_with = "some_text")]
    pub(crate) tenant: Option<&'a str>,
}

/// `DeleteGraph`
#[derive(Debug, Deserialize)]
pub(crate) struct DeleteGraph<'a> {
    /// Name of the graph.
    #[serde(borrow, deserialize_with = "text")]
    graph_name: &'a str,
}

/// `GraphOwnerSet`
#[derive(Debug, Deserialize)]
pub(crate) struct GraphOwnerSet<'a> {
    /// Identity of the new owner; nobody without it.
    #[serde(borrow, default, deserialize_with = "some_text")]
    owner: Option<&'a str>,
}

/// `Fork`
#[derive(Debug, Deserialize)]
pub(crate) struct Fork<'a> {
    /// Name of the copy; no graph may have it.
    #[serde(borrow, deserialize_with = "text")]
    graph_name: &'a str,
}

/// The graph that `CreateGraph` makes.
pub(super) fn made<'a>(method: Method, raw: Option<&'a [u8]>) -> Result<Option<NewGraph<'a>>, DecodeError> {
    let CreateGraph { graph_name: name, graph_type: kind, tenant } = Params::decode(method, raw)?;
    Ok(Some(NewGraph { name, kind, claimed_by: tenant.filter(|tenant| !tenant.is_empty()) }))
}

/// The graph that `DeleteGraph` deletes.
pub(super) fn deleted(method: Method, raw: Option<&[u8]>) -> Result<&str, DecodeError> {
    DeleteGraph::decode(method, raw).map(|params| params.graph_name)
}

/// The graph that `Fork` makes; nothing when it is to answer the copy.
pub(super) fn copied(method: Method, raw: Option<&[u8]>) -> Result<Option<&str>, DecodeError> {
    if NoParams::decode(method, raw).is_ok() {
        return Ok(None);
    }
    Fork::decode(method, raw).map(|params| Some(params.graph_name))
}

/// `CreateGraph`
pub(super) fn create<'a>(write: &mut WriteCall<'a>, params: CreateGraph<'a>) -> Result<Op, OpError> {
    let CreateGraph { graph_name, graph_type: kind, tenant } = params;
    write.graph = graph_name;
    let owner = write.request.envelope.agent_id.map(str::to_owned);
    let tenant = tenant.filter(|tenant| !tenant.is_empty()).map(str::to_owned);
    Ok(Op::Create { kind, owner, tenant })
}

/// `DeleteGraph`
pub(super) fn delete<'a>(write: &mut WriteCall<'a>, params: DeleteGraph<'a>) -> Result<Op, OpError> {
    write.graph = params.graph_name;
    Ok(Op::Delete)
}

/// `ClearGraph`
pub(super) fn clear(_: &mut WriteCall<'_>, _: NoParams) -> Result<Op, OpError> {
    Ok(Op::Clear)
}

/// `GraphOwnerSet`: whoever asks for the graph from now on, also on connections that are open, has what he has of the new owner.
pub(super) fn set_owner(_: &mut WriteCall<'_>, params: GraphOwnerSet<'_>) -> Result<Op, OpError> {
    Ok(Op::SetOwner(params.owner.filter(|owner| !owner.is_empty()).map(str::to_owned)))
}

/// Whom `GraphOwnerSet` gives a graph to.
pub(crate) fn new_owner(method: Method, raw: Option<&[u8]>) -> Result<Option<&str>, DecodeError> {
    GraphOwnerSet::decode(method, raw).map(|params| params.owner)
}

/// `NodeCount`
pub(super) fn node_count(state: &GraphCounters, out: &mut Vec<u8>) {
    encode::uint(out, state.nodes);
}

/// `EdgeCount`
pub(super) fn edge_count(state: &GraphCounters, out: &mut Vec<u8>) {
    encode::uint(out, state.edges);
}

/// `Metrics`
pub(super) fn metrics(state: &GraphCounters, out: &mut Vec<u8>) {
    let fields = [
        ("node_count", state.nodes),
        ("active_nodes", state.nodes),
        ("edge_count", state.edges),
        ("archived_nodes", 0),
        ("compacted_nodes", 0),
        ("last_prune_removed", 0),
        ("total_mutations", state.ledger_lines),
    ];
    counts(out, &fields);
}

/// `Fork`: a copy of the graph under a new name, from one read view. The caller owns it. Clients from 2.27 on name none and
/// get the copy as data.
pub(super) fn fork(computation: &Computation<'_>, _: Undecoded, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let request = &computation.request;
    if request.reply_to().coded && request.params::<NoParams>().is_ok() {
        return graph_scans::copy(computation, out);
    }
    let Fork { graph_name } = request.params()?;
    let shard = computation.shard;
    if computation.made_before()?.is_some() {
        created(out, graph_name);
        return Ok(());
    }
    access::create(shard, &request.envelope, graph_name, computation.graph.kind(), None)?;
    if shard.graphs.graph(graph_name).is_ok() {
        return Err(OpError::Text(format!("Graph '{graph_name}' already exists")).into());
    }
    shard.graphs.check_creation(graph_name, Asking::Client).map_err(OpError::from)?;
    let state = computation.graph.counters();
    let few = state.nodes + state.edges < FEW as u64 && !computation.graph.has_large_records();
    let _loading = memory(computation, if few { 0 } else { LOADING }, 0)?;
    let mut load = None;
    if computation.tenant.is_some() {
        shard.graphs.has_room(graph_name, None, request.envelope.agent_id, &state).map_err(OpError::from)?;
        let bytes = quota::bytes_of(shard, computation.graph);
        load = quota::copy(shard, request, graph_name, bytes)?;
    }
    let go_on = || -> Result<(), ReadError> { Ok(computation.cancel.check()?) };
    let loaded = shard.graphs.fork_while(computation.graph, go_on)?;
    let owner = request.envelope.agent_id.map(str::to_owned);
    let (name, kind) = (Arc::from(graph_name), computation.graph.kind());
    if let Some(Err(refusal)) = load.as_mut().map(|load| load.has(loaded.bytes())) {
        shard.graphs.discard(loaded);
        return Err(OpError::from(refusal).into());
    }
    let install = computation.keyed(Op::Install { loaded, kind, owner, replace: false });
    shard.write_blocking(request.account(&name, None), install, None).map_err(OpError::from)?;
    load.into_iter().for_each(Load::finish);
    created(out, graph_name);
    Ok(())
}

fn created(out: &mut Vec<u8>, graph: &str) {
    encode::map(out, 1);
    field_str(out, "created", graph);
}
