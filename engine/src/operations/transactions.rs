//! Transactions on one graph: staged here over several requests, made by the commit thread in one commit.

use std::{borrow::Cow, sync::Arc};

use epistemic_storage::{
    Mutation,
    graph::{Graph, GraphError, Once, Op, Outcome, Seen},
    properties,
};
use serde::Deserialize;
use tokio::task::block_in_place;

use super::{atomic_batch, semantic};
use crate::{
    access::{Caller, Need},
    admission::Kind,
    quotas::{Tenant, WriteCharge},
    request::{
        access,
        error::OpError,
        incoming::Request,
        pending::{PendingResponse, Queued},
        response::{self, WriteResponse},
        service::ServiceCall,
        write::pending,
    },
    shard::Shard,
    signed,
    transactions::{Refusal, Size, Staged},
    wire::{DecodeError, Envelope, Method, OrNone, Params, bytes, components, encode, text, text_or_nil},
};

impl From<Refusal> for OpError {
    fn from(refusal: Refusal) -> Self {
        OpError::Text(refusal.to_string())
    }
}

/// `BeginTxn`
#[derive(Debug, Default, Deserialize)]
pub(crate) struct BeginTransaction<'a> {
    /// The graph, if it is not that of the request.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    graph: Option<&'a str>,
    /// `snapshot` or `serializable`, in any case of letters, which are the same; empty is as absent.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    isolation: Option<&'a str>,
}

/// `Rollback`
#[derive(Debug, Deserialize)]
pub(crate) struct TransactionId<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    txn_id: &'a str,
}

/// `Commit`
#[derive(Debug, Deserialize)]
pub(crate) struct CommitTransaction<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    txn_id: &'a str,
    /// Names the write for its caller.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    idempotency_key: Option<&'a str>,
}

/// `TxnAddNode`
#[derive(Debug, Deserialize)]
pub(crate) struct TransactionAddNode<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    txn_id: &'a str,
    /// Id of the node, new or existing.
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// Stored as they are.
    #[serde(borrow, deserialize_with = "bytes")]
    properties_msgpack: Cow<'a, [u8]>,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    graph: Option<&'a str>,
}

/// `TxnRemoveNode`
#[derive(Debug, Deserialize)]
pub(crate) struct TransactionNode<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    txn_id: &'a str,
    /// Id of the node.
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    graph: Option<&'a str>,
}

/// `TxnAddEdge`
#[derive(Debug, Deserialize)]
pub(crate) struct TransactionAddEdge<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    txn_id: &'a str,
    /// Id of a node that is there or was added before.
    #[serde(borrow, deserialize_with = "text")]
    source_id: &'a str,
    /// Id of a node that is there or was added before.
    #[serde(borrow, deserialize_with = "text")]
    target_id: &'a str,
    /// Stored as they are.
    #[serde(borrow, deserialize_with = "bytes")]
    properties_msgpack: Cow<'a, [u8]>,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    graph: Option<&'a str>,
}

/// `TxnRemoveEdge`
#[derive(Debug, Deserialize)]
pub(crate) struct TransactionEdge<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    txn_id: &'a str,
    /// Where the edges start.
    #[serde(borrow, deserialize_with = "text")]
    source_id: &'a str,
    /// Where they end.
    #[serde(borrow, deserialize_with = "text")]
    target_id: &'a str,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    graph: Option<&'a str>,
}

/// `TxnCas`
#[derive(Debug, Deserialize)]
pub(crate) struct TransactionCompareAndSet<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    txn_id: &'a str,
    /// Id of the node.
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// A map of the fields that are expected; a missing field is nil.
    #[serde(borrow, deserialize_with = "bytes")]
    conditions_msgpack: Cow<'a, [u8]>,
    /// A map of the fields to set.
    #[serde(borrow, deserialize_with = "bytes")]
    updates_msgpack: Cow<'a, [u8]>,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    graph: Option<&'a str>,
}

/// `TxnAddEmbedding`
#[derive(Debug, Deserialize)]
pub(crate) struct TransactionAddEmbedding<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    txn_id: &'a str,
    /// Id of a node that is there or was added before.
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// Components, not checked to be finite.
    #[serde(deserialize_with = "components")]
    embedding: Vec<f32>,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    graph: Option<&'a str>,
}

fn agent<'a>(envelope: &Envelope<'a>) -> Option<&'a str> {
    Caller::new(envelope.agent_id).id()
}

/// The graph that `BeginTxn` names, if it is not that of the request.
pub(super) fn named(method: Method, raw: Option<&[u8]>) -> Result<Option<&str>, DecodeError> {
    let OrNone(BeginTransaction { graph, .. }) = Params::decode(method, raw)?;
    Ok(graph)
}

/// The graph that `BeginTxn` is about; nothing if it cannot be told or the caller may not write to it.
pub(super) fn begun_on(shard: &Shard, method: Method, envelope: &Envelope<'_>) -> Option<Arc<Graph>> {
    let OrNone(BeginTransaction { graph, .. }) = Params::decode(method, envelope.params).ok()?;
    let graph = shard.graphs.graph(graph.unwrap_or(envelope.graph)).ok()?;
    access::write(shard, envelope, &graph).is_ok().then_some(graph)
}

/// The graph of the transaction that a request is about; nothing if there is none, or it is another's.
pub(super) fn graph(shard: &Shard, method: Method, envelope: &Envelope<'_>) -> Option<Arc<Graph>> {
    let name = graph_name(shard, method, envelope).ok()??;
    shard.graphs.graph(&name).ok()
}

/// The name of that graph, whether or not there is one still.
pub(crate) fn graph_name(
    shard: &Shard,
    method: Method,
    envelope: &Envelope<'_>,
) -> Result<Option<Arc<str>>, DecodeError> {
    let TransactionId { txn_id } = Params::decode(method, envelope.params)?;
    Ok(shard.transactions.graph(txn_id, agent(envelope)).ok())
}

/// `BeginTxn`
pub(super) fn begin(
    call: &ServiceCall<'_>,
    OrNone(BeginTransaction { graph, isolation }): OrNone<BeginTransaction<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let ServiceCall { shard, transfers, request } = call;
    let envelope = &request.envelope;
    // What a transaction touches is as it was seen, which is both.
    let known = ["", "snapshot", "serializable"];
    if let Some(other) =
        isolation.filter(|level| !known.iter().any(|known| level.eq_ignore_ascii_case(known)))
    {
        return Err(OpError::Text(format!(
            "unknown isolation level '{other}': give snapshot or serializable"
        )));
    }
    let name = graph.unwrap_or(envelope.graph);
    let graph = shard.graphs.graph(name).map_err(|error| {
        access::missing(shard, envelope, Need::Write, name).unwrap_or_else(|| error.into())
    })?;
    access::write(shard, envelope, &graph)?;
    let account = request.account(graph.name(), Some(&graph));
    let name = shard.transactions.begin(account, agent(envelope), transfers)?;
    encode::str(out, &name);
    Ok(())
}

/// `Rollback`
pub(super) fn roll_back(
    call: &ServiceCall<'_>,
    TransactionId { txn_id }: TransactionId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    call.shard.transactions.roll_back(txn_id, agent(&call.request.envelope))?;
    encode::bool(out, true);
    Ok(())
}

/// `TxnAddNode`
pub(super) fn add_node(
    call: &ServiceCall<'_>,
    TransactionAddNode { txn_id, node_id, properties_msgpack, graph }: TransactionAddNode<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let properties = properties_msgpack.into_owned();
    stage(call, txn_id, graph, Mutation::AddNode { id: node_id.into(), properties }, out)
}

/// `TxnRemoveNode`
pub(super) fn remove_node(
    call: &ServiceCall<'_>,
    TransactionNode { txn_id, node_id, graph }: TransactionNode<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    stage(call, txn_id, graph, Mutation::RemoveNode { id: node_id.into() }, out)
}

/// `TxnAddEdge`
pub(super) fn add_edge(
    call: &ServiceCall<'_>,
    params: TransactionAddEdge<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let TransactionAddEdge { txn_id, source_id, target_id, properties_msgpack, graph } = params;
    let (source, target) = (source_id.into(), target_id.into());
    let change = Mutation::AddEdge { source, target, properties: properties_msgpack.into_owned() };
    stage(call, txn_id, graph, change, out)
}

/// `TxnRemoveEdge`
pub(super) fn remove_edge(
    call: &ServiceCall<'_>,
    TransactionEdge { txn_id, source_id, target_id, graph }: TransactionEdge<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let change = Mutation::RemoveEdge { source: source_id.into(), target: target_id.into() };
    stage(call, txn_id, graph, change, out)
}

/// `TxnCas`
pub(super) fn compare_and_set(
    call: &ServiceCall<'_>,
    params: TransactionCompareAndSet<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let TransactionCompareAndSet { txn_id, node_id, conditions_msgpack, updates_msgpack, graph } = params;
    for (field, map) in [("conditions_msgpack", &conditions_msgpack), ("updates_msgpack", &updates_msgpack)] {
        if properties::merged(EMPTY_MAP, map).is_none() {
            return Err(OpError::Text(format!("{field}: no map of names to values")));
        }
    }
    let (conditions, updates) = (conditions_msgpack.into_owned(), updates_msgpack.into_owned());
    let change = Mutation::CompareAndSet { node: node_id.into(), conditions, updates };
    stage(call, txn_id, graph, change, out)
}

/// `TxnAddEmbedding`
pub(super) fn add_embedding(
    call: &ServiceCall<'_>,
    TransactionAddEmbedding { txn_id, node_id, embedding, graph }: TransactionAddEmbedding<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let components = semantic::stored("embedding", &embedding)?;
    stage(call, txn_id, graph, Mutation::AddEmbedding { node: node_id.into(), components }, out)
}

const EMPTY_MAP: &[u8] = b"\x80";

/// Adds a change to its transaction, with what its nodes are now. `graph` is that of the transaction, if it is named.
fn stage(
    call: &ServiceCall<'_>,
    id: &str,
    graph: Option<&str>,
    change: Mutation,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let (shard, envelope) = (call.shard, &call.request.envelope);
    let limits = shard.graphs.request_limits();
    atomic_batch::check(&limits, &change)?;
    let name = shard.transactions.graph(id, agent(envelope))?;
    if let Some(other) = graph.filter(|graph| **graph != *name) {
        return Err(OpError::Text(format!(
            "transaction '{id}' is of graph '{name}' and cannot change graph '{other}': begin one for each graph"
        )));
    }
    let graph = shard.graphs.graph(&name)?;
    access::write(shard, envelope, &graph)?;
    let reader = shard.graphs.latest(&graph);
    let mut seen = Vec::new();
    let mut failed = None;
    change.for_each_node(&mut |node| match reader.node(node) {
        Ok(found) => {
            let properties = found.as_ref().map(|found| found.properties.as_slice());
            seen.push((node.to_owned(), Seen::of(properties)));
        }
        Err(error) => failed = Some(error),
    });
    if let Some(error) = failed {
        return Err(OpError::Graph(shard.graphs.quarantine_if_corrupt(&name, error)));
    }
    shard.transactions.stage(id, agent(envelope), change, seen, &limits)?;
    encode::bool(out, true);
    Ok(())
}

/// `Commit`: queues the changes of a transaction and promises the answer.
pub(super) fn commit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    tenant: Option<&Arc<Tenant>>,
) -> Result<PendingResponse, OpError> {
    let envelope = &request.envelope;
    let CommitTransaction { txn_id, idempotency_key } = request.params()?;
    let key = match (idempotency_key, signed::once(envelope)) {
        (None, None) => None,
        (_, Some(once)) => Some(once.key),
        (Some(_), None) => {
            let text = "idempotency_key: no key comes with the token of the request; give it there too";
            return Err(OpError::Text(text.into()));
        }
    };
    let keyed = idempotency_key.is_some();
    let name = match (shard.transactions.graph(txn_id, agent(&request.envelope)), key) {
        (Ok(name), _) => name,
        // It may have been committed under this key, and its answer lost.
        (Err(unknown), Some(key)) => {
            let look = || shard.graphs.made_once_before(key).map_err(GraphError::from);
            // Seldom asked for, so that no promise is made of it.
            let made = if shard.reads_wait { block_in_place(look) } else { look() }?;
            let (made, _) = made.ok_or(unknown)?;
            if !matches!(made, Outcome::Transaction { .. }) {
                return Err(GraphError::KeyReused(envelope.graph.into()).into());
            }
            let mut out = Vec::new();
            let write = WriteResponse::Transaction { keyed };
            response::write_reply(&mut out, request.reply_to(), &write, Some(Ok(made)));
            shard.metrics.answered(request.method(), request.begun.elapsed());
            return Ok(PendingResponse::ready(out));
        }
        (Err(unknown), None) => return Err(unknown.into()),
    };
    let known = shard.graphs.graph(&name).ok();
    if let Some(graph) = &known {
        access::write(shard, envelope, graph)?;
        shard.metrics.graph_op(graph.name());
    }
    let account = request.account(&name, known.as_deref());
    let admit = |size: Size| -> Result<_, OpError> {
        let permit = shard.admission.admit(&account, Kind::Short, size.bytes)?;
        let begin = |tenant| WriteCharge::begin(tenant, size.cost as u64, size.grows);
        Ok((permit, tenant.map(begin).transpose()?))
    };
    let (staged, (permit, paid)) = shard.transactions.take(txn_id, agent(&request.envelope), admit)?;
    let Staged { transaction, charge } = staged;
    let bytes = charge.bytes();
    let once = key.map(|key| Once { key, request: transaction.digest() });
    let op = Op::Transaction(transaction).once(once);
    let permit = Some(permit.with(charge));
    let reply = shard.committer.submit(account, Some(request.connection), op, permit, paid);
    let response = WriteResponse::Transaction { keyed };
    Ok(pending(shard, request, name, response, Queued::Reply(reply), bytes))
}
