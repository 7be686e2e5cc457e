//! Greedy graph colouring.

use super::{Cancel, Cancelled, Topology};

/// A colour for each node so that the two ends of an edge differ; self loops do not count. In insertion order every
/// node takes the least colour, from 0, that none of its neighbours has.
pub fn graph_colouring(topology: &Topology, cancel: &Cancel) -> Result<Vec<u32>, Cancelled> {
    topology.prepare_incoming(cancel)?;
    let mut colours = Vec::with_capacity(topology.nodes());
    // The last node, plus one, that found each colour with a neighbour.
    let mut taken: Vec<u32> = Vec::new();
    for node in 0..topology.nodes() as u32 {
        cancel.check()?;
        for &other in topology.out().of(node).iter().chain(topology.incoming().of(node)) {
            cancel.check()?;
            if let Some(&colour) = colours.get(other as usize) {
                taken[colour as usize] = node + 1;
            }
        }
        let free = taken.iter().position(|&by| by != node + 1);
        let colour = free.unwrap_or_else(|| {
            taken.push(0);
            taken.len() - 1
        });
        colours.push(colour as u32);
    }
    Ok(colours)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{cancelled, graphs};

    fn colours(nodes: usize, edges: &[(u32, u32)]) -> Vec<u32> {
        graph_colouring(&Topology::from_edges(nodes, edges), &Cancel::default()).unwrap()
    }

    #[test]
    fn recorded_answers() {
        assert_eq!((colours(0, &[]), colours(3, &[])), (vec![], vec![0, 0, 0]));
        assert_eq!(colours(3, &[(0, 1)]), [0, 1, 0]);
    }

    #[test]
    fn as_many_as_it_takes() {
        assert_eq!(colours(4, &[(0, 1), (1, 0), (2, 2), (2, 0), (1, 2), (3, 1), (3, 3)]), [0, 1, 2, 0]);
    }

    #[test]
    fn a_cancelled_colouring_ends() {
        assert_eq!(graph_colouring(&Topology::from_edges(1, &[]), &cancelled()), Err(Cancelled));
    }

    proptest! {
        #[test]
        fn proper_and_greedy((nodes, edges) in graphs(10, 40)) {
            let colours = colours(nodes, &edges);
            prop_assert_eq!(colours.len(), nodes);
            let of = |node: u32| colours[node as usize];
            prop_assert!(edges.iter().all(|&(one, other)| one == other || of(one) != of(other)));
            for node in 0..nodes as u32 {
                let near = edges.iter().flat_map(|&(one, other)| [(one, other), (other, one)]);
                let mut lower = near.filter(|&(one, other)| one == node && other < node);
                let mut has = |colour| lower.clone().any(|(_, other)| of(other) == colour);
                prop_assert!((0..of(node)).all(&mut has));
                prop_assert!(lower.all(|(_, other)| of(other) != of(node)));
            }
        }
    }
}
