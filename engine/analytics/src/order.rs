//! Orders along the edges: topological sort, and the cycle that rules one out.

use super::{Cancel, Cancelled, Topology};

/// All nodes, each before the targets of its edges; `None` when there is a cycle. The reverse of the order in which a
/// depth-first search from the nodes in insertion order, oldest edges first, leaves them.
pub fn topological_sort(topology: &Topology, cancel: &Cancel) -> Result<Option<Vec<u32>>, Cancelled> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnPath,
        Done,
    }
    let mut seen = vec![Seen::No; topology.nodes()];
    let mut left = Vec::with_capacity(topology.nodes());
    // The nodes from the start to where the search is, and how many edges of each are still to follow.
    let mut path: Vec<(u32, u32)> = Vec::new();
    for start in 0..topology.nodes() as u32 {
        cancel.check()?;
        if seen[start as usize] != Seen::No {
            continue;
        }
        seen[start as usize] = Seen::OnPath;
        path.push((start, topology.out().degree(start)));
        while let Some((node, edges)) = path.last_mut() {
            cancel.check()?;
            if *edges == 0 {
                seen[*node as usize] = Seen::Done;
                left.push(*node);
                path.pop();
                continue;
            }
            *edges -= 1;
            let target = topology.out().of(*node)[*edges as usize];
            match seen[target as usize] {
                Seen::No => {
                    seen[target as usize] = Seen::OnPath;
                    path.push((target, topology.out().degree(target)));
                }
                Seen::OnPath => return Ok(None),
                Seen::Done => {}
            }
        }
    }
    left.reverse();
    Ok(Some(left))
}

/// The first cycle met by searching depth first from the nodes in insertion order, newest edges first: its nodes and
/// again the first one. A self loop is a cycle.
pub fn find_cycle(topology: &Topology, cancel: &Cancel) -> Result<Option<Vec<u32>>, Cancelled> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnPath,
        Done,
    }
    let mut seen = vec![Seen::No; topology.nodes()];
    // The nodes from the start to where the search is, and how many edges of each are followed.
    let mut path: Vec<(u32, u32)> = Vec::new();
    for start in 0..topology.nodes() as u32 {
        cancel.check()?;
        if seen[start as usize] != Seen::No {
            continue;
        }
        seen[start as usize] = Seen::OnPath;
        path.push((start, 0));
        while let Some((node, followed)) = path.last_mut() {
            cancel.check()?;
            let Some(&target) = topology.out().of(*node).get(*followed as usize) else {
                seen[*node as usize] = Seen::Done;
                path.pop();
                continue;
            };
            *followed += 1;
            match seen[target as usize] {
                Seen::No => {
                    seen[target as usize] = Seen::OnPath;
                    path.push((target, 0));
                }
                Seen::OnPath => {
                    let cycle = path.iter().map(|&(node, _)| node).skip_while(|&node| node != target);
                    return Ok(Some(cycle.chain([target]).collect()));
                }
                Seen::Done => {}
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{cancelled, distances, graphs};

    fn sorted(nodes: usize, edges: &[(u32, u32)]) -> Option<Vec<u32>> {
        topological_sort(&Topology::from_edges(nodes, edges), &Cancel::default()).unwrap()
    }

    fn cycle(nodes: usize, edges: &[(u32, u32)]) -> Option<Vec<u32>> {
        find_cycle(&Topology::from_edges(nodes, edges), &Cancel::default()).unwrap()
    }

    #[test]
    fn recorded_answers() {
        let (mut edges, nodes) = (vec![(0, 1), (1, 2), (2, 3), (0, 3)], 4);
        assert_eq!(sorted(nodes, &edges).unwrap(), [0, 1, 2, 3]);
        edges.push((3, 1));
        assert_eq!(sorted(nodes, &edges), None);

        let mut edges = vec![(0, 1), (1, 2), (3, 0)];
        assert_eq!(cycle(nodes, &edges), None);
        edges.push((2, 0));
        assert_eq!(cycle(nodes, &edges).unwrap(), [0, 1, 2, 0]);
        assert_eq!(cycle(2, &[(0, 1), (1, 0)]).unwrap(), [0, 1, 0]);

        // The search goes on from the newest edge, and leaves out the way to the cycle.
        assert_eq!(cycle(4, &[(0, 1), (1, 0), (0, 2), (2, 3), (3, 2)]).unwrap(), [2, 3, 2]);
    }

    #[test]
    fn self_loops_and_empty_graphs() {
        assert_eq!((sorted(0, &[]).unwrap(), cycle(0, &[])), (vec![], None));
        assert_eq!((sorted(2, &[(1, 1)]), cycle(2, &[(0, 1), (1, 1)])), (None, Some(vec![1, 1])));
    }

    #[test]
    fn the_reverse_of_leaving_depth_first() {
        assert_eq!(sorted(5, &[(0, 4), (0, 4), (2, 3)]).unwrap(), [2, 3, 1, 0, 4]);
        assert_eq!(sorted(5, &[(3, 0), (4, 1), (0, 1)]).unwrap(), [4, 3, 2, 0, 1]);
    }

    #[test]
    fn long_chains_do_not_recurse() {
        let nodes = 200_000;
        let mut edges: Vec<(u32, u32)> = (1..nodes).map(|node| (node, node - 1)).collect();
        assert!(sorted(nodes as usize, &edges).unwrap().into_iter().eq((0..nodes).rev()));
        edges.push((0, nodes - 1));
        assert_eq!(cycle(nodes as usize, &edges).unwrap().len(), nodes as usize + 1);
    }

    #[test]
    fn a_cancelled_search_ends() {
        let topology = Topology::from_edges(2, &[(0, 1)]);
        assert_eq!(topological_sort(&topology, &cancelled()), Err(Cancelled));
        assert_eq!(find_cycle(&topology, &cancelled()), Err(Cancelled));
    }

    proptest! {
        #[test]
        fn an_order_or_a_cycle((nodes, edges) in graphs(9, 16)) {
            let reach = distances(nodes, &edges);
            let returns = |&(source, target): &(u32, u32)| reach[target as usize][source as usize].is_some();
            let cyclic = edges.iter().any(returns);
            let (order, cycle) = (sorted(nodes, &edges), cycle(nodes, &edges));
            prop_assert_eq!((order.is_none(), cycle.is_some()), (cyclic, cyclic));
            if let Some(cycle) = cycle {
                let inner = &cycle[1..];
                prop_assert_eq!(cycle[0], inner[inner.len() - 1]);
                prop_assert!(cycle.windows(2).all(|pair| edges.contains(&(pair[0], pair[1]))));
                prop_assert!((0..inner.len()).all(|place| !inner[..place].contains(&inner[place])));
            }
            if let Some(order) = order {
                let mut left: Vec<u32> = (0..nodes as u32).collect();
                for node in order {
                    let waits = edges.iter().any(|&(source, to)| to == node && left.contains(&source));
                    prop_assert!(!waits, "{node} comes before a source of its edges");
                    left.retain(|&other| other != node);
                }
                prop_assert!(left.is_empty());
            }
        }
    }
}
