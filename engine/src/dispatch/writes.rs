//! Mutations: decoded here, applied and committed by the commit thread.

use std::sync::Arc;

use epistemic_storage::{
    clock,
    graph::{BatchOp, Op, Write},
};

use super::{
    OpError, Pending, Request, access, answer::WriteAnswer, pending::PendingWrite, semantic::check_finite,
    transactions, whole_batch,
};
use crate::{
    shard::Shard,
    signed,
    wire::{DecodeError, Method, params, parse_batch, parse_ledger_lines},
};

/// Operations of one batch at most.
const MAX_BATCH: usize = 1_000_000;
/// Nodes touched at once at most: the commit thread reads and rewrites their properties, while other writers wait.
const MAX_TOUCHED: usize = 10_000;
/// Requests above this many bytes are decoded while another thread looks after the other connections.
const LARGE: usize = 2 << 20;

/// Queues a mutation and promises its answer. A refusal goes to the outbox, or keeps its place when answers are due
/// before it.
pub(super) fn submit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    alone: bool,
    outbox: &mut Vec<u8>,
) -> Option<Pending> {
    let prepared = if request.method == Method::Commit {
        transactions::commit(shard, request)
    } else {
        prepare(shard, request)
    };
    match prepared {
        Ok(pending) => Some(pending),
        Err(error) => Pending::refused(&error, request.envelope.reply_to(), alone, outbox),
    }
}

fn prepare(shard: &Arc<Shard>, request: &Request<'_>) -> Result<Pending, OpError> {
    let bytes = request.envelope.params.map_or(0, <[u8]>::len);
    // A key is looked up by a hash of all parameters.
    let decode = || Ok::<_, OpError>((decode(request)?, signed::once(&request.envelope)));
    let ((graph, op), once) = if bytes > LARGE { tokio::task::block_in_place(decode)? } else { decode()? };
    if let Op::Create { kind, tenant, .. } = &op {
        access::create(shard, &request.envelope, graph, *kind, tenant.as_deref())?;
    }
    let known = shard.graphs.graph(graph).ok().map(|graph| Arc::clone(graph.name()));
    if let Some(name) = &known {
        shard.metrics.graph_op(name);
    }
    // The graph may be on its way: whether it exists is decided in the order of the writes.
    let graph = known.unwrap_or_else(|| graph.into());
    let permit = shard.admission.admit(&graph, bytes)?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others answer ok or what was done")]
    let answer = match request.method {
        Method::CreateGraph => WriteAnswer::Created(Arc::clone(&graph)),
        Method::DeleteGraph => WriteAnswer::Deleted(Arc::clone(&graph)),
        Method::ApplyLedger => WriteAnswer::Ledger,
        _ => WriteAnswer::Ok,
    };
    let op = match once {
        Some(once) => Op::Once(once, Box::new(op)),
        None => op,
    };
    let write = PendingWrite {
        shard: Arc::clone(shard),
        to: request.envelope.reply_to(),
        method: request.method,
        begun: request.begun,
        answer,
        reply: shard.committer.submit(Write { graph, op }, Some(permit)),
    };
    Ok(Pending::write(write, bytes))
}

fn decode<'a>(request: &Request<'a>) -> Result<(&'a str, Op), OpError> {
    let Request { envelope, method, .. } = *request;
    let raw = envelope.params;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only mutations here")]
    let op = match method {
        Method::AddNode => {
            let params::AddNode { node_id, properties_msgpack } = params::params(method, raw)?;
            Op::AddNode { id: node_id.into(), properties: properties_msgpack.into_owned() }
        }
        Method::CreateNodeIfAbsent => {
            let params::AddNode { node_id, properties_msgpack } = params::params(method, raw)?;
            Op::AddMissingNode { id: node_id.into(), properties: properties_msgpack.into_owned() }
        }
        Method::CompareAndSetNodeFields => {
            let params::CompareAndSet { node_id, conditions_msgpack, updates_msgpack } =
                params::params(method, raw)?;
            Op::CompareAndSet {
                node: node_id.into(),
                conditions: conditions_msgpack.into_owned(),
                updates: updates_msgpack.into_owned(),
            }
        }
        Method::RemoveNode => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            Op::RemoveNode { id: node_id.into() }
        }
        Method::AddEdge => {
            let params::AddEdge { source_id, target_id, properties_msgpack } = params::params(method, raw)?;
            Op::AddEdge {
                source: source_id.into(),
                target: target_id.into(),
                properties: properties_msgpack.into_owned(),
            }
        }
        Method::RemoveEdge => {
            let params::EdgeEnds { source_id, target_id } = params::params(method, raw)?;
            Op::RemoveEdge { source: source_id.into(), target: target_id.into() }
        }
        Method::AddEmbedding => {
            let params::AddEmbedding { node_id, embedding } = params::params(method, raw)?;
            check_finite("embedding", &embedding)?;
            let components = embedding.iter().flat_map(|component| component.to_le_bytes()).collect();
            Op::AddVector { node: node_id.into(), components }
        }
        Method::BatchUpdate => {
            let params::BatchUpdate { operations_msgpack } = params::params(method, raw)?;
            if envelope.reply_to().coded {
                return Ok((envelope.graph, whole_batch::decode(&operations_msgpack)?));
            }
            let items = parse_batch(&operations_msgpack).map_err(|error| OpError::Text(error.to_string()))?;
            too_many("[EpistemicGraph::batch_update]", items.len())?;
            Op::Batch(items.map(BatchOp::from).collect())
        }
        Method::ApplyLedger => {
            let params::Transactions { transactions } = params::params(method, raw)?;
            too_many("ApplyLedger", transactions.len())?;
            let items = parse_ledger_lines(&transactions)
                .map_err(|error| OpError::Text(format!("ApplyLedger: {error}")))?;
            Op::Batch(items)
        }
        Method::TouchNodes => {
            let params::NodeIds { node_ids } = params::params(method, raw)?;
            at_most(MAX_TOUCHED, "TouchNodes", node_ids.len())?;
            let nodes = node_ids.into_iter().map(str::to_owned).collect();
            Op::Touch { nodes, now: clock::unix_ms() / 1000 }
        }
        Method::ClearGraph => {
            params::no_params(method, raw)?;
            Op::Clear
        }
        Method::ClearLedger => {
            params::no_params(method, raw)?;
            Op::ClearLedger
        }
        Method::LedgerKeep => {
            let params::LedgerKeep { keep } = params::params(method, raw)?;
            let rule =
                keep.map(|rule| rule.parse().map_err(|error| OpError::Text(format!("LedgerKeep: {error}"))));
            Op::KeepLedger(rule.transpose()?)
        }
        Method::CreateGraph => {
            let params::CreateGraph { graph_name, graph_type, tenant } = params::params(method, raw)?;
            let owner = envelope.agent_id.map(str::to_owned);
            let tenant = tenant.filter(|tenant| !tenant.is_empty()).map(str::to_owned);
            return Ok((graph_name, Op::Create { kind: graph_type, owner, tenant }));
        }
        Method::DeleteGraph => {
            let params::DeleteGraph { graph_name } = params::params(method, raw)?;
            return Ok((graph_name, Op::Delete));
        }
        other => {
            return Err(OpError::Decode(<DecodeError as serde::de::Error>::custom(format!(
                "{other} is no write"
            ))));
        }
    };
    Ok((envelope.graph, op))
}

pub(super) fn too_many(operation: &str, count: usize) -> Result<(), OpError> {
    at_most(MAX_BATCH, operation, count)
}

fn at_most(most: usize, operation: &str, count: usize) -> Result<(), OpError> {
    if count <= most {
        return Ok(());
    }
    Err(OpError::Text(format!("{operation} {count} operations, {most} are the most; send them in parts")))
}
