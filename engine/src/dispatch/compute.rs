//! Computations over a graph: queued for the compute threads, ended when their client is gone.

use std::sync::Arc;

use bytes::Bytes;
use epistemic_storage::graph::Graph;
use tokio::sync::mpsc;

use super::{
    OpError, Part, Pending, Request, answer,
    reads::{self, ReadError},
    semantic,
};
use crate::{
    analytics::{Cancel, Cancelled},
    projection::ProjectionError,
    shard::Shard,
    wire::{Envelope, Method},
};

/// What a computation works with.
#[derive(Clone, Copy)]
pub(super) struct Computation<'a> {
    pub(super) shard: &'a Shard,
    pub(super) graph: &'a Arc<Graph>,
    pub(super) request: Request<'a>,
    /// Set when nobody waits for the answer any more.
    pub(super) cancel: &'a Cancel,
}

/// Queues a computation and promises its answer; a refusal goes to the outbox.
pub(super) fn submit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Bytes,
    outbox: &mut Vec<u8>,
) -> Option<Pending> {
    let id = request.envelope.id;
    let admitted = shard.graphs.graph(request.envelope.graph).map_err(OpError::from).and_then(|graph| {
        let permit = shard.admission.admit(graph.name(), body.len())?;
        Ok((graph, permit))
    });
    let (graph, permit) = match admitted {
        Ok(admitted) => admitted,
        Err(error) => {
            answer::error(outbox, id, &error);
            return None;
        }
    };
    shard.metrics.graph_op(graph.name());
    let (parts, receiver) = mpsc::channel(1);
    let cancel = Cancel::default();
    let pending = Pending::computation(receiver, permit, cancel.clone());
    let (owned, body, method, begun) = (Arc::clone(shard), body.clone(), request.method, request.begun);
    shard.compute.submit(&Arc::clone(graph.name()), move || {
        // It was parsed from the same bytes before.
        let Ok(envelope) = Envelope::parse(&body) else { return };
        let request = Request { envelope, method, begun };
        let computation = Computation { shard: &owned, graph: &graph, request, cancel: &cancel };
        let mut out = Vec::new();
        answer::result(&mut out, envelope.id, |out| {
            cancel
                .check()
                .map_err(ReadError::from)
                .and_then(|()| run(&computation, out))
                .map_err(|error| error.of(&owned, &graph))
        });
        owned.metrics.answered(method, begun.elapsed());
        // A client that has gone needs no answer.
        let _ = parts.blocking_send(Part::Last(out));
    });
    Some(pending)
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
            ProjectionError::Graph(error) => ReadError::Op(error.into()),
            ProjectionError::Cancelled(_) | ProjectionError::OverMemory { .. } | ProjectionError::TooMany => {
                ReadError::Op(OpError::Text(error.to_string()))
            }
        }
    }
}

fn run(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let method = computation.request.method;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the table routes nothing else here")]
    match method {
        Method::PageRank => {
            computation.shard.projections.get(
                &computation.shard.graphs,
                computation.graph,
                computation.cancel,
            )?;
            reads::strings(out, std::iter::empty::<&str>());
            Ok(())
        }
        Method::SemanticSearch => semantic::search(computation, out),
        Method::ComputeSimilarityEdges => semantic::similarity_edges(computation, out),
        other => Err(OpError::Text(format!("{other} is no computation")).into()),
    }
}
