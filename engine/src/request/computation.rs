//! Computations over a graph: queued for the compute threads, ended when their client is gone.

use std::{ops::Deref, sync::Arc, time::Instant};

use epistemic_storage::graph::{Graph, GraphError, Once, Op, Outcome};

use super::{
    access,
    error::{OpError, ReadError},
    incoming::Request,
    off_thread::{Job, Running, Threads},
    pending::PendingResponse,
    quota, response,
};
use crate::{
    admission::Kind,
    analytics::Cancel,
    lifecycle::Target,
    memory::{Body, Charge, Part, Room},
    projection::{Projection, ProjectionError},
    quotas::{Tenant, WriteCharge},
    shard::Shard,
    signed,
};

/// Appends the result of a computation. Blocks.
pub(crate) type ComputeFn = fn(&Computation<'_>, &mut Vec<u8>) -> Result<(), ReadError>;

/// What a computation works with.
pub(crate) struct Computation<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) graph: &'a Arc<Graph>,
    pub(crate) request: Request<'a>,
    /// For the response.
    pub(crate) room: &'a Room,
    /// Set when nobody waits for the response any more.
    pub(crate) cancel: &'a Cancel,
    /// Whose quota it counts for, if anybody's.
    pub(crate) tenant: Option<&'a Arc<Tenant>>,
}

/// Queues a computation and promises its response; a refusal goes to the outbox.
pub(crate) fn submit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    tenant: Option<Arc<Tenant>>,
    compute: ComputeFn,
    outbox: &mut Vec<u8>,
) -> Option<PendingResponse> {
    let admitted = shard.graphs.graph(request.envelope.graph).map_err(OpError::from).and_then(|graph| {
        // Documents beyond that have a place of their own.
        let bytes = body.len().min(shard.limits.max_frame_bytes);
        let account = request.account(graph.name(), Some(&graph));
        let permit = shard.admission.admit(&account, Kind::Long, bytes)?;
        Ok((graph, account, permit))
    });
    let (graph, account, permit) = response::accepted(outbox, request.reply_to(), admitted)?;
    shard.metrics.graph_op(graph.name());
    let job = Job::new(shard, request, body, account);
    Some(job.run(Threads::Compute, Some(permit), move |running, out| {
        let began = Instant::now();
        let done = run(running, tenant.as_ref(), compute, out);
        if let Some(tenant) = &tenant {
            tenant.computed(began.elapsed());
        }
        done
    }))
}

/// Runs a computation whose turn has come, on the graph that has the name now.
fn run(
    running: &Running<'_>,
    tenant: Option<&Arc<Tenant>>,
    compute: ComputeFn,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let Running { shard, request, room, cancel } = *running;
    let graph = access::current(shard, &request)?;
    tenant.map_or(Ok(()), |tenant| quota::may_compute(tenant, request.operation))?;
    let computation = Computation { shard, graph: &graph, request, room, cancel, tenant };
    compute(&computation, out).map_err(|error| running.failure(error, &graph))
}

/// Bytes that an algorithm works with for each node.
const EACH_NODE: usize = 32;

/// A projection, with the charge for what an algorithm works with beside it.
pub(crate) struct Projected {
    projection: Arc<Projection>,
    _state: Charge,
}

impl Deref for Projected {
    type Target = Projection;

    fn deref(&self) -> &Projection {
        &self.projection
    }
}

impl From<ProjectionError> for ReadError {
    fn from(error: ProjectionError) -> Self {
        match error {
            ProjectionError::Store(error) => ReadError::Store(error),
            ProjectionError::Cancelled(_)
            | ProjectionError::OverMemory { .. }
            | ProjectionError::Busy { .. }
            | ProjectionError::TooMany => ReadError::Op(OpError::Text(error.to_string())),
        }
    }
}

impl Computation<'_> {
    /// The graph as algorithms see it, in its newest state.
    pub(crate) fn projection(&self) -> Result<Projected, ReadError> {
        let projection = self.shard.projections.get(&self.shard.graphs, self.graph, self.cancel)?;
        let account = self.request.account(self.graph.name(), Some(self.graph));
        let bytes = EACH_NODE * projection.ids.len();
        let state = self.shard.memory.take(Part::Requests, &account.tenant, bytes)?;
        Ok(Projected { projection, _state: state })
    }

    /// Whether the projection is there and needs not be built.
    pub(crate) fn projected(&self) -> bool {
        self.shard.projections.peek(self.graph).is_some()
    }

    /// Runs something on the threads for parallel parts, or alone while another computation has them.
    pub(crate) fn parallel<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.shard.compute.parallel(work)
    }

    /// Writes to the graph. Durable on return as configured.
    pub(crate) fn write(&self, op: Op) -> Result<Outcome, OpError> {
        let account = self.request.account(self.graph.name(), Some(self.graph));
        Ok(self.shard.write_blocking(account, op, self.tenant.map(WriteCharge::afterwards))?)
    }

    /// What it came to when it was made before under its idempotency key.
    ///
    /// # Errors
    /// Something else was made under the key.
    pub(crate) fn made_before(&self) -> Result<Option<Outcome>, OpError> {
        let Some(Once { key, request }) = self.once() else { return Ok(None) };
        match self.shard.graphs.made_once_before(key).map_err(GraphError::from)? {
            Some((_, other)) if other != request => {
                Err(GraphError::KeyReused(self.request.envelope.graph.to_owned()).into())
            }
            made => Ok(made.map(|(outcome, _)| outcome)),
        }
    }

    /// The write, made once if the caller gave a key. It must be the only one of the computation.
    pub(crate) fn keyed(&self, op: Op) -> Op {
        op.once(self.once())
    }

    fn once(&self) -> Option<Once> {
        // Without a key of the caller's own a document need not be hashed once more.
        signed::has_own_key(&self.request.envelope).then(|| signed::once(&self.request.envelope)).flatten()
    }

    pub(crate) fn target(&self) -> Target<'_> {
        let account = self.request.account(self.graph.name(), Some(self.graph));
        Target {
            shard: self.shard,
            graph: self.graph,
            cancel: self.cancel,
            account,
            tenant: self.tenant.cloned(),
        }
    }
}
