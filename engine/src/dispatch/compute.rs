//! Computations over a graph: queued for the compute threads, ended when their client is gone.

use std::{ops::Deref, sync::Arc, time::Instant};

use epistemic_protocol::ErrorCode;
use epistemic_storage::graph::{Graph, GraphError, Once, Op, Outcome};
use tokio::sync::mpsc;

use super::{
    OpError, Part, Pending, Request, access, algorithms, answer, claim, context_view, diff, lifecycle, quota,
    reads::ReadError, reasoning, replace, semantic, subgraph_match, table::row, takes_documents,
};
use crate::{
    admission::Kind,
    analytics::{Cancel, Cancelled},
    lifecycle::Target,
    memory::{Body, Charge, Part as MemoryPart, Room, decoded},
    projection::{Projection, ProjectionError},
    quotas::{Tenant, WriteCharge},
    shard::Shard,
    signed,
    wire::{Envelope, Method, in_place},
};

/// What a computation works with.
pub(super) struct Computation<'a> {
    pub(super) shard: &'a Shard,
    pub(super) graph: &'a Arc<Graph>,
    pub(super) request: Request<'a>,
    /// For the answer.
    pub(super) room: &'a Room,
    /// Set when nobody waits for the answer any more.
    pub(super) cancel: &'a Cancel,
    /// Whose quota it counts for, if anybody's.
    pub(super) tenant: Option<&'a Arc<Tenant>>,
}

/// Queues a computation and promises its answer; a refusal goes to the outbox.
pub(super) fn submit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    tenant: Option<Arc<Tenant>>,
    outbox: &mut Vec<u8>,
) -> Option<Pending> {
    let to = request.envelope.reply_to();
    let admitted = shard.graphs.graph(request.envelope.graph).map_err(OpError::from).and_then(|graph| {
        // Documents beyond that have a place of their own.
        let bytes = body.len().min(shard.limits.max_frame_bytes);
        let account = request.account(graph.name(), Some(&graph));
        let permit = shard.admission.admit(&account, Kind::Long, bytes)?;
        Ok((graph, account, permit))
    });
    let (graph, account, permit) = answer::accepted(outbox, to, admitted)?;
    shard.metrics.graph_op(graph.name());
    let (parts, receiver) = mpsc::channel(1);
    let cancel = Cancel::default();
    let pending = Pending::computation(to, receiver, permit, cancel.clone());
    let (owned, body) = (Arc::clone(shard), body.clone());
    let Request { method, begun, connection, .. } = *request;
    let (peer, charged) = (Arc::clone(request.peer), account.clone());
    shard.compute.submit(&account, &cancel.clone(), move || {
        let body = if takes_documents(method) { body.map(in_place::list_as_bin) } else { body };
        // It was parsed from the same bytes before.
        let Ok(envelope) = Envelope::parse(&body) else { return };
        let request = Request { envelope, method, begun, peer: &peer, connection };
        let room = request.room(&owned, &charged);
        let mut out = Vec::new();
        let began = Instant::now();
        answer::result(&mut out, envelope.reply_to(), |out| {
            cancel.check()?;
            // Documents are read where they lie.
            let params = envelope.params.filter(|_| !takes_documents(method));
            let _decoded = decoded(&owned.memory, &charged.tenant, params)?;
            let graph = access::current(&owned, &request, &graph)?;
            let tenant = tenant.as_ref();
            tenant.map_or(Ok(()), |tenant| quota::may_compute(tenant, &row(method), method))?;
            let (shard, graph) = (&*owned, &graph);
            let computation = Computation { shard, graph, request, room: &room, cancel: &cancel, tenant };
            run(&computation, out).map_err(|error| computation.failure(error))
        });
        if let Some(tenant) = &tenant {
            tenant.computed(began.elapsed());
        }
        owned.metrics.answered(method, begun.elapsed());
        // A client that has gone needs no answer.
        let _ = parts.try_send(Part::whole(room, &request, out));
    });
    Some(pending)
}

/// The error of what was ended before its end.
pub(super) fn ended(shard: &Shard, request: &Request<'_>, cancel: &Cancel) -> OpError {
    if cancel.is_overdue() { overdue(shard, request, cancel) } else { Cancelled.into() }
}

/// The error of what was ended at its deadline: what was asked, and how far it came.
fn overdue(shard: &Shard, request: &Request<'_>, cancel: &Cancel) -> OpError {
    use Method as M;
    let (method, seconds) = (request.method, shard.limits.compute_deadline.unwrap_or_default().as_secs());
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others only read")]
    let reached = match method {
        M::Vf2SubgraphMatch => format!("{} matches were found until then", cancel.found()),
        M::DecaySweep | M::PruneByLifecycle | M::EvictLRU | M::CompactNodesByType => {
            "what was changed until then stays, asking again goes on from there".into()
        }
        _ => "nothing was changed".into(),
    };
    let (code, graph) = (ErrorCode::ComputeDeadline, request.envelope.graph);
    OpError::Refused(
        code,
        format!(
            "{method} on graph '{graph}' was ended after {seconds} s (--compute-deadline); {reached} ({code:#})"
        ),
    )
}

/// Bytes that an algorithm works with for each node.
const EACH_NODE: usize = 32;

/// A projection, with the charge for what an algorithm works with beside it.
pub(super) struct Projected {
    projection: Arc<Projection>,
    _state: Charge,
}

impl Deref for Projected {
    type Target = Projection;

    fn deref(&self) -> &Projection {
        &self.projection
    }
}

impl From<Cancelled> for OpError {
    fn from(cancelled: Cancelled) -> Self {
        OpError::Text(cancelled.to_string())
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
    fn failure(&self, error: ReadError) -> OpError {
        if self.cancel.is_overdue() {
            return overdue(self.shard, &self.request, self.cancel);
        }
        match error {
            ReadError::OverBudget => OpError::Text(self.room.refusal()),
            other @ (ReadError::Op(_) | ReadError::Store(_)) => other.of(self.shard, self.graph),
        }
    }

    /// The graph as algorithms see it, in its newest state.
    pub(super) fn projection(&self) -> Result<Projected, ReadError> {
        let projection = self.shard.projections.get(&self.shard.graphs, self.graph, self.cancel)?;
        let account = self.request.account(self.graph.name(), Some(self.graph));
        let bytes = EACH_NODE * projection.ids.len();
        let state = self.shard.memory.take(MemoryPart::Requests, &account.tenant, bytes)?;
        Ok(Projected { projection, _state: state })
    }

    /// Whether the projection is there and needs not be built.
    pub(super) fn projected(&self) -> bool {
        self.shard.projections.peek(self.graph).is_some()
    }

    /// Runs something on the threads for parallel parts, or alone while another computation has them.
    pub(super) fn parallel<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.shard.compute.parallel(work)
    }

    /// Writes to the graph. Durable on return as configured.
    pub(super) fn write(&self, op: Op) -> Result<Outcome, OpError> {
        let account = self.request.account(self.graph.name(), Some(self.graph));
        Ok(self.shard.write_blocking(account, op, self.tenant.map(WriteCharge::afterwards))?)
    }

    /// What it came to when it was made before under its idempotency key.
    ///
    /// # Errors
    /// Something else was made under the key.
    pub(super) fn made_before(&self) -> Result<Option<Outcome>, OpError> {
        let Some(Once { key, request }) = self.once() else { return Ok(None) };
        match self.shard.graphs.made_once_before(key).map_err(GraphError::from)? {
            Some((_, other)) if other != request => {
                Err(GraphError::KeyReused(self.request.envelope.graph.to_owned()).into())
            }
            made => Ok(made.map(|(outcome, _)| outcome)),
        }
    }

    /// The write, made once if the caller gave a key. It must be the only one of the computation.
    pub(super) fn keyed(&self, op: Op) -> Op {
        op.once(self.once())
    }

    fn once(&self) -> Option<Once> {
        // Without a key of the caller's own a document need not be hashed once more.
        signed::has_own_key(&self.request.envelope).then(|| signed::once(&self.request.envelope)).flatten()
    }

    pub(super) fn target(&self) -> Target<'_> {
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

fn run(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    use Method as M;
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other computations are algorithms")]
    match computation.request.method {
        M::DecaySweep | M::PruneByLifecycle | M::EvictLRU | M::CompactNodesByType => {
            lifecycle::run(computation, out)
        }
        M::DiffAgainst => diff::diff_against(computation, out),
        M::GetContextView => context_view::context_view(computation, out),
        M::Vf2SubgraphMatch => subgraph_match::subgraph_match(computation, out),
        M::RunDatalogReasoning => reasoning::run(computation, out),
        M::ClaimNext => claim::claim_next(computation, out),
        M::FromMsgpack => replace::from_msgpack(computation, out),
        M::Reconcile => replace::reconcile(computation, out),
        M::Fork => replace::fork(computation, out),
        M::SemanticSearch => semantic::search(computation, out),
        M::ComputeSimilarityEdges => semantic::similarity_edges(computation, out),
        _ => algorithms::run(computation, out),
    }
}
