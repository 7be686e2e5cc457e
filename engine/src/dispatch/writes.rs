//! Mutations: decoded here, applied and committed by the commit thread.

use std::sync::Arc;

use epistemic_storage::{Mutation, clock, graph::Op, limits::RequestLimits};
use tokio::sync::oneshot;

use super::{
    OpError, Pending, Request, access,
    answer::WriteAnswer,
    pending::{PendingWrite, Queued},
    quota::grows,
    semantic, transactions, whole_batch,
};
use crate::{
    account::Account,
    admission::{Kind, Permit},
    analytics::Cancel,
    memory::{Body, Charge, Part},
    quotas::{Tenant, WriteCharge},
    shard::Shard,
    signed,
    wire::{DecodeError, Envelope, Method, params, parse_batch, parse_ledger_lines},
};

/// Operations of one batch at most.
const MAX_BATCH: usize = 1_000_000;
/// Nodes touched at once at most: the commit thread reads and rewrites their properties, while other writers wait.
const MAX_TOUCHED: usize = 10_000;
/// Requests above this many bytes are not decoded on an async worker, which serves others too.
pub(crate) const LARGE: usize = 64 << 10;
/// Bytes that an operation of a batch takes beside its ids and properties.
const OPERATION: usize = 192;

/// Queues a mutation and promises its answer. A refusal goes to the outbox, or keeps its place when answers are due
/// before it.
pub(super) fn submit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    tenant: Option<&Arc<Tenant>>,
    alone: bool,
    outbox: &mut Vec<u8>,
) -> Option<Pending> {
    let prepared = if request.method == Method::Commit {
        transactions::commit(shard, request, tenant)
    } else {
        prepare(shard, request, body, tenant)
    };
    match prepared {
        Ok(pending) => Some(pending),
        Err(error) => Pending::refused(&error, request.envelope.reply_to(), alone, outbox),
    }
}

fn prepare(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    tenant: Option<&Arc<Tenant>>,
) -> Result<Pending, OpError> {
    let bytes = request.envelope.params.map_or(0, <[u8]>::len);
    let names_graph = matches!(request.method, Method::CreateGraph | Method::DeleteGraph);
    if bytes > LARGE && !names_graph {
        return prepare_large(shard, request, body, tenant, bytes);
    }
    let (graph, op) = decode(shard, request, None)?;
    if let Op::Create { kind, tenant, .. } = &op {
        access::create(shard, &request.envelope, graph, *kind, tenant.as_deref())?;
    }
    let (account, permit) = admit(shard, request, graph, bytes)?;
    let charge = charge(tenant, &op)?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others answer ok or what was done")]
    let answer = match request.method {
        Method::CreateGraph => WriteAnswer::Created(Arc::clone(&account.graph)),
        Method::DeleteGraph => WriteAnswer::Deleted(Arc::clone(&account.graph)),
        Method::ApplyLedger => WriteAnswer::Ledger,
        _ => WriteAnswer::Ok,
    };
    let op = op.once(signed::once(&request.envelope));
    let reply = shard.committer.submit(account, Some(request.connection), op, Some(permit), charge);
    Ok(Pending::write(pending_write(shard, request, answer, Queued::Reply(reply)), bytes))
}

/// As [`prepare`], decoding on one of the threads for reads.
fn prepare_large(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    tenant: Option<&Arc<Tenant>>,
    bytes: usize,
) -> Result<Pending, OpError> {
    let (account, permit) = admit(shard, request, request.envelope.graph, bytes)?;
    let (queued, receiver) = oneshot::channel();
    let (owned, body) = (Arc::clone(shard), body.clone());
    let Request { method, begun, connection, .. } = *request;
    let (peer, tenant) = (Arc::clone(request.peer), tenant.cloned());
    // It is done whether or not its client waits, as any write.
    shard.reads.submit(&account.clone(), &Cancel::default(), move || {
        // It was parsed from the same bytes before.
        let Ok(envelope) = Envelope::parse(&body) else { return };
        let request = Request { envelope, method, begun, peer: &peer, connection };
        let mut memory = owned.memory.open(Part::Requests, &account.tenant).beside(body.len());
        let decoded = decode(&owned, &request, Some(&mut memory)).and_then(|(_, op)| {
            let charge = charge(tenant.as_ref(), &op)?;
            Ok((op.once(signed::once(&request.envelope)), charge))
        });
        drop(body);
        let permit = permit.with(memory);
        let submit =
            |(op, charge)| owned.committer.submit(account, Some(connection), op, Some(permit), charge);
        let _ = queued.send(decoded.map(submit));
    });
    let answer = if request.method == Method::ApplyLedger { WriteAnswer::Ledger } else { WriteAnswer::Ok };
    Ok(Pending::write(pending_write(shard, request, answer, Queued::Decoding(receiver)), bytes))
}

/// Begins to count the write for its tenant, unless that has used up what it may write or store.
fn charge(tenant: Option<&Arc<Tenant>>, op: &Op) -> Result<Option<WriteCharge>, OpError> {
    let begin = |tenant| WriteCharge::begin(tenant, op.cost() as u64, grows(op));
    Ok(tenant.map(begin).transpose()?)
}

/// A place for the write, and on whose account it is.
fn admit(
    shard: &Shard,
    request: &Request<'_>,
    graph: &str,
    bytes: usize,
) -> Result<(Account, Permit), OpError> {
    let known = shard.graphs.graph(graph).ok();
    if let Some(graph) = &known {
        shard.metrics.graph_op(graph.name());
    }
    // The graph may be on its way: whether it exists is decided in the order of the writes.
    let name = known.as_ref().map_or_else(|| graph.into(), |graph| Arc::clone(graph.name()));
    let account = request.account(&name, known.as_deref());
    let permit = shard.admission.admit(&account, Kind::Short, bytes)?;
    Ok((account, permit))
}

pub(super) fn pending_write(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    answer: WriteAnswer,
    queued: Queued,
) -> PendingWrite {
    PendingWrite {
        shard: Arc::clone(shard),
        to: request.envelope.reply_to(),
        method: request.method,
        begun: request.begun,
        answer,
        queued,
    }
}

/// The write that a request asks for. A large one takes its copies on a charge.
fn decode<'a>(
    shard: &Shard,
    request: &Request<'a>,
    mut charge: Option<&mut Charge>,
) -> Result<(&'a str, Op), OpError> {
    let Request { envelope, method, .. } = *request;
    let raw = envelope.params;
    let mut make_room = |operations: usize| match &mut charge {
        Some(charge) => charge.set(raw.map_or(0, <[u8]>::len) + OPERATION * operations),
        None => Ok(()),
    };
    make_room(0)?;
    let limits = shard.graphs.request_limits();
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only mutations here")]
    let op = match method {
        Method::AddNode => {
            let params::AddNode { node_id, properties_msgpack } = params::params(method, raw)?;
            limits.check_node(&properties_msgpack)?;
            Op::One(Mutation::AddNode { id: node_id.into(), properties: properties_msgpack.into_owned() })
        }
        Method::CreateNodeIfAbsent => {
            let params::AddNode { node_id, properties_msgpack } = params::params(method, raw)?;
            limits.check_node(&properties_msgpack)?;
            Op::AddMissingNode { id: node_id.into(), properties: properties_msgpack.into_owned() }
        }
        Method::CompareAndSetNodeFields => {
            let params::CompareAndSet { node_id, conditions_msgpack, updates_msgpack } =
                params::params(method, raw)?;
            limits.check_node(&updates_msgpack)?;
            Op::One(Mutation::CompareAndSet {
                node: node_id.into(),
                conditions: conditions_msgpack.into_owned(),
                updates: updates_msgpack.into_owned(),
            })
        }
        Method::RemoveNode => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            Op::One(Mutation::RemoveNode { id: node_id.into() })
        }
        Method::AddEdge => {
            let params::AddEdge { source_id, target_id, properties_msgpack } = params::params(method, raw)?;
            limits.check_properties(&properties_msgpack)?;
            Op::One(Mutation::AddEdge {
                source: source_id.into(),
                target: target_id.into(),
                properties: properties_msgpack.into_owned(),
            })
        }
        Method::RemoveEdge => {
            let params::EdgeEnds { source_id, target_id } = params::params(method, raw)?;
            Op::One(Mutation::RemoveEdge { source: source_id.into(), target: target_id.into() })
        }
        Method::AddEmbedding => {
            let params::AddEmbedding { node_id, embedding } = params::params(method, raw)?;
            let components = semantic::stored("embedding", &embedding)?;
            limits.check_embedding(components.len())?;
            Op::One(Mutation::AddEmbedding { node: node_id.into(), components })
        }
        Method::BatchUpdate => {
            let params::BatchUpdate { operations_msgpack } = params::params(method, raw)?;
            if envelope.reply_to().coded {
                let op = whole_batch::decode(&limits, &operations_msgpack, make_room)?;
                return Ok((envelope.graph, op));
            }
            let items = parse_batch(&operations_msgpack).map_err(|error| OpError::Text(error.to_string()))?;
            too_many("[EpistemicGraph::batch_update]", items.len())?;
            make_room(items.len())?;
            batch(&limits, items.map(|item| item.map_err(|rejection| rejection.to_string())))?
        }
        Method::ApplyLedger => {
            let params::Transactions { transactions } = params::params(method, raw)?;
            too_many("ApplyLedger", transactions.len())?;
            make_room(transactions.len())?;
            let items = parse_ledger_lines(&transactions)
                .map_err(|error| OpError::Text(format!("ApplyLedger: {error}")))?;
            batch(&limits, items.into_iter().map(Ok))?
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

/// A batch that does not write too much. Items beyond a limit of their own are rejected one by one.
fn batch(
    limits: &RequestLimits,
    items: impl Iterator<Item = Result<Mutation, String>>,
) -> Result<Op, OpError> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for item in items {
        let item = item.and_then(|mutation| {
            whole_batch::check(limits, &mutation).map_err(|beyond| beyond.to_string())?;
            Ok(mutation)
        });
        bytes += Op::item_cost(&item);
        limits.check_batch(bytes)?;
        batch.push(item);
    }
    Ok(Op::Batch(batch))
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
