//! Algorithms over a graph: run on its projection, answered by node id.

use epistemic_storage::{graph::GraphReader, properties};
use serde::Deserialize;

use super::short_walks;
use crate::{
    analytics::{self, Groups, Teleport},
    projection::{Ids, Nodes, Projection, SHORT_ID},
    request::{
        computation::Computation,
        error::{OpError, ReadError},
    },
    wire::{EdgeEnds, NoParams, encode, response, strings, text, weights},
};

/// Rounds of PageRank at most.
const MAX_ITERATIONS: usize = 10_000;

/// `GetBlastRadius`
#[derive(Debug, Deserialize)]
pub(crate) struct BlastRadius<'a> {
    /// Where it starts.
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// Hops.
    max_depth: usize,
}

/// `PageRank`
#[derive(Debug, Deserialize)]
pub(crate) struct PageRank {
    /// Share of rank that follows edges.
    damping: f64,
    /// Rounds.
    iterations: usize,
}

/// `PersonalizedPageRank`
#[derive(Debug, Deserialize)]
pub(crate) struct PersonalizedPageRank<'a> {
    /// Node ids and their weights.
    #[serde(borrow, deserialize_with = "weights")]
    seed_nodes: Vec<(&'a str, f64)>,
    /// Share of rank that follows edges.
    damping: f64,
    /// Rounds.
    iterations: usize,
}

/// `TopologicalSort`
pub(super) fn topological_sort(
    computation: &Computation<'_>,
    _: NoParams,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let graph = computation.projection()?;
    let order = analytics::topological_sort(&graph.topology, computation.cancel)?;
    let order = order.ok_or_else(|| OpError::Text("Graph contains cycles".into()))?;
    response::bin_of(out, |out| ids_of(out, &graph.ids, &order));
    Ok(())
}

/// `FindCycle`
pub(super) fn find_cycle(
    computation: &Computation<'_>,
    _: NoParams,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let graph = computation.projection()?;
    path(out, &graph.ids, analytics::find_cycle(&graph.topology, computation.cancel)?);
    Ok(())
}

/// `GetShortestPath`
pub(super) fn shortest_path(
    computation: &Computation<'_>,
    EdgeEnds { source_id, target_id }: EdgeEnds<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    if let Some(found) = short_walks::shortest_path(computation, source_id, target_id)? {
        match found {
            Some(nodes) => strings(out, &nodes),
            None => encode::nil(out),
        }
        return Ok(());
    }
    let graph = computation.projection()?;
    let ends = graph.ids.number(source_id).zip(graph.ids.number(target_id));
    let found = match ends {
        Some((source, target)) => {
            analytics::shortest_path(&graph.topology, source, target, computation.cancel)?
        }
        None => None,
    };
    path(out, &graph.ids, found);
    Ok(())
}

/// `GetBlastRadius`
pub(super) fn blast_radius(
    computation: &Computation<'_>,
    BlastRadius { node_id, max_depth }: BlastRadius<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    if let Some(reached) = short_walks::blast_radius(computation, node_id, max_depth)? {
        strings(out, &reached);
        return Ok(());
    }
    let graph = computation.projection()?;
    let reached = match graph.ids.number(node_id) {
        Some(start) => analytics::blast_radius(&graph.topology, start, max_depth as u64, computation.cancel)?,
        None => Vec::new(),
    };
    ids_of(out, &graph.ids, &reached);
    Ok(())
}

/// `DegreeCentralityAll`
pub(super) fn degree_centrality(
    computation: &Computation<'_>,
    _: NoParams,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let graph = computation.projection()?;
    scored(out, &graph.ids, &analytics::degree_centrality(&graph.topology, computation.cancel)?);
    Ok(())
}

/// `BetweennessCentrality`
pub(super) fn betweenness(
    computation: &Computation<'_>,
    _: NoParams,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let graph = computation.projection()?;
    let scores = computation.parallel(|| analytics::betweenness(&graph.topology, computation.cancel))?;
    response::bin_of(out, |out| scored(out, &graph.ids, &scores));
    Ok(())
}

/// `PageRank`
pub(super) fn pagerank(
    computation: &Computation<'_>,
    PageRank { damping, iterations }: PageRank,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    ranks(computation, damping, iterations, |_| Teleport::Uniform, out)
}

/// `PersonalizedPageRank`
pub(super) fn personalized_pagerank(
    computation: &Computation<'_>,
    PersonalizedPageRank { seed_nodes, damping, iterations }: PersonalizedPageRank<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let teleport = |graph: &Projection| {
        let seeds: Vec<_> = seed_nodes.iter().map(|&(id, weight)| (graph.ids.number(id), weight)).collect();
        Teleport::to_seeds(graph.ids.len(), &seeds)
    };
    ranks(computation, damping, iterations, teleport, out)
}

/// `ConnectedComponents`
pub(super) fn connected_components(
    computation: &Computation<'_>,
    _: NoParams,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let graph = computation.projection()?;
    groups(out, &graph.ids, &analytics::connected_components(&graph.topology, computation.cancel)?);
    Ok(())
}

/// `StronglyConnectedComponents`
pub(super) fn strongly_connected_components(
    computation: &Computation<'_>,
    _: NoParams,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let graph = computation.projection()?;
    let components = analytics::strongly_connected_components(&graph.topology, computation.cancel)?;
    groups(out, &graph.ids, &components);
    Ok(())
}

/// `GraphColoring`
pub(super) fn colouring(
    computation: &Computation<'_>,
    _: NoParams,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let graph = computation.projection()?;
    let colours = analytics::graph_colouring(&graph.topology, computation.cancel)?;
    encode::array(out, graph.ids.len());
    for (id, colour) in graph.ids.iter().zip(colours) {
        encode::array(out, 2);
        encode::str(out, id);
        encode::uint(out, colour.into());
    }
    Ok(())
}

fn ranks(
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
    response::bin_of(out, |out| scored(out, &graph.ids, &ranks));
    Ok(())
}

/// `MinimumSpanningTree`, over one view: the weights are in the properties, which projections leave out.
pub(super) fn spanning_tree(
    computation: &Computation<'_>,
    _: NoParams,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
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
    });
    Ok(())
}

fn path(out: &mut Vec<u8>, ids: &Ids, nodes: Option<Vec<u32>>) {
    match nodes {
        Some(nodes) => ids_of(out, ids, &nodes),
        None => encode::nil(out),
    }
}

fn ids_of(out: &mut Vec<u8>, ids: &Ids, nodes: &[u32]) {
    strings(out, nodes.iter().map(|&node| ids.get(node)));
}

fn scored(out: &mut Vec<u8>, ids: &Ids, scores: &[f64]) {
    encode::array(out, scores.len());
    for (id, score) in ids.iter().zip(scores) {
        encode::array(out, 2);
        encode::str(out, id);
        encode::float(out, *score);
    }
}

fn groups(out: &mut Vec<u8>, ids: &Ids, groups: &Groups) {
    encode::array(out, groups.len());
    for members in groups.iter() {
        ids_of(out, ids, members);
    }
}
