//! Reads across several graphs as if they were one, on one view. Graphs that are missing are passed over.

use std::{collections::HashSet, sync::Arc};

use epistemic_storage::{
    StoreError,
    graph::{GraphError, GraphReader, Together},
};

use super::{
    OpError, Request, access,
    compute::MAX_RESULT,
    reads::{self, ReadError},
    whole,
};
use crate::{
    access::Need,
    shard::Shard,
    wire::{Method, encode, params},
};

/// Runs a union read. Blocks.
pub(super) fn run(shard: &Shard, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let Request { method, envelope, .. } = *request;
    // It is only asked for: the reference wants it to be there and to be readable.
    let home = shard.graphs.graph(envelope.graph)?;
    let _permit = shard.admission.admit(home.name(), envelope.params.map_or(0, <[u8]>::len))?;
    shard.metrics.graph_op(home.name());
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only these here")]
    match method {
        Method::UnionGetNodeProperties => {
            let params::UnionNode { graphs, node_id } = params::params(method, envelope.params)?;
            let mut found = None;
            each(shard, request, &graphs, |reader| {
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
            by_label(shard, request, &graphs, label, limit, out)?;
        }
        Method::UnionGetNeighbors => {
            let params::UnionNode { graphs, node_id } = params::params(method, envelope.params)?;
            let (mut seen, mut order) = (HashSet::new(), Vec::new());
            each(shard, request, &graphs, |reader| {
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
    graphs: &[&str],
    label: &str,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let (mut seen, mut rows) = (HashSet::new(), Vec::new());
    each(shard, request, graphs, |reader| {
        // With as many as are wanted in all, enough are new.
        let read = reader.for_each_by_label(label, 0, limit, |id, properties| {
            if (limit > 0 && seen.len() == limit) || seen.contains(id) {
                return Ok(());
            }
            encode::array(&mut rows, 2);
            encode::str(&mut rows, id);
            reads::decoded_or_empty(&mut rows, properties);
            seen.insert(id.to_owned());
            reads::check_size(&rows, MAX_RESULT)
        });
        match read {
            Err(StoreError::OverBudget { .. }) => Err(whole::too_large().into()),
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
    for graph in &readable {
        if !read(&GraphReader::new(&*view, graph)).map_err(|error| error.of(shard, graph))? {
            break;
        }
    }
    Ok(())
}
