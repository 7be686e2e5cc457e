//! What the tests of the algorithms share.

use proptest::prelude::*;

use super::Cancel;

/// Number of nodes, and edges in insertion order.
pub(super) type Graph = (usize, Vec<(u32, u32)>);

/// Small multigraphs, the empty one among them: parallel edges, self loops and isolated nodes are common.
pub(super) fn graphs(max_nodes: usize, max_edges: usize) -> impl Strategy<Value = Graph> {
    (0..=max_nodes).prop_flat_map(move |nodes| {
        let node = 0..nodes.max(1) as u32;
        let edges = if nodes == 0 { 0 } else { max_edges };
        (Just(nodes), prop::collection::vec((node.clone(), node), 0..=edges))
    })
}

/// Hops along the edges from each node to each, by Floyd and Warshall.
pub(super) fn distances(nodes: usize, edges: &[(u32, u32)]) -> Vec<Vec<Option<u64>>> {
    let mut hops = vec![vec![None; nodes]; nodes];
    for &(source, target) in edges {
        hops[source as usize][target as usize] = Some(1);
    }
    (0..nodes).for_each(|node| hops[node][node] = Some(0));
    for (over, from, to) in
        (0..nodes).flat_map(|over| (0..nodes * nodes).map(move |at| (over, at / nodes, at % nodes)))
    {
        if let (Some(first), Some(second)) = (hops[from][over], hops[over][to]) {
            hops[from][to] = Some(hops[from][to].map_or(first + second, |known| known.min(first + second)));
        }
    }
    hops
}

/// A token that is cancelled already.
pub(super) fn cancelled() -> Cancel {
    let cancel = Cancel::default();
    cancel.cancel();
    cancel
}
