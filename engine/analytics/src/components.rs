//! Components: nodes connected by edges, in either direction or in both.

use super::{Cancel, Cancelled, Groups, Topology, union_find::UnionFind};

/// The groups of nodes connected when the direction of edges does not count.
pub fn connected_components(topology: &Topology, cancel: &Cancel) -> Result<Groups, Cancelled> {
    let mut sets = UnionFind::new(topology.nodes());
    for node in 0..topology.nodes() as u32 {
        cancel.check()?;
        for &target in topology.out().of(node) {
            cancel.check()?;
            sets.union(node, target);
        }
    }
    let labels = (0..topology.nodes() as u32).map(|node| cancel.check().map(|()| sets.find(node)));
    Groups::by_label(labels.collect::<Result<_, _>>()?, cancel)
}

/// The groups of nodes that reach each other along the edges. Tarjan's algorithm with a stack of its own.
pub fn strongly_connected_components(topology: &Topology, cancel: &Cancel) -> Result<Groups, Cancelled> {
    const NEW: u32 = 0;
    const DONE: u32 = u32::MAX;
    struct Visit {
        node: u32,
        /// How many of its edges are followed.
        followed: u32,
        /// Least mark met below this node so far.
        low: u32,
    }
    let nodes = topology.nodes();
    // When a node was entered, counted from one; then the least entry it reaches; at last DONE, with a label.
    let mut marks = vec![NEW; nodes];
    let mut labels = vec![0; nodes];
    let mut entered = 0;
    let mut visits: Vec<Visit> = Vec::new();
    // Entered nodes that are in no component yet.
    let mut open: Vec<u32> = Vec::new();
    for start in 0..nodes as u32 {
        cancel.check()?;
        let mut enter = (marks[start as usize] == NEW).then_some(start);
        loop {
            cancel.check()?;
            if let Some(node) = enter.take() {
                entered += 1;
                marks[node as usize] = entered;
                open.push(node);
                visits.push(Visit { node, followed: 0, low: entered });
            }
            let Some(visit) = visits.last_mut() else { break };
            if let Some(&target) = topology.out().of(visit.node).get(visit.followed as usize) {
                visit.followed += 1;
                match marks[target as usize] {
                    NEW => enter = Some(target),
                    mark => visit.low = visit.low.min(mark),
                }
                continue;
            }
            let Visit { node, low, .. } = *visit;
            visits.pop();
            if low < marks[node as usize] {
                marks[node as usize] = low;
            } else {
                while marks[node as usize] != DONE
                    && let Some(member) = open.pop()
                {
                    cancel.check()?;
                    marks[member as usize] = DONE;
                    labels[member as usize] = node;
                }
            }
            if let Some(above) = visits.last_mut() {
                above.low = above.low.min(marks[node as usize]);
            }
        }
    }
    Groups::by_label(labels, cancel)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{cancelled, distances, graphs};

    fn weak(nodes: usize, edges: &[(u32, u32)]) -> Groups {
        connected_components(&Topology::from_edges(nodes, edges), &Cancel::default()).unwrap()
    }

    fn strong(nodes: usize, edges: &[(u32, u32)]) -> Groups {
        strongly_connected_components(&Topology::from_edges(nodes, edges), &Cancel::default()).unwrap()
    }

    #[test]
    fn recorded_answers() {
        let mut edges = vec![(0, 1), (2, 1), (3, 4), (4, 3)];
        assert_eq!(weak(6, &edges).iter().collect::<Vec<_>>(), [&[0, 1, 2][..], &[3, 4], &[5]]);
        assert_eq!(strong(6, &edges).iter().collect::<Vec<_>>(), [&[0][..], &[1], &[2], &[3, 4], &[5]]);
        edges.extend([(1, 2), (1, 0)]);
        assert_eq!(strong(6, &edges).iter().collect::<Vec<_>>(), [&[0, 1, 2][..], &[3, 4], &[5]]);
        assert_eq!((weak(0, &[]).len(), strong(0, &[]).len()), (0, 0));
    }

    #[test]
    fn long_rings_do_not_recurse() {
        let nodes = 200_000;
        let ring: Vec<(u32, u32)> = (0..nodes).map(|node| (node, (node + 1) % nodes)).collect();
        assert_eq!((weak(nodes as usize, &ring).len(), strong(nodes as usize, &ring).len()), (1, 1));
        assert_eq!(strong(nodes as usize, &ring[1..]).len(), nodes as usize);
    }

    #[test]
    fn a_cancelled_search_ends() {
        let topology = Topology::from_edges(2, &[(0, 1)]);
        assert_eq!(connected_components(&topology, &cancelled()), Err(Cancelled));
        assert_eq!(strongly_connected_components(&topology, &cancelled()), Err(Cancelled));
    }

    proptest! {
        #[test]
        fn together_when_reachable((nodes, edges) in graphs(10, 20)) {
            let reach = distances(nodes, &edges);
            let mut both = edges.clone();
            both.extend(edges.iter().map(|&(source, target)| (target, source)));
            let either = distances(nodes, &both);
            let expected = |with: &dyn Fn(usize, usize) -> bool| -> Vec<Vec<u32>> {
                let group = |node| (0..nodes).filter(move |&other| with(node, other));
                let firsts = (0..nodes).filter(|&node| group(node).next() == Some(node));
                firsts.map(|first| group(first).map(|node| node as u32).collect()).collect()
            };
            let found = |groups: Groups| groups.iter().map(<[u32]>::to_vec).collect::<Vec<_>>();
            prop_assert_eq!(found(weak(nodes, &edges)), expected(&|a, b| either[a][b].is_some()));
            let mutual = |a: usize, b: usize| reach[a][b].is_some() && reach[b][a].is_some();
            prop_assert_eq!(found(strong(nodes, &edges)), expected(&mutual));
        }
    }
}
