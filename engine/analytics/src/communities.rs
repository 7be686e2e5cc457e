//! Communities by Louvain's method: modularity on the undirected multigraph, a self loop counting twice at its node.
//!
//! Nodes join a neighbour's community while modularity rises; then every community becomes one node of a smaller
//! graph, and so on until nothing joins. Edge order never matters, node order only where gains are equal or the graph
//! has no clear structure.

mod level;

use self::level::Level;
use super::{Cancel, Cancelled, Topology};

/// The number of each node's community, numbered by first member. A resolution that is not positive means 1.0; a
/// higher one gives smaller communities. No community spans two components.
pub fn communities(topology: &Topology, resolution: f64, cancel: &Cancel) -> Result<Vec<u32>, Cancelled> {
    let resolution = if resolution > 0.0 { resolution } else { 1.0 };
    topology.prepare_incoming(cancel)?;
    of_level(Level::of(topology, cancel)?, resolution, cancel)
}

/// The same of edges with weights, which are finite and not negative. Those of a pair add up.
pub fn weighted_communities(
    nodes: usize,
    edges: &[(u32, u32, f64)],
    resolution: f64,
    cancel: &Cancel,
) -> Result<Vec<u32>, Cancelled> {
    let resolution = if resolution > 0.0 { resolution } else { 1.0 };
    of_level(Level::weighted(nodes, edges, cancel)?, resolution, cancel)
}

fn of_level(mut level: Level, resolution: f64, cancel: &Cancel) -> Result<Vec<u32>, Cancelled> {
    let mut found: Vec<u32> = (0..level.nodes() as u32).collect();
    loop {
        let merged = level.partition(resolution, cancel)?;
        if merged.count == level.nodes() {
            return Ok(found);
        }
        for community in &mut found {
            *community = merged.of[*community as usize];
        }
        level = level.merge(&merged, cancel)?;
    }
}

#[cfg(test)]
mod tests;
