//! Whole graphs written at once: documents put in place of a graph, and copies under a new name.

use std::sync::Arc;

use epistemic_protocol::ErrorCode;
use epistemic_storage::graph::{Asking, Op};

use super::{OpError, access, compute::Computation, quota, reads::ReadError, whole};
use crate::{
    document,
    memory::{Charge, NoRoom, Part},
    quotas::{Load, Tenant},
    wire::{DecodeError, encode, json, params},
};

/// `FromMsgpack`
pub(super) fn from_msgpack(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let request = &computation.request;
    let params::Document { msgpack } = params::params(request.method, request.envelope.params)?;
    replace(computation, &msgpack, msgpack.len())?;
    encode::str(out, "ok");
    Ok(())
}

/// `Reconcile`: the document is MessagePack, or JSON as the published client sends it.
pub(super) fn reconcile(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let request = &computation.request;
    let params::Reconcile { graph_name, msgpack, json_str } =
        params::params(request.method, request.envelope.params)?;
    if graph_name != request.envelope.graph {
        return Err(OpError::Text(format!(
            "graph_name '{graph_name}' differs from the graph of the request '{}'; nothing was replaced",
            request.envelope.graph
        ))
        .into());
    }
    match (msgpack, json_str) {
        (Some(document), _) => replace(computation, &document, document.len())?,
        (None, Some(text)) => {
            let most = 3 * text.len() + SHORT_JSON;
            let mut charge = memory(computation, most, text.len())?;
            // What is not written to takes nothing.
            let mut bytes = Vec::with_capacity(most);
            json::text(&mut bytes, text).map_err(|error| OpError::Text(error.to_string()))?;
            charge.note(bytes.len().max(1 << 20).min(bytes.capacity()));
            replace(computation, &bytes, text.len() + bytes.len())?;
        }
        (None, None) => return Err(<DecodeError as serde::de::Error>::missing_field("msgpack").into()),
    }
    encode::str(out, "reconciled");
    Ok(())
}

/// A JSON text becomes three times as long at most in MessagePack, `-0,` 9 bytes, and a short one this much longer.
const SHORT_JSON: usize = 16;

/// What records take on their way into tables, unless they are few.
const LOADING: usize = 10 << 20;
/// Documents and graphs with fewer bytes or records take no more than that.
const FEW: usize = 10_000;

/// A charge of `bytes` for what a request becomes, which holds `along` already.
fn memory(computation: &Computation<'_>, bytes: usize, along: usize) -> Result<Charge, NoRoom> {
    let account = computation.request.account(computation.graph.name(), Some(computation.graph));
    let mut charge = computation.shard.memory.open(Part::Requests, &account.tenant).beside(along);
    charge.set(bytes)?;
    Ok(charge)
}

/// Puts a document in place of the graph, for a request that holds `along` bytes.
fn replace(computation: &Computation<'_>, bytes: &[u8], along: usize) -> Result<(), ReadError> {
    let (shard, request) = (computation.shard, &computation.request);
    if computation.made_before()?.is_some() {
        return Ok(());
    }
    let most = shard.limits.max_document_bytes;
    if bytes.len() > most {
        let found = bytes.len();
        return Err(OpError::Refused(
            ErrorCode::FrameTooLarge,
            format!(
                "a document of {found} bytes, {most} are the most (--max-document-bytes); use egctl snapshot"
            ),
        )
        .into());
    }
    // Another graph may have the name by the time that it is loaded.
    let loading = if bytes.len() > FEW { LOADING.min(8 * bytes.len()) } else { 0 };
    let _loading = memory(computation, loading, along)?;
    let loaded = document::load(&shard.graphs, bytes, &mut memory(computation, 0, along + loading)?)?;
    let graph = shard.graphs.graph(request.envelope.graph).map_err(OpError::from);
    if let Err(refusal) = graph.and_then(|graph| access::again(shard, request, &graph)) {
        shard.graphs.discard(loaded);
        return Err(refusal.into());
    }
    let bytes = loaded.bytes();
    let may = |tenant: &Arc<Tenant>| tenant.may_replace(quota::bytes_of(shard, computation.graph), bytes);
    if let Some(Err(refusal)) = computation.tenant.map(may) {
        shard.graphs.discard(loaded);
        return Err(OpError::from(refusal).into());
    }
    let account = request.account(computation.graph.name(), Some(computation.graph));
    let replacement = computation.keyed(Op::Replace(loaded));
    shard.write_blocking(account, replacement, None).map_err(OpError::from)?;
    if let Some(tenant) = computation.tenant {
        tenant.wrote(bytes);
    }
    Ok(())
}

/// `Fork`: a copy of the graph under a new name, from one read view. The caller owns it. Clients from 2.27 on name none and
/// get the copy as data.
pub(super) fn fork(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let request = &computation.request;
    if request.envelope.reply_to().coded && params::no_params(request.method, request.envelope.params).is_ok()
    {
        return whole::copy(computation, out);
    }
    let params::Fork { graph_name } = params::params(request.method, request.envelope.params)?;
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
    encode::str(out, "created");
    encode::str(out, graph);
}
