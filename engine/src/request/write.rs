//! Mutations: decoded here, applied and committed by the commit thread.

use std::sync::Arc;

use epistemic_storage::{graph::Op, limits::RequestLimits};
use tokio::sync::oneshot;

use super::{
    access,
    error::OpError,
    incoming::Request,
    off_thread::Job,
    pending::{PendingResponse, PendingWrite, Queued},
    quota::grows,
    response::WriteResponse,
};
use crate::{
    account::Account,
    admission::{Kind, Permit},
    analytics::Cancel,
    memory::{Body, Charge, NoRoom, Part},
    quotas::{Tenant, WriteCharge},
    shard::Shard,
    signed,
};

/// Requests above this many bytes are not decoded on an async worker, which serves others too.
pub(crate) const LARGE: usize = 64 << 10;
/// Bytes that an operation of a batch takes beside its ids and properties.
const OPERATION: usize = 192;

/// The write that a request asks for.
pub(crate) type WriteFn = fn(&mut WriteCall<'_>) -> Result<Op, OpError>;
/// Queues the changes of a transaction and promises the response.
pub(crate) type CommitFn =
    fn(&Arc<Shard>, &Request<'_>, Option<&Arc<Tenant>>) -> Result<PendingResponse, OpError>;

/// What a write answers when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// `ok`, or what was done.
    Done,
    /// `ok` when every line was applied.
    Ledger,
    /// The name of the graph that it created: it is in the parameters.
    Created,
    /// The name of the graph that it deleted: it is in the parameters.
    Deleted,
}

/// What a write is decoded with.
pub(crate) struct WriteCall<'a> {
    pub(crate) request: Request<'a>,
    /// Name of the graph that is written: that of the request, unless the parameters name one.
    pub(crate) graph: &'a str,
    pub(crate) limits: RequestLimits,
    /// Of a large one, for its copies.
    charge: Option<&'a mut Charge>,
}

impl<'a> WriteCall<'a> {
    fn decode(
        shard: &Shard,
        request: &Request<'a>,
        charge: Option<&'a mut Charge>,
        decode: WriteFn,
    ) -> Result<(&'a str, Op), OpError> {
        let (graph, limits) = (request.envelope.graph, shard.graphs.request_limits());
        let mut call = WriteCall { request: *request, graph, limits, charge };
        call.make_room(0)?;
        let op = decode(&mut call)?;
        Ok((call.graph, op))
    }

    /// Takes room for a batch of so many operations.
    pub(crate) fn make_room(&mut self, operations: usize) -> Result<(), NoRoom> {
        let bytes = self.request.envelope.params.map_or(0, <[u8]>::len);
        match &mut self.charge {
            Some(charge) => charge.set(bytes + OPERATION * operations),
            None => Ok(()),
        }
    }
}

/// Queues a mutation and promises its response.
///
/// # Errors
/// Why it was not queued.
pub(crate) fn submit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    tenant: Option<&Arc<Tenant>>,
    (decode, answers): (WriteFn, Answers),
) -> Result<PendingResponse, OpError> {
    let bytes = request.envelope.params.map_or(0, <[u8]>::len);
    let names_graph = matches!(answers, Answers::Created | Answers::Deleted);
    if bytes > LARGE && !names_graph {
        return submit_large(shard, request, body, tenant, (decode, answers));
    }
    let (graph, op) = WriteCall::decode(shard, request, None, decode)?;
    if let Op::Create { kind, tenant, .. } = &op {
        access::create(shard, &request.envelope, graph, *kind, tenant.as_deref())?;
    }
    let (account, permit) = admit(shard, request, graph, bytes)?;
    let charge = charge(tenant, &op)?;
    let response = match answers {
        Answers::Created => WriteResponse::Created(Arc::clone(&account.graph)),
        Answers::Deleted => WriteResponse::Deleted(Arc::clone(&account.graph)),
        Answers::Ledger => WriteResponse::Ledger,
        Answers::Done => WriteResponse::Ok,
    };
    let op = op.once(signed::once(&request.envelope));
    let graph = Arc::clone(&account.graph);
    let reply = shard.committer.submit(account, Some(request.connection), op, Some(permit), charge);
    Ok(pending(shard, request, graph, response, Queued::Reply(reply), bytes))
}

/// As [`submit`], decoding on one of the threads for reads.
fn submit_large(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    tenant: Option<&Arc<Tenant>>,
    (decode, answers): (WriteFn, Answers),
) -> Result<PendingResponse, OpError> {
    let bytes = request.envelope.params.map_or(0, <[u8]>::len);
    let (account, permit) = admit(shard, request, request.envelope.graph, bytes)?;
    let (queued, receiver) = oneshot::channel();
    let job = Job::new(shard, request, body, account.clone());
    let (owned, tenant, whole) = (Arc::clone(shard), tenant.cloned(), body.len());
    let connection = request.connection;
    let graph = Arc::clone(&account.graph);
    // It is done whether or not its client waits, as any write.
    shard.reads.submit(&account.clone(), &Cancel::default(), move || {
        let mut memory = owned.memory.open(Part::Requests, &account.tenant).beside(whole);
        let decoded = job.parsed(|shard, request, _| -> Result<_, OpError> {
            let (_, op) = WriteCall::decode(shard, request, Some(&mut memory), decode)?;
            let charge = charge(tenant.as_ref(), &op)?;
            Ok((op.once(signed::once(&request.envelope)), charge))
        });
        let Some(decoded) = decoded else { return };
        let permit = permit.with(memory);
        let submit =
            |(op, charge)| owned.committer.submit(account, Some(connection), op, Some(permit), charge);
        let _ = queued.send(decoded.map(submit));
    });
    let response = if answers == Answers::Ledger { WriteResponse::Ledger } else { WriteResponse::Ok };
    Ok(pending(shard, request, graph, response, Queued::Decoding(receiver), bytes))
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

/// The promise of the response to a write to the graph, of so many bytes.
pub(crate) fn pending(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    graph: Arc<str>,
    response: WriteResponse,
    queued: Queued,
    bytes: usize,
) -> PendingResponse {
    let write = PendingWrite {
        shard: Arc::clone(shard),
        to: request.reply_to(),
        method: request.method(),
        begun: request.begun,
        response,
        queued,
        graph,
        principal: request.envelope.agent_id.map(Box::from),
        ready: None,
    };
    PendingResponse::write(write, bytes)
}
