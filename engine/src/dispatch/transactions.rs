//! Transactions on one graph: staged here over several requests, made by the commit thread in one commit.

use std::sync::Arc;

use epistemic_storage::{
    Mutation,
    graph::{Graph, GraphError, Once, Op, Outcome, Seen},
    properties,
};

use super::{
    OpError, Pending, Request, access, answer, answer::WriteAnswer, pending::Queued, semantic, whole_batch,
    writes::pending_write,
};
use crate::{
    access::{Caller, Need},
    admission::Kind,
    quotas::{Tenant, WriteCharge},
    shard::Shard,
    signed,
    transactions::{Refusal, Size, Staged},
    transfer::Transfers,
    wire::{DecodeError, Method, encode, params},
};

impl From<Refusal> for OpError {
    fn from(refusal: Refusal) -> Self {
        OpError::Text(refusal.to_string())
    }
}

fn agent<'a>(request: &Request<'a>) -> Option<&'a str> {
    Caller::new(request.envelope.agent_id).id()
}

/// `BeginTxn`, `Rollback` and what is staged in between.
pub(super) fn run(
    shard: &Shard,
    transfers: &Arc<Transfers>,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others stage a change")]
    match request.method {
        Method::BeginTxn => {
            let name = begin(shard, transfers, request)?;
            encode::str(out, &name);
            return Ok(());
        }
        Method::Rollback => {
            let params::TransactionId { txn_id } = params::params(request.method, request.envelope.params)?;
            shard.transactions.roll_back(txn_id, agent(request))?;
        }
        _ => stage(shard, request)?,
    }
    encode::bool(out, true);
    Ok(())
}

/// Whether a request is about a transaction.
pub(super) fn is_step(method: Method) -> bool {
    use Method as M;
    matches!(
        method,
        M::BeginTxn
            | M::TxnAddNode
            | M::TxnRemoveNode
            | M::TxnAddEdge
            | M::TxnRemoveEdge
            | M::TxnCas
            | M::TxnAddEmbedding
            | M::Commit
            | M::Rollback
    )
}

/// The graph of the transaction that a request is about; nothing if there is none, it cannot be told, or the caller may not
/// write to it.
pub(super) fn graph(shard: &Shard, request: &Request<'_>) -> Option<Arc<Graph>> {
    let Request { method, envelope, .. } = *request;
    if method == Method::BeginTxn {
        let named = begun(request).ok()?.graph;
        let graph = shard.graphs.graph(named.unwrap_or(envelope.graph)).ok()?;
        return access::write(shard, &envelope, &graph).is_ok().then_some(graph);
    }
    let params::TransactionId { txn_id } = params::params(method, envelope.params).ok()?;
    let name = shard.transactions.graph(txn_id, agent(request)).ok()?;
    shard.graphs.graph(&name).ok()
}

fn begun<'a>(request: &Request<'a>) -> Result<params::BeginTransaction<'a>, DecodeError> {
    let Request { method, envelope, .. } = *request;
    match params::no_params(method, envelope.params) {
        Ok(()) => Ok(params::BeginTransaction::default()),
        Err(_) => params::params(method, envelope.params),
    }
}

fn begin(shard: &Shard, transfers: &Arc<Transfers>, request: &Request<'_>) -> Result<String, OpError> {
    let envelope = &request.envelope;
    let params::BeginTransaction { graph, isolation } = begun(request)?;
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
    Ok(shard.transactions.begin(account, agent(request), transfers)?)
}

/// Adds a change to its transaction, with what its nodes are now.
fn stage(shard: &Shard, request: &Request<'_>) -> Result<(), OpError> {
    let (id, graph, change) = decode(request)?;
    let limits = shard.graphs.request_limits();
    whole_batch::check(&limits, &change)?;
    let name = shard.transactions.graph(id, agent(request))?;
    if let Some(other) = graph.filter(|graph| **graph != *name) {
        return Err(OpError::Text(format!(
            "transaction '{id}' is of graph '{name}' and cannot change graph '{other}': begin one for each graph"
        )));
    }
    let graph = shard.graphs.graph(&name)?;
    access::write(shard, &request.envelope, &graph)?;
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
    Ok(shard.transactions.stage(id, agent(request), change, seen, &limits)?)
}

/// The transaction, the graph that is named, if any, and the change.
fn decode<'a>(request: &Request<'a>) -> Result<(&'a str, Option<&'a str>, Mutation), OpError> {
    let Request { method, envelope, .. } = *request;
    let raw = envelope.params;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only these here")]
    Ok(match method {
        Method::TxnAddNode => {
            let params::TransactionAddNode { txn_id, node_id, properties_msgpack, graph } =
                params::params(method, raw)?;
            let properties = properties_msgpack.into_owned();
            (txn_id, graph, Mutation::AddNode { id: node_id.into(), properties })
        }
        Method::TxnRemoveNode => {
            let params::TransactionNode { txn_id, node_id, graph } = params::params(method, raw)?;
            (txn_id, graph, Mutation::RemoveNode { id: node_id.into() })
        }
        Method::TxnAddEdge => {
            let params::TransactionAddEdge { txn_id, source_id, target_id, properties_msgpack, graph } =
                params::params(method, raw)?;
            let (source, target) = (source_id.into(), target_id.into());
            (txn_id, graph, Mutation::AddEdge { source, target, properties: properties_msgpack.into_owned() })
        }
        Method::TxnRemoveEdge => {
            let params::TransactionEdge { txn_id, source_id, target_id, graph } =
                params::params(method, raw)?;
            (txn_id, graph, Mutation::RemoveEdge { source: source_id.into(), target: target_id.into() })
        }
        Method::TxnCas => {
            let params::TransactionCompareAndSet {
                txn_id,
                node_id,
                conditions_msgpack,
                updates_msgpack,
                graph,
            } = params::params(method, raw)?;
            for (field, map) in
                [("conditions_msgpack", &conditions_msgpack), ("updates_msgpack", &updates_msgpack)]
            {
                if properties::merged(EMPTY_MAP, map).is_none() {
                    return Err(OpError::Text(format!("{field}: no map of names to values")));
                }
            }
            let (conditions, updates) = (conditions_msgpack.into_owned(), updates_msgpack.into_owned());
            (txn_id, graph, Mutation::CompareAndSet { node: node_id.into(), conditions, updates })
        }
        _ => {
            let params::TransactionAddEmbedding { txn_id, node_id, embedding, graph } =
                params::params(method, raw)?;
            let components = semantic::stored("embedding", &embedding)?;
            (txn_id, graph, Mutation::AddEmbedding { node: node_id.into(), components })
        }
    })
}

const EMPTY_MAP: &[u8] = b"\x80";

/// `Commit`: queues the changes of a transaction and promises the answer.
pub(super) fn commit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    tenant: Option<&Arc<Tenant>>,
) -> Result<Pending, OpError> {
    let Request { method, envelope, begun, .. } = *request;
    let params::CommitTransaction { txn_id, idempotency_key } = params::params(method, envelope.params)?;
    let key = match (idempotency_key, signed::once(&envelope)) {
        (None, None) => None,
        (_, Some(once)) => Some(once.key),
        (Some(_), None) => {
            let text = "idempotency_key: no key comes with the token of the request; give it there too";
            return Err(OpError::Text(text.into()));
        }
    };
    let keyed = idempotency_key.is_some();
    let name = match (shard.transactions.graph(txn_id, agent(request)), key) {
        (Ok(name), _) => name,
        // It may have been committed under this key, and its answer lost.
        (Err(unknown), Some(key)) => {
            let made = shard.graphs.made_once_before(key).map_err(GraphError::from)?;
            let (made, _) = made.ok_or(unknown)?;
            if !matches!(made, Outcome::Transaction { .. }) {
                return Err(GraphError::KeyReused(envelope.graph.into()).into());
            }
            let mut out = Vec::new();
            let answer = WriteAnswer::Transaction { keyed };
            answer::write_reply(&mut out, envelope.reply_to(), &answer, Some(Ok(made)));
            shard.metrics.answered(method, begun.elapsed());
            return Ok(Pending::ready(out));
        }
        (Err(unknown), None) => return Err(unknown.into()),
    };
    let known = shard.graphs.graph(&name).ok();
    if let Some(graph) = &known {
        access::write(shard, &envelope, graph)?;
        shard.metrics.graph_op(graph.name());
    }
    let account = request.account(&name, known.as_deref());
    let admit = |size: Size| -> Result<_, OpError> {
        let permit = shard.admission.admit(&account, Kind::Short, size.bytes)?;
        let begin = |tenant| WriteCharge::begin(tenant, size.cost as u64, size.grows);
        Ok((permit, tenant.map(begin).transpose()?))
    };
    let (staged, (permit, paid)) = shard.transactions.take(txn_id, agent(request), admit)?;
    let Staged { transaction, charge } = staged;
    let bytes = charge.bytes();
    let once = key.map(|key| Once { key, request: transaction.digest() });
    let op = Op::Transaction(transaction).once(once);
    let permit = Some(permit.with(charge));
    let reply = shard.committer.submit(account, Some(request.connection), op, permit, paid);
    let answer = WriteAnswer::Transaction { keyed };
    Ok(Pending::write(pending_write(shard, request, answer, Queued::Reply(reply)), bytes))
}
