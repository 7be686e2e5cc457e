//! Minimum spanning forest.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use rayon::prelude::*;

use super::{Cancel, Cancelled, union_find::UnionFind};

/// Edges sorted at a time: about a millisecond.
const RUN: usize = 1 << 14;

/// The places in `edges` of a spanning forest of least weight, lightest first, earlier ones first among equals.
/// Directions do not count, self loops are never chosen. Weights are to be finite.
pub fn spanning_forest(
    nodes: usize,
    edges: &[(u32, u32, f64)],
    cancel: &Cancel,
) -> Result<Vec<usize>, Cancelled> {
    // Kruskal's algorithm. Short runs are sorted and merged while edges are taken, so that it can end at any time,
    // and ends early when the forest is one tree.
    let mut order = Vec::with_capacity(edges.len());
    for (place, &(_, _, weight)) in edges.iter().enumerate() {
        cancel.check()?;
        order.push((rank(weight), place));
    }
    order.par_chunks_mut(RUN).try_for_each(|run| {
        cancel.check()?;
        run.sort_unstable();
        Ok(())
    })?;
    let mut heads: BinaryHeap<_> =
        (0..order.len()).step_by(RUN).map(|head| Reverse((order[head], head))).collect();
    let mut sets = UnionFind::new(nodes);
    let mut forest = Vec::new();
    while forest.len() + 1 < nodes
        && let Some(mut least) = heads.peek_mut()
    {
        cancel.check()?;
        let Reverse(((_, place), head)) = *least;
        let next = head + 1;
        if next % RUN == 0 || next == order.len() {
            PeekMut::pop(least);
        } else {
            *least = Reverse((order[next], next));
        }
        let (source, target, _) = edges[place];
        if sets.union(source, target) {
            forest.push(place);
        }
    }
    Ok(forest)
}

/// Orders like the number, 0 and -0 alike.
fn rank(weight: f64) -> i64 {
    let bits = (weight + 0.0).to_bits().cast_signed();
    // Negative numbers ascend with falling bits; this is what `f64::total_cmp` does.
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{cancelled, graphs};

    fn forest(nodes: usize, edges: &[(u32, u32, f64)]) -> Vec<usize> {
        spanning_forest(nodes, edges, &Cancel::default()).unwrap()
    }

    /// Kruskal as in the books.
    fn by_the_book(nodes: usize, edges: &[(u32, u32, f64)]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..edges.len()).collect();
        order.sort_by(|&one, &other| edges[one].2.partial_cmp(&edges[other].2).unwrap());
        let mut trees: Vec<usize> = (0..nodes).collect();
        order.retain(|&place| {
            let (one, other) = (trees[edges[place].0 as usize], trees[edges[place].1 as usize]);
            trees.iter_mut().filter(|tree| **tree == one).for_each(|tree| *tree = other);
            one != other
        });
        order
    }

    #[test]
    fn recorded_answers() {
        assert_eq!(forest(4, &[(0, 1, 1.0), (2, 1, 1.0), (0, 0, 1.0)]), [0, 1]);
        assert_eq!((forest(0, &[]), forest(1, &[(0, 0, 1.0)])), (vec![], vec![]));
    }

    #[test]
    fn lightest_first_then_earliest() {
        let edges = [(0, 1, 2.0), (0, 1, -1.5), (1, 0, -1.5), (1, 2, 0.0), (2, 0, -0.0), (3, 3, -9.0)];
        assert_eq!(forest(4, &edges), [1, 3]);
        let ascending = [f64::MIN, -2.0, -1.0, -1e-300, -0.0, 1e-300, 1.0, 2.0, f64::MAX];
        assert!(ascending.map(rank).is_sorted_by(|one, other| one < other) && rank(0.0) == rank(-0.0));
    }

    #[test]
    fn many_runs_are_one_order() {
        let (nodes, mut state) = (2_000, 1_u64);
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut edge = || (random(nodes) as u32, random(nodes) as u32, random(50) as f64 - 20.0);
        let edges: Vec<_> = (0..3 * RUN + 7).map(|_| edge()).collect();
        assert_eq!(forest(nodes as usize, &edges), by_the_book(nodes as usize, &edges));
        assert_eq!(forest(nodes as usize, &edges[..RUN]), by_the_book(nodes as usize, &edges[..RUN]));
    }

    #[test]
    fn a_cancelled_search_ends() {
        assert_eq!(spanning_forest(2, &[(0, 1, 1.0)], &cancelled()), Err(Cancelled));
    }

    proptest! {
        #[test]
        fn as_by_the_book((nodes, edges) in graphs(9, 20), weights in prop::collection::vec(-2_i8..3, 20)) {
            let ends = edges.iter().zip(weights);
            let weighted = ends.map(|(&(one, other), weight)| (one, other, f64::from(weight)));
            let weighted: Vec<_> = weighted.collect();
            prop_assert_eq!(forest(nodes, &weighted), by_the_book(nodes, &weighted));
        }
    }
}
