//! Reads across several graphs as if they were one, on one view. Graphs that are missing are passed over.

use std::{collections::HashSet, sync::Arc};

use epistemic_storage::graph::{GraphError, GraphReader, Together};

use super::{
    access,
    error::{OpError, ReadError},
    incoming::Request,
    off_thread::{Job, Running, Threads},
    pending::PendingResponse,
    response,
};
use crate::{
    access::Need,
    admission::Kind,
    compute_pool::scan_on,
    memory::{Body, Room},
    shard::Shard,
};

/// Appends the result of a read across several graphs.
pub(crate) type UnionFn = fn(&UnionRead<'_>, &mut Vec<u8>) -> Result<(), OpError>;

/// What a read across several graphs works with.
pub(crate) struct UnionRead<'a> {
    running: &'a Running<'a>,
    pub(crate) request: Request<'a>,
    /// For the response.
    pub(crate) room: &'a Room,
}

/// Queues a read across several graphs and promises its response; a refusal goes to the outbox.
pub(crate) fn submit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    read: UnionFn,
    outbox: &mut Vec<u8>,
) -> Option<PendingResponse> {
    // The graph of the request is only asked for: the reference wants it to be there and to be readable.
    let admitted = shard.graphs.graph(request.envelope.graph).map_err(OpError::from).and_then(|home| {
        let account = request.account(home.name(), Some(&home));
        let permit = shard.admission.admit(&account, Kind::Long, body.len())?;
        shard.metrics.graph_op(home.name());
        Ok((account, permit))
    });
    let (account, permit) = response::accepted(outbox, request.reply_to(), admitted)?;
    let job = Job::new(shard, request, body, account);
    Some(job.run(Threads::Reads, Some(permit), move |running, out| {
        read(&UnionRead { running, request: running.request, room: running.room }, out)
    }))
}

impl UnionRead<'_> {
    /// Calls `read` for each graph that is there, once, until it returns false. All graphs are checked first.
    pub(crate) fn each(
        &self,
        names: &[&str],
        mut read: impl FnMut(&GraphReader<'_>) -> Result<bool, ReadError>,
    ) -> Result<(), OpError> {
        let Running { shard, request, cancel, .. } = *self.running;
        let mut seen = HashSet::new();
        let names: Vec<&str> = names.iter().copied().filter(|name| seen.insert(*name)).collect();
        let Together { graphs, view } = shard.graphs.together(&names).map_err(GraphError::from)?;
        let mut readable = Vec::with_capacity(graphs.len());
        for graph in graphs {
            match graph {
                Ok(graph) => {
                    access::read(shard, &request.envelope, &graph)?;
                    readable.push(graph);
                }
                Err(GraphError::GraphNotFound(name)) => {
                    access::missing(shard, &request.envelope, Need::Read, &name).map_or(Ok(()), Err)?;
                }
                Err(elsewhere) => return Err(elsewhere.into()),
            }
        }
        let watch = || scan_on(cancel);
        for graph in &readable {
            let reader = GraphReader::new(&*view, graph).watched(&watch);
            if !read(&reader).map_err(|error| self.running.failure(error, graph))? {
                break;
            }
        }
        Ok(())
    }
}
