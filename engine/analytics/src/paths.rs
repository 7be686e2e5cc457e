//! Breadth-first searches along the outgoing edges.

use super::{Cancel, Cancelled, Topology};

/// A path of fewest edges from `source` to `target`, both included; `None` when there is none. Of several the one that
/// a breadth-first search over the newest edges first comes upon. A node reaches itself: `[source]`.
pub fn shortest_path(
    topology: &Topology,
    source: u32,
    target: u32,
    cancel: &Cancel,
) -> Result<Option<Vec<u32>>, Cancelled> {
    // The node before each one on the way, plus one. Zeroed pages cost nothing until the search comes there.
    let mut before = vec![0_u32; topology.nodes()];
    before[source as usize] = source + 1;
    let mut queue = vec![source];
    let mut head = 0;
    while before[target as usize] == 0 {
        cancel.check()?;
        let Some(&node) = queue.get(head) else { return Ok(None) };
        head += 1;
        for &next in topology.out().of(node) {
            cancel.check()?;
            if before[next as usize] == 0 {
                before[next as usize] = node + 1;
                queue.push(next);
            }
        }
    }
    let mut path = vec![target];
    let mut node = target;
    while node != source {
        cancel.check()?;
        node = before[node as usize] - 1;
        path.push(node);
    }
    path.reverse();
    Ok(Some(path))
}

/// The nodes that at most `max_depth` edges lead to from `start`, nearest first, newest edges first. Not `start` itself.
pub fn blast_radius(
    topology: &Topology,
    start: u32,
    max_depth: u64,
    cancel: &Cancel,
) -> Result<Vec<u32>, Cancelled> {
    let mut reached = vec![false; topology.nodes()];
    reached[start as usize] = true;
    let mut found = vec![start];
    let mut level = 0..1;
    for _ in 0..max_depth {
        if level.is_empty() {
            break;
        }
        for place in level.clone() {
            cancel.check()?;
            for &next in topology.out().of(found[place]) {
                cancel.check()?;
                if !std::mem::replace(&mut reached[next as usize], true) {
                    found.push(next);
                }
            }
        }
        level = level.end..found.len();
    }
    found.remove(0);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{cancelled, distances, graphs};

    fn path(topology: &Topology, source: u32, target: u32) -> Option<Vec<u32>> {
        shortest_path(topology, source, target, &Cancel::default()).unwrap()
    }

    fn radius(topology: &Topology, start: u32, max_depth: u64) -> Vec<u32> {
        blast_radius(topology, start, max_depth, &Cancel::default()).unwrap()
    }

    #[test]
    fn recorded_paths() {
        let topology = Topology::from_edges(6, &[(0, 1), (1, 2), (2, 3), (0, 3)]);
        assert_eq!(path(&topology, 0, 3).unwrap(), [0, 3]);
        assert_eq!(path(&topology, 0, 2).unwrap(), [0, 1, 2]);
        assert_eq!(path(&topology, 1, 3).unwrap(), [1, 2, 3]);
        assert_eq!((path(&topology, 3, 0), path(&topology, 0, 5)), (None, None));
        assert_eq!(path(&topology, 5, 5).unwrap(), [5]);
    }

    #[test]
    fn the_newest_edge_wins_a_tie() {
        let topology = Topology::from_edges(5, &[(0, 1), (0, 2), (0, 3), (1, 4), (3, 4), (2, 4)]);
        assert_eq!(path(&topology, 0, 4).unwrap(), [0, 3, 4]);
        assert_eq!(radius(&topology, 0, 2), [3, 2, 1, 4]);
    }

    #[test]
    fn recorded_radii() {
        let topology = Topology::from_edges(6, &[(0, 1), (1, 2), (2, 3), (4, 0), (3, 0)]);
        let found: Vec<_> = [0, 1, 2, 3, 99, u64::MAX].map(|depth| radius(&topology, 0, depth)).into();
        assert_eq!(found, [vec![], vec![1], vec![1, 2], vec![1, 2, 3], vec![1, 2, 3], vec![1, 2, 3]]);
        assert_eq!((radius(&topology, 5, 9), radius(&topology, 4, 2)), (vec![], vec![0, 1]));
    }

    #[test]
    fn a_cancelled_search_ends() {
        let topology = Topology::from_edges(2, &[(0, 1)]);
        assert_eq!(shortest_path(&topology, 0, 1, &cancelled()), Err(Cancelled));
        assert_eq!(blast_radius(&topology, 0, 1, &cancelled()), Err(Cancelled));
    }

    proptest! {
        #[test]
        fn as_far_as_it_is((nodes, edges) in graphs(9, 20), depth in 0_u64..6) {
            let (topology, hops) = (Topology::from_edges(nodes, &edges), distances(nodes, &edges));
            for source in 0..nodes as u32 {
                for target in 0..nodes as u32 {
                    let far = hops[source as usize][target as usize];
                    let path = path(&topology, source, target);
                    prop_assert_eq!(path.as_ref().map(|path| path.len() as u64 - 1), far);
                    if let Some(path) = path {
                        prop_assert_eq!((path[0], path[path.len() - 1]), (source, target));
                        prop_assert!(path.windows(2).all(|pair| edges.contains(&(pair[0], pair[1]))));
                    }
                }
                let far = |node: u32| hops[source as usize][node as usize];
                let found = radius(&topology, source, depth);
                prop_assert!(found.is_sorted_by_key(|&node| far(node)));
                let mut ascending = found;
                ascending.sort_unstable();
                let near = |&node: &u32| node != source && far(node).is_some_and(|far| far <= depth);
                prop_assert_eq!(ascending, (0..nodes as u32).filter(near).collect::<Vec<_>>());
            }
        }
    }
}
