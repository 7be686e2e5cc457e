//! Algorithms over a graph: decoded here, run on its projection, answered by node id.

use epistemic_storage::{graph::GraphReader, properties};
use serde::de::Error;

use super::{
    OpError,
    compute::Computation,
    reads::{self, ReadError},
    walk,
};
use crate::{
    analytics::{self, Groups, Teleport, Topology},
    projection::{Ids, IdsBuilder, Nodes, Projection, SHORT_ID},
    wire::{DecodeError, Method, encode, params, response},
};

/// Rounds of PageRank at most.
const MAX_ITERATIONS: usize = 10_000;

/// Runs an algorithm that needs nothing but nodes and edges.
pub(super) fn run(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let method = computation.request.method;
    let raw = computation.request.envelope.params;
    let cancel = computation.cancel;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends nothing else here")]
    match method {
        Method::TopologicalSort => {
            params::no_params(method, raw)?;
            let graph = computation.projection()?;
            let order = analytics::topological_sort(&graph.topology, cancel)?;
            let order = order.ok_or_else(|| OpError::Text("Graph contains cycles".into()))?;
            response::bin_of(out, |out| ids_of(out, &graph.ids, &order))
        }
        Method::FindCycle => {
            params::no_params(method, raw)?;
            let graph = computation.projection()?;
            path(out, &graph.ids, analytics::find_cycle(&graph.topology, cancel)?)
        }
        Method::GetShortestPath => {
            let params::EdgeEnds { source_id, target_id } = params::params(method, raw)?;
            if let Some(found) = walk::shortest_path(computation, source_id, target_id)? {
                match found {
                    Some(nodes) => reads::strings(out, &nodes),
                    None => encode::nil(out),
                }
                return Ok(());
            }
            let graph = computation.projection()?;
            let ends = graph.ids.number(source_id).zip(graph.ids.number(target_id));
            let found = match ends {
                Some((source, target)) => analytics::shortest_path(&graph.topology, source, target, cancel)?,
                None => None,
            };
            path(out, &graph.ids, found)
        }
        Method::GetBlastRadius => {
            let params::BlastRadius { node_id, max_depth } = params::params(method, raw)?;
            if let Some(reached) = walk::blast_radius(computation, node_id, max_depth)? {
                reads::strings(out, &reached);
                return Ok(());
            }
            let graph = computation.projection()?;
            let reached = match graph.ids.number(node_id) {
                Some(start) => analytics::blast_radius(&graph.topology, start, max_depth as u64, cancel)?,
                None => Vec::new(),
            };
            ids_of(out, &graph.ids, &reached)
        }
        Method::DegreeCentralityAll => {
            params::no_params(method, raw)?;
            let graph = computation.projection()?;
            let scores = analytics::degree_centrality(&graph.topology, cancel)?;
            scored(out, &graph.ids, &scores)
        }
        Method::BetweennessCentrality => {
            params::no_params(method, raw)?;
            let graph = computation.projection()?;
            let scores = computation.parallel(|| analytics::betweenness(&graph.topology, cancel))?;
            response::bin_of(out, |out| scored(out, &graph.ids, &scores))
        }
        Method::PageRank => {
            let params::PageRank { damping, iterations } = params::params(method, raw)?;
            pagerank(computation, damping, iterations, |_| Teleport::Uniform, out)
        }
        Method::PersonalizedPageRank => {
            let params::PersonalizedPageRank { seed_nodes, damping, iterations } =
                params::params(method, raw)?;
            let teleport = |graph: &Projection| {
                let seeds: Vec<_> =
                    seed_nodes.iter().map(|&(id, weight)| (graph.ids.number(id), weight)).collect();
                Teleport::to_seeds(graph.ids.len(), &seeds)
            };
            pagerank(computation, damping, iterations, teleport, out)
        }
        Method::ConnectedComponents => {
            params::no_params(method, raw)?;
            let graph = computation.projection()?;
            groups(out, &graph.ids, &analytics::connected_components(&graph.topology, cancel)?)
        }
        Method::StronglyConnectedComponents => {
            params::no_params(method, raw)?;
            let graph = computation.projection()?;
            groups(out, &graph.ids, &analytics::strongly_connected_components(&graph.topology, cancel)?)
        }
        Method::MinimumSpanningTree => {
            params::no_params(method, raw)?;
            spanning_tree(computation, out)
        }
        Method::CommunityDetection => {
            let params::Communities { resolution } = params::params(method, raw)?;
            let graph = computation.projection()?;
            communities(computation, &graph.ids, &graph.topology, resolution, out)
        }
        Method::CommunityDetectEphemeral => {
            let params = params::params(method, raw)?;
            ephemeral_communities(computation, &params, out)
        }
        Method::GraphColoring => {
            params::no_params(method, raw)?;
            let graph = computation.projection()?;
            let colours = analytics::graph_colouring(&graph.topology, cancel)?;
            encode::array(out, graph.ids.len());
            for (id, colour) in graph.ids.iter().zip(colours) {
                encode::array(out, 2);
                encode::str(out, id);
                encode::uint(out, colour.into());
            }
            Ok(())
        }
        other => Err(OpError::Text(format!("{other} is no algorithm")).into()),
    }
}

fn pagerank(
    computation: &Computation<'_>,
    damping: f64,
    iterations: usize,
    teleport: impl FnOnce(&Projection) -> Teleport,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    if iterations > MAX_ITERATIONS {
        let text = format!("{iterations} iterations were asked for, {MAX_ITERATIONS} are the most");
        return Err(OpError::Text(text).into());
    }
    let graph = computation.projection()?;
    let (teleport, iterations) = (teleport(&graph), iterations as u64);
    let ranks = computation.parallel(|| {
        analytics::pagerank(&graph.topology, damping, iterations, &teleport, computation.cancel)
    })?;
    response::bin_of(out, |out| scored(out, &graph.ids, &ranks))
}

/// Over one view: the weights are in the properties, which projections leave out.
fn spanning_tree(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let view = computation.shard.graphs.read_view();
    let reader = GraphReader::new(&*view, computation.graph);
    let state = reader.counters()?;
    // Ids with their index; edges by insertion, then as they are sorted by weight.
    let beside_ids = state.nodes.saturating_mul(16).saturating_add(state.edges.saturating_mul(56));
    let projections = &computation.shard.projections;
    let fits = |ids| projections.check_bytes(computation.graph, beside_ids.saturating_add(ids)).map(drop);
    fits(state.nodes.saturating_mul(SHORT_ID))?;
    let nodes = Nodes::read(&reader, &state, computation.cancel, fits)?;
    let ids = &nodes.ids;
    let mut edges = Vec::with_capacity(state.edges as usize);
    let weight = |properties: &[u8]| properties::number_field(properties, "weight").unwrap_or(1.0);
    nodes.for_each_edge(&reader, computation.cancel, weight, |source, target, sequence, weight| {
        edges.push((sequence, (source, target, weight)));
    })?;
    edges.sort_unstable_by_key(|(sequence, _)| *sequence);
    let edges: Vec<_> = edges.into_iter().map(|(_, edge)| edge).collect();
    let chosen =
        computation.parallel(|| analytics::spanning_forest(ids.len(), &edges, computation.cancel))?;
    response::bin_of(out, |out| {
        encode::array(out, chosen.len());
        for (source, target, weight) in chosen.into_iter().map(|place| edges[place]) {
            encode::array(out, 3);
            encode::str(out, ids.get(source));
            encode::str(out, ids.get(target));
            encode::float(out, weight);
        }
        Ok(())
    })
}

fn ephemeral_communities(
    computation: &Computation<'_>,
    params: &params::EphemeralCommunities<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let mut nodes = params.node_ids.clone();
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
        if edge.weight.is_some() && !computation.request.envelope.reply_to().coded {
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
fn communities(
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
            reads::strings(out, members.iter().map(|&node| id(node)));
        }
        Ok(())
    })
}

fn path(out: &mut Vec<u8>, ids: &Ids, nodes: Option<Vec<u32>>) -> Result<(), ReadError> {
    match nodes {
        Some(nodes) => ids_of(out, ids, &nodes),
        None => {
            encode::nil(out);
            Ok(())
        }
    }
}

fn ids_of(out: &mut Vec<u8>, ids: &Ids, nodes: &[u32]) -> Result<(), ReadError> {
    reads::strings(out, nodes.iter().map(|&node| ids.get(node)));
    Ok(())
}

fn scored(out: &mut Vec<u8>, ids: &Ids, scores: &[f64]) -> Result<(), ReadError> {
    encode::array(out, scores.len());
    for (id, score) in ids.iter().zip(scores) {
        encode::array(out, 2);
        encode::str(out, id);
        encode::float(out, *score);
    }
    Ok(())
}

fn groups(out: &mut Vec<u8>, ids: &Ids, groups: &Groups) -> Result<(), ReadError> {
    encode::array(out, groups.len());
    for members in groups.iter() {
        ids_of(out, ids, members)?;
    }
    Ok(())
}
