//! Documents: a graph as one value of MessagePack. [`export`] sends one, [`import`] loads one beside the graph whose place it
//! takes.

pub(super) mod export;
mod import;

use std::{borrow::Cow, sync::Arc};

use epistemic_protocol::ErrorCode;
use epistemic_storage::graph::Op;
use serde::{Deserialize, de::Error};

use crate::{
    memory::{Charge, NoRoom, Part},
    quotas::Tenant,
    request::{
        access,
        computation::Computation,
        error::{OpError, ReadError},
        quota,
    },
    wire::{DecodeError, bytes, encode, json, some_bytes, some_text, text},
};

/// `FromMsgpack`
#[derive(Debug, Deserialize)]
pub(crate) struct Document<'a> {
    /// A document (`docs/reference-protocol.md` section 8.3).
    #[serde(borrow, deserialize_with = "bytes")]
    pub(crate) msgpack: Cow<'a, [u8]>,
}

/// `Reconcile`
#[derive(Debug, Deserialize)]
pub(crate) struct Reconcile<'a> {
    /// Must be the graph of the request.
    #[serde(borrow, deserialize_with = "text")]
    graph_name: &'a str,
    /// A document (`docs/reference-protocol.md` section 8.3).
    #[serde(borrow, default, deserialize_with = "some_bytes")]
    msgpack: Option<Cow<'a, [u8]>>,
    /// The same as JSON, which is what the published client sends.
    #[serde(borrow, default, deserialize_with = "some_text")]
    json_str: Option<&'a str>,
}

/// `FromMsgpack`
pub(super) fn from_msgpack(
    computation: &Computation<'_>,
    Document { msgpack }: Document<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    replace(computation, &msgpack, msgpack.len())?;
    encode::str(out, "ok");
    Ok(())
}

/// `Reconcile`: the document is MessagePack, or JSON as the published client sends it.
pub(super) fn reconcile(
    computation: &Computation<'_>,
    Reconcile { graph_name, msgpack, json_str }: Reconcile<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let request = &computation.request;
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
        (None, None) => return Err(DecodeError::missing_field("msgpack").into()),
    }
    encode::str(out, "reconciled");
    Ok(())
}

/// A JSON text becomes three times as long at most in MessagePack, `-0,` 9 bytes, and a short one this much longer.
const SHORT_JSON: usize = 16;

/// What records take on their way into tables, unless they are few.
pub(super) const LOADING: usize = 10 << 20;
/// Documents and graphs with fewer bytes or records take no more than that.
pub(super) const FEW: usize = 10_000;

/// A charge of `bytes` for what a request becomes, which holds `along` already.
pub(super) fn memory(computation: &Computation<'_>, bytes: usize, along: usize) -> Result<Charge, NoRoom> {
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
    let loaded = import::load(&shard.graphs, bytes, &mut memory(computation, 0, along + loading)?)?;
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
