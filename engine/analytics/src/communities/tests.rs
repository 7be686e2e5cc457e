//! Recorded cases, and what must hold for every graph.

use proptest::prelude::*;

use super::*;
use crate::Cancelled;

fn found(nodes: usize, edges: &[(u32, u32)], resolution: f64) -> Vec<u32> {
    communities(&Topology::from_edges(nodes, edges), resolution, &Cancel::default()).unwrap()
}

fn clique(first: u32, size: u32) -> impl Iterator<Item = (u32, u32)> {
    (first..first + size).flat_map(move |node| (first..node).map(move |other| (node, other)))
}

/// Two cliques of four nodes, joined by one edge.
fn two_cliques() -> Vec<(u32, u32)> {
    clique(0, 4).chain(clique(4, 4)).chain([(0, 4)]).collect()
}

fn modularity(nodes: usize, edges: &[(u32, u32)], resolution: f64, of: &[u32]) -> f64 {
    let total = 2.0 * edges.len() as f64;
    let mut degrees = vec![0.0; nodes];
    let mut sum = 0.0;
    for &(source, target) in edges {
        let (source, target) = (of[source as usize], of[target as usize]);
        degrees[source as usize] += 1.0;
        degrees[target as usize] += 1.0;
        sum += f64::from(u8::from(source == target)) * 2.0 / total;
    }
    sum - resolution * degrees.iter().map(|degree| (degree / total) * (degree / total)).sum::<f64>()
}

#[test]
fn recorded_cases() {
    let edges = two_cliques();
    for resolution in [1.0, 0.5, 0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(found(8, &edges, resolution), [0, 0, 0, 0, 1, 1, 1, 1], "{resolution}");
    }
    for resolution in [10.0, 1e300, f64::INFINITY] {
        assert_eq!(found(8, &edges, resolution), [0, 1, 2, 3, 4, 5, 6, 7], "{resolution}");
    }
    assert_eq!(found(2, &[(0, 1)], 1.0), [0, 0]);
    assert_eq!(found(2, &[], 1.0), [0, 1]);
    assert!(found(0, &[], 1.0).is_empty());
}

#[test]
fn resolutions_at_which_a_structure_falls_apart() {
    let whole = |nodes: u32, edges: &[(u32, u32)], resolution: f64| {
        found(nodes as usize, edges, resolution).iter().all(|&community| community == 0)
    };
    let edge = [(0, 1)];
    assert!(whole(2, &edge, 1.99) && !whole(2, &edge, 2.0));
    let parallel = [(0, 1), (1, 0), (0, 1)];
    assert!(whole(2, &parallel, 1.99) && !whole(2, &parallel, 2.0));
    let triangle: Vec<_> = clique(0, 3).collect();
    assert!(whole(3, &triangle, 1.49) && !whole(3, &triangle, 1.5));
    let four: Vec<_> = clique(0, 4).collect();
    assert!(whole(4, &four, 1.33) && !whole(4, &four, 1.34));
    let self_loop = [(0, 1), (0, 0)];
    assert!(whole(2, &self_loop, 1.33) && !whole(2, &self_loop, 1.34));
    assert!(whole(8, &two_cliques(), 0.153) && !whole(8, &two_cliques(), 0.154));
}

#[test]
fn a_cancelled_search_ends() {
    let cancel = Cancel::default();
    cancel.cancel();
    assert_eq!(communities(&Topology::from_edges(2, &[(0, 1)]), 1.0, &cancel), Err(Cancelled));
}

/// Node count, and edges between any nodes of few, so that parallel edges and self loops are common.
fn graph() -> impl Strategy<Value = (usize, Vec<(u32, u32)>)> {
    (1..14_u32)
        .prop_flat_map(|nodes| (Just(nodes as usize), prop::collection::vec((0..nodes, 0..nodes), 0..40)))
}

proptest! {
    #[test]
    fn communities_are_connected_to_something_better_than_nothing(
        (nodes, edges) in graph(),
        resolution in prop_oneof![Just(1.0), 0.01..4.0],
    ) {
        let of = found(nodes, &edges, resolution);
        let mut seen = 0;
        for &community in &of {
            prop_assert!(community <= seen, "numbered by first member: {of:?}");
            seen = seen.max(community + 1);
        }
        let mut component: Vec<u32> = (0..nodes as u32).collect();
        for _ in 0..nodes {
            for &(source, target) in &edges {
                let lower = component[source as usize].min(component[target as usize]);
                component[source as usize] = lower;
                component[target as usize] = lower;
            }
        }
        for node in 0..nodes {
            for other in 0..nodes {
                prop_assert!(of[node] != of[other] || component[node] == component[other]);
            }
        }
        if !edges.is_empty() {
            let alone: Vec<u32> = (0..nodes as u32).collect();
            let (reached, start) =
                (modularity(nodes, &edges, resolution, &of), modularity(nodes, &edges, resolution, &alone));
            prop_assert!(reached >= start - 1e-12, "{reached} < {start}");
        }
    }

    #[test]
    fn edge_order_and_direction_do_not_matter((nodes, edges) in graph(), flips in any::<u64>()) {
        let mut other: Vec<_> = edges.iter().rev().copied().collect();
        for (index, edge) in other.iter_mut().enumerate() {
            if flips >> (index % 64) & 1 == 1 {
                *edge = (edge.1, edge.0);
            }
        }
        prop_assert_eq!(found(nodes, &edges, 1.0), found(nodes, &other, 1.0));
    }

    #[test]
    fn cliques_are_found_in_any_node_order(
        sizes in prop::collection::vec(4..8_u32, 1..7),
        bridged in any::<bool>(),
        keys in prop::collection::vec(any::<u64>(), 42),
    ) {
        let mut edges = Vec::new();
        let mut clique_of = Vec::new();
        let mut bridge_from = None;
        for (index, &size) in sizes.iter().enumerate() {
            let first = clique_of.len() as u32;
            edges.extend(clique(first, size));
            if bridged && let Some(from) = bridge_from.replace(first + 1) {
                edges.push((from, first));
            }
            clique_of.resize(clique_of.len() + size as usize, index);
        }
        let mut order: Vec<u32> = (0..clique_of.len() as u32).collect();
        order.sort_by_key(|&node| keys[node as usize]);
        let edges: Vec<_> = edges.iter().map(|&(s, t)| (order[s as usize], order[t as usize])).collect();
        let of = found(clique_of.len(), &edges, 1.0);
        for node in 0..clique_of.len() {
            for other in 0..node {
                let together = of[order[node] as usize] == of[order[other] as usize];
                let same = clique_of[node] == clique_of[other];
                prop_assert!(together == same || (together && bridged), "a clique is split, or two are one");
            }
        }
        // Two small cliques with a bridge may be better as one, in a graph with many edges elsewhere.
        let mut cliques = vec![0; clique_of.len()];
        for (node, &clique) in clique_of.iter().enumerate() {
            cliques[order[node] as usize] = clique as u32;
        }
        let (reached, clear) =
            (modularity(of.len(), &edges, 1.0, &of), modularity(of.len(), &edges, 1.0, &cliques));
        prop_assert!(reached >= clear - 1e-12, "{reached} < {clear}");
    }
}
