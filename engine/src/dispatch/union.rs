//! Reads across several graphs as if they were one, on one view. Graphs that are missing are passed over.

use std::{collections::HashSet, sync::Arc};

use epistemic_storage::{
    StoreError,
    graph::{GraphError, GraphReader, Together},
};
use tokio::sync::mpsc;

use super::{
    OpError, Part, Pending, Request, access, answer,
    compute::ended,
    reads::{self, ReadError},
};
use crate::{
    access::Need,
    admission::Kind,
    analytics::Cancel,
    compute_pool::scan_on,
    memory::{Body, Room, decoded},
    shard::Shard,
    wire::{Envelope, Method, encode, params},
};

/// Queues a union read and promises its answer; a refusal goes to the outbox.
pub(super) fn submit(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    outbox: &mut Vec<u8>,
) -> Option<Pending> {
    let to = request.envelope.reply_to();
    // It is only asked for: the reference wants it to be there and to be readable.
    let admitted = shard.graphs.graph(request.envelope.graph).map_err(OpError::from).and_then(|home| {
        let account = request.account(home.name(), Some(&home));
        let permit = shard.admission.admit(&account, Kind::Long, body.len())?;
        shard.metrics.graph_op(home.name());
        Ok((account, permit))
    });
    let (account, permit) = answer::accepted(outbox, to, admitted)?;
    let (parts, receiver) = mpsc::channel(1);
    let (owned, body) = (Arc::clone(shard), body.clone());
    let Request { method, begun, connection, .. } = *request;
    let (peer, cancel) = (Arc::clone(request.peer), Cancel::default());
    let (own, charged) = (cancel.clone(), account.clone());
    shard.reads.submit(&account, &cancel, move || {
        // It was parsed from the same bytes before.
        let Ok(envelope) = Envelope::parse(&body) else { return };
        let request = Request { envelope, method, begun, peer: &peer, connection };
        let room = request.room(&owned, &charged);
        let mut out = Vec::new();
        answer::result(&mut out, envelope.reply_to(), |out| {
            let _decoded = decoded(&owned.memory, &charged.tenant, envelope.params)?;
            let read = run(&owned, &request, &own, &room, out);
            read.map_err(|error| if own.check().is_err() { ended(&owned, &request, &own) } else { error })
        });
        owned.metrics.answered(method, begun.elapsed());
        // A client that has gone needs no answer.
        let _ = parts.try_send(Part::whole(room, &request, out));
    });
    Some(Pending::read(to, receiver, permit, cancel))
}

fn run(
    shard: &Shard,
    request: &Request<'_>,
    cancel: &Cancel,
    room: &Room,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let Request { method, envelope, .. } = *request;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only these here")]
    match method {
        Method::UnionGetNodeProperties => {
            let params::UnionNode { graphs, node_id } = params::params(method, envelope.params)?;
            let mut found = None;
            each(shard, request, cancel, &graphs, |reader| {
                found = reader.node(node_id)?;
                Ok(found.is_none())
            })?;
            match found {
                Some(node) => encode::bin(out, &node.properties),
                None => encode::nil(out),
            }
        }
        Method::UnionGetNodesByLabel => {
            let params::UnionByLabel { graphs, label, limit } = params::params(method, envelope.params)?;
            by_label(shard, request, cancel, &graphs, (label, limit), room, out)?;
        }
        Method::UnionGetNeighbors => {
            let params::UnionNode { graphs, node_id } = params::params(method, envelope.params)?;
            let (mut seen, mut order) = (HashSet::new(), Vec::new());
            each(shard, request, cancel, &graphs, |reader| {
                for neighbor in reader.neighbors(node_id)?.iter() {
                    if !seen.contains(neighbor) {
                        let neighbor: Arc<str> = neighbor.into();
                        order.push(Arc::clone(&neighbor));
                        seen.insert(neighbor);
                    }
                }
                Ok(true)
            })?;
            reads::strings(out, order);
        }
        other => return Err(OpError::Text(format!("{other} is no union read"))),
    }
    Ok(())
}

/// Nodes with the label, each id once: the first graph that has it tells its properties.
fn by_label(
    shard: &Shard,
    request: &Request<'_>,
    cancel: &Cancel,
    graphs: &[&str],
    (label, limit): (&str, usize),
    room: &Room,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let (mut seen, mut rows) = (HashSet::new(), Vec::new());
    each(shard, request, cancel, graphs, |reader| {
        // With as many as are wanted in all, enough are new.
        let read = reader.for_each_by_label(label, 0, limit, |id, properties| {
            if (limit > 0 && seen.len() == limit) || seen.contains(id) {
                return Ok(());
            }
            encode::array(&mut rows, 2);
            encode::str(&mut rows, id);
            reads::decoded_or_empty(&mut rows, properties);
            seen.insert(id.to_owned());
            room.check(rows.len())
        });
        match read {
            Err(StoreError::OverBudget { .. }) => Err(OpError::Text(room.refusal()).into()),
            read => Ok(read.map(|()| limit == 0 || seen.len() < limit)?),
        }
    })?;
    encode::array(out, seen.len());
    out.extend_from_slice(&rows);
    Ok(())
}

/// Calls `read` for each graph that is there, once, until it returns false. All graphs are checked first.
fn each(
    shard: &Shard,
    request: &Request<'_>,
    cancel: &Cancel,
    names: &[&str],
    mut read: impl FnMut(&GraphReader<'_>) -> Result<bool, ReadError>,
) -> Result<(), OpError> {
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
        if !read(&GraphReader::new(&*view, graph).watched(&watch)).map_err(|error| error.of(shard, graph))? {
            break;
        }
    }
    Ok(())
}
