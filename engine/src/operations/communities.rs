//! Communities: of a graph, or of nodes and edges that come with the request.

use serde::{Deserialize, de::Error};

use crate::{
    analytics::{self, Groups, Topology},
    projection::{Ids, IdsBuilder},
    request::{
        computation::Computation,
        error::{OpError, ReadError},
    },
    wire::{DecodeError, WeightedEdge, encode, items, response, some_text, strings, texts},
};

/// `CommunityDetection`
#[derive(Debug, Deserialize)]
pub(crate) struct Communities {
    /// Larger values make smaller communities; 1.0 is modularity.
    resolution: f64,
}

/// `CommunityDetectEphemeral`
#[derive(Debug, Deserialize)]
pub(crate) struct EphemeralCommunities<'a> {
    /// Nodes; repeats are dropped.
    #[serde(borrow, deserialize_with = "texts")]
    node_ids: Vec<&'a str>,
    /// Sources and targets, with a weight or without; those at other nodes are dropped.
    #[serde(borrow, deserialize_with = "items")]
    edges: Vec<WeightedEdge<'a>>,
    /// Larger values make smaller communities; 1.0 is modularity.
    resolution: f64,
    /// What is to be high: `modularity`, if anything.
    #[serde(borrow, default, deserialize_with = "some_text")]
    quality: Option<&'a str>,
}

/// `CommunityDetection`
pub(super) fn detect(
    computation: &Computation<'_>,
    Communities { resolution }: Communities,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let graph = computation.projection()?;
    communities_of(computation, &graph.ids, &graph.topology, resolution, out)
}

/// `CommunityDetectEphemeral`
pub(super) fn detect_ephemeral(
    computation: &Computation<'_>,
    params: EphemeralCommunities<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let mut nodes = params.node_ids;
    nodes.sort_unstable();
    nodes.dedup();
    let mut ids = IdsBuilder::with_capacity(nodes.len());
    for (number, node) in nodes.into_iter().enumerate() {
        // Both are bounded by the size of a frame.
        ids.add(node, number as u64);
    }
    let (ids, _) = ids.finish(computation.cancel)?;
    if let Some(quality) = params.quality.filter(|quality| *quality != "modularity") {
        return Err(OpError::Text(format!("quality '{quality}' is not served, only 'modularity'")).into());
    }
    let mut edges = Vec::with_capacity(params.edges.len());
    for edge in &params.edges {
        if edge.weight.is_some() && !computation.request.reply_to().coded {
            return Err(DecodeError::invalid_length(3, &"2 elements in sequence").into());
        }
        let weight = edge.weight.unwrap_or(1.0);
        if !weight.is_finite() || weight < 0.0 {
            return Err(OpError::Text(format!("edges: a weight of {weight} is none")).into());
        }
        let ends = ids.number(edge.source).zip(ids.number(edge.target));
        edges.extend(ends.map(|(source, target)| (source, target, weight)));
    }
    let labels = analytics::weighted_communities(ids.len(), &edges, params.resolution, computation.cancel)?;
    // Nodes were added in the order of their ids.
    grouped(computation, labels, out, |node| ids.get(node))
}

/// Members sorted by id, communities by their first member. Nodes are taken by id, so that neither their age nor their
/// place in a request matters.
fn communities_of(
    computation: &Computation<'_>,
    ids: &Ids,
    topology: &Topology,
    resolution: f64,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let order = ids.by_addition();
    let topology = topology.reordered(&order, computation.cancel)?;
    let labels = analytics::communities(&topology, resolution, computation.cancel)?;
    grouped(computation, labels, out, |node| ids.get(order[node as usize]))
}

/// Nodes with equal labels together.
fn grouped<'a>(
    computation: &Computation<'_>,
    labels: Vec<u32>,
    out: &mut Vec<u8>,
    id: impl Fn(u32) -> &'a str,
) -> Result<(), ReadError> {
    let communities = Groups::by_label(labels, computation.cancel)?;
    response::bin_of(out, |out| {
        encode::array(out, communities.len());
        for members in communities.iter() {
            strings(out, members.iter().map(|&node| id(node)));
        }
    });
    Ok(())
}
