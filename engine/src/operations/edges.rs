//! Single edges, and what is one hop from a node.

use std::borrow::Cow;

use epistemic_storage::{
    Mutation,
    graph::{GraphCounters, GraphError, GraphReader, Op},
};
use serde::Deserialize;

use crate::{
    request::{
        error::{OpError, ReadError},
        graph_read::GraphRead,
        write::WriteCall,
    },
    wire::{EdgeEnds, NodeId, bytes, decoded_or_empty, encode, pairs, response, strings, text},
};

/// `AddEdge`
#[derive(Debug, Deserialize)]
pub(crate) struct AddEdge<'a> {
    /// Id of an existing node.
    #[serde(borrow, deserialize_with = "text")]
    source_id: &'a str,
    /// Id of an existing node.
    #[serde(borrow, deserialize_with = "text")]
    target_id: &'a str,
    /// Stored as they are.
    #[serde(borrow, deserialize_with = "bytes")]
    properties_msgpack: Cow<'a, [u8]>,
}

/// `GetEdgePropertiesBatch`
#[derive(Debug, Deserialize)]
pub(crate) struct EdgePairs<'a> {
    /// Sources and targets in the order of the request, repeats kept.
    #[serde(borrow, deserialize_with = "pairs")]
    edges: Vec<(&'a str, &'a str)>,
}

/// `HasEdge`
pub(super) fn has(
    read: &GraphRead<'_>,
    EdgeEnds { source_id, target_id }: EdgeEnds<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.latest(|reader| {
        encode::bool(out, reader.has_edge(source_id, target_id)?);
        Ok(())
    })
}

/// `GetEdgeProperties`
pub(super) fn properties(
    read: &GraphRead<'_>,
    EdgeEnds { source_id, target_id }: EdgeEnds<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.latest_decoded(|reader| {
        let (mut rows, mut count) = (Vec::new(), 0);
        reader.for_each_edge_between(source_id, target_id, |properties| -> Result<(), ReadError> {
            decoded_or_empty(&mut rows, properties);
            count += 1;
            Ok(read.room.check(rows.len())?)
        })?;
        encode::array(out, count);
        out.extend_from_slice(&rows);
        Ok(())
    })
}

/// `GetEdgePropertiesBatch`
pub(super) fn properties_batch(
    read: &GraphRead<'_>,
    EdgePairs { edges }: EdgePairs<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let room = read.room;
    read.view(|reader| {
        response::bin_of(out, |out| {
            encode::array(out, edges.len());
            for (source, target) in &edges {
                let (mut rows, mut count) = (Vec::new(), 0);
                reader.for_each_edge_between(source, target, |properties| -> Result<(), ReadError> {
                    encode::bin(&mut rows, properties);
                    count += 1;
                    Ok(room.check(out.len() + rows.len())?)
                })?;
                encode::array(out, count);
                out.extend_from_slice(&rows);
                room.check(out.len())?;
            }
            Ok(())
        })
    })
}

/// `InDegree`
pub(super) fn in_degree(
    read: &GraphRead<'_>,
    NodeId { node_id }: NodeId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        let degree = reader.in_degree(node_id)?;
        exists_if(degree > 0, reader, node_id)?;
        encode::uint(out, degree);
        Ok(())
    })
}

/// `OutDegree`
pub(super) fn out_degree(
    read: &GraphRead<'_>,
    NodeId { node_id }: NodeId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        let degree = reader.out_degree(node_id)?;
        exists_if(degree > 0, reader, node_id)?;
        encode::uint(out, degree);
        Ok(())
    })
}

/// `GetPredecessors`
pub(super) fn predecessors(
    read: &GraphRead<'_>,
    NodeId { node_id }: NodeId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        let ends = reader.predecessors(node_id)?;
        exists_if(!ends.is_empty(), reader, node_id)?;
        strings(out, &ends);
        Ok(())
    })
}

/// `GetSuccessors`
pub(super) fn successors(
    read: &GraphRead<'_>,
    NodeId { node_id }: NodeId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        let ends = reader.successors(node_id)?;
        exists_if(!ends.is_empty(), reader, node_id)?;
        strings(out, &ends);
        Ok(())
    })
}

/// `GetNeighbors`, from the cache or from a view: both directions of one state.
pub(super) fn neighbors(
    read: &GraphRead<'_>,
    NodeId { node_id }: NodeId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let (cache, graph) = (&read.shard.neighbors, read.graph);
    let (GraphCounters { sequence, .. }, _) = read.shard.graphs.newest(graph)?;
    if cache.get(graph, sequence, node_id, out) {
        return Ok(());
    }
    let start = out.len();
    read.view(|reader| {
        let neighbors = reader.neighbors(node_id)?;
        exists_if(!neighbors.is_empty(), reader, node_id)?;
        strings(out, neighbors.iter());
        Ok(())
    })?;
    cache.put(graph, sequence, node_id, &out[start..]);
    Ok(())
}

/// `DegreeCentrality`
pub(super) fn degree_centrality(
    read: &GraphRead<'_>,
    NodeId { node_id }: NodeId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        let degree = reader.in_degree(node_id)? + reader.out_degree(node_id)?;
        exists_if(degree > 0, reader, node_id)?;
        let others = reader.counters()?.nodes.saturating_sub(1);
        encode::float(out, if others == 0 { 0.0 } else { degree as f64 / others as f64 });
        Ok(())
    })
}

/// `AddEdge`
pub(super) fn add(write: &mut WriteCall<'_>, params: AddEdge<'_>) -> Result<Op, OpError> {
    let AddEdge { source_id, target_id, properties_msgpack } = params;
    write.limits.check_properties(&properties_msgpack)?;
    Ok(Op::One(Mutation::AddEdge {
        source: source_id.into(),
        target: target_id.into(),
        properties: properties_msgpack.into_owned(),
    }))
}

/// `RemoveEdge`
pub(super) fn remove(
    _: &mut WriteCall<'_>,
    EdgeEnds { source_id, target_id }: EdgeEnds<'_>,
) -> Result<Op, OpError> {
    Ok(Op::One(Mutation::RemoveEdge { source: source_id.into(), target: target_id.into() }))
}

/// Fails when the node does not exist. A node with edges does: asking is spared then.
fn exists_if(has_edges: bool, reader: &GraphReader<'_, ReadError>, node: &str) -> Result<(), ReadError> {
    if has_edges || reader.has_node(node)? {
        Ok(())
    } else {
        Err(GraphError::NodeNotFound(node.to_owned()).into())
    }
}
