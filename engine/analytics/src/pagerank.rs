//! PageRank, from everywhere or from chosen nodes.

use rayon::prelude::*;

use super::{Cancel, Cancelled, Topology};

/// Nodes handled by one thread at a time.
const RANGE: usize = 1 << 13;

/// Where a walk that is not continued starts again.
#[derive(Debug, Clone, PartialEq)]
pub enum Teleport {
    /// At every node alike.
    Uniform,
    /// At each node with its probability. They add up to less than 1 when a part goes nowhere.
    Weights(Vec<f64>),
}

impl Teleport {
    /// In proportion to the weights of seeds; one that is no node (`None`) takes its part with it, one listed twice
    /// counts twice. Uniform when the weights do not add up to a positive number.
    pub fn to_seeds(nodes: usize, seeds: &[(Option<u32>, f64)]) -> Self {
        let total: f64 = seeds.iter().map(|(_, weight)| weight).sum();
        if !(total > 0.0 && total.is_finite()) {
            return Self::Uniform;
        }
        let mut weights = vec![0.0; nodes];
        for &(node, weight) in seeds {
            if let Some(node) = node {
                weights[node as usize] += weight;
            }
        }
        weights.iter_mut().for_each(|weight| *weight /= total);
        Self::Weights(weights)
    }
}

/// The ranks after `iterations` rounds from 1/n each. In a round a node keeps `damping` of the ranks of its
/// predecessors, each divided by its number of edges, and gets the rest from `teleport`. Ranks of nodes without
/// outgoing edges are dropped, so the sum falls below 1. The same bits whatever the number of threads.
pub fn pagerank(
    topology: &Topology,
    damping: f64,
    iterations: u64,
    teleport: &Teleport,
    cancel: &Cancel,
) -> Result<Vec<f64>, Cancelled> {
    topology.prepare_incoming(cancel)?;
    let nodes = topology.nodes();
    let mut ranks = vec![1.0 / nodes as f64; nodes];
    // What each node gives along each of its edges; nobody asks those without any.
    let mut given = vec![0.0; nodes];
    for _ in 0..iterations {
        given.par_chunks_mut(RANGE).zip(ranks.par_chunks(RANGE)).enumerate().try_for_each(
            |(range, (given, ranks))| {
                cancel.check()?;
                for ((node, given), rank) in (first(range)..).zip(given).zip(ranks) {
                    *given = rank / f64::from(topology.out().degree(node));
                }
                Ok(())
            },
        )?;
        let round = Round { topology, damping, teleport, given: &given, cancel };
        let changed = ranks
            .par_chunks_mut(RANGE)
            .enumerate()
            .map(|(range, ranks)| round.update(first(range), ranks))
            .try_reduce(|| false, |one, other| Ok(one | other))?;
        if !changed {
            // Nor would any round to come.
            break;
        }
    }
    Ok(ranks)
}

/// The first node of a range.
fn first(range: usize) -> u32 {
    (range * RANGE) as u32
}

struct Round<'a> {
    topology: &'a Topology,
    damping: f64,
    teleport: &'a Teleport,
    given: &'a [f64],
    cancel: &'a Cancel,
}

impl Round<'_> {
    /// Computes the ranks of the nodes from `first` on; true when one is new.
    fn update(&self, first: u32, ranks: &mut [f64]) -> Result<bool, Cancelled> {
        let mut changed = false;
        let left = 1.0 - self.damping;
        let everywhere = left / self.given.len() as f64;
        for (node, rank) in (first..).zip(ranks) {
            self.cancel.check()?;
            let mut sum = 0.0;
            for sources in self.topology.incoming().of(node).chunks(RANGE) {
                self.cancel.check()?;
                for &source in sources {
                    sum += self.given[source as usize];
                }
            }
            let start = match self.teleport {
                Teleport::Uniform => everywhere,
                Teleport::Weights(weights) => left * weights[node as usize],
            };
            let new = start + self.damping * sum;
            changed |= new.to_bits() != rank.to_bits();
            *rank = new;
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Graph, cancelled, graphs};

    const RECORDED: (usize, &[(u32, u32)]) = (5, &[(0, 1), (1, 2), (2, 3), (0, 3), (4, 1)]);

    fn rank(
        (nodes, edges): (usize, &[(u32, u32)]),
        damping: f64,
        iterations: u64,
        teleport: &Teleport,
    ) -> Vec<f64> {
        let topology = Topology::from_edges(nodes, edges);
        pagerank(&topology, damping, iterations, teleport, &Cancel::default()).unwrap()
    }

    fn close(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len()
            && found.iter().zip(expected).all(|(one, other)| (one - other).abs() <= 1e-12)
    }

    fn by_the_book((nodes, edges): &Graph, damping: f64, iterations: u64, start: &[f64]) -> Vec<f64> {
        let mut ranks = vec![1.0 / *nodes as f64; *nodes];
        for _ in 0..iterations {
            let mut next: Vec<f64> = start.iter().map(|start| (1.0 - damping) * start).collect();
            for &(source, target) in edges {
                let degree = edges.iter().filter(|(other, _)| *other == source).count();
                next[target as usize] += damping * ranks[source as usize] / degree as f64;
            }
            ranks = next;
        }
        ranks
    }

    #[test]
    fn recorded_ranks() {
        let uniform = |damping, iterations| rank(RECORDED, damping, iterations, &Teleport::Uniform);
        assert!(close(&uniform(0.85, 0), &[0.2; 5]));
        assert!(close(&uniform(0.85, 1), &[0.03, 0.285, 0.2, 0.285, 0.03]));
        assert!(close(&uniform(0.85, 2), &[0.03, 0.06825, 0.27225, 0.21275, 0.03]));
        assert!(close(&uniform(0.85, 100), &[0.03, 0.06825, 0.0880125, 0.117560625, 0.03]));
        assert!(close(&uniform(0.5, 3), &[0.1, 0.175, 0.1875, 0.2375, 0.1]));
        assert!(close(&uniform(0.0, 3), &[0.2; 5]));
        let parallel: (usize, &[_]) = (3, &[(0, 1), (0, 1), (0, 2), (1, 0), (2, 2)]);
        let expected = [0.17845659345392878, 0.1511254040634456, 0.6704180024826262];
        assert!(close(&rank(parallel, 0.85, 50, &Teleport::Uniform), &expected));
        assert!(close(&rank((1, &[]), 0.85, 10, &Teleport::Uniform), &[0.15]));
        assert!(rank((0, &[]), 0.85, 20, &Teleport::Uniform).is_empty());
    }

    #[test]
    fn recorded_personal_ranks() {
        let personal =
            |seeds: &[_], iterations| rank(RECORDED, 0.85, iterations, &Teleport::to_seeds(5, seeds));
        assert!(close(&personal(&[(Some(0), 1.0)], 0), &[0.2; 5]));
        assert!(close(&personal(&[(Some(0), 1.0)], 1), &[0.15, 0.255, 0.17, 0.255, 0.0]));
        assert!(close(&personal(&[(Some(0), 1.0)], 100), &[0.15, 0.06375, 0.0541875, 0.109809375, 0.0]));
        let two = personal(&[(Some(0), 2.0), (Some(1), 6.0)], 1);
        assert!(close(&two, &[0.0375, 0.3675, 0.17, 0.255, 0.0]));
        let uniform = [0.03, 0.285, 0.2, 0.285, 0.03];
        assert!(close(&personal(&[], 1), &uniform) && close(&personal(&[(Some(0), 0.0)], 1), &uniform));
        assert!(close(&personal(&[(None, 1.0)], 1), &[0.0, 0.255, 0.17, 0.255, 0.0]));
    }

    #[test]
    fn seeds_add_up() {
        let seeds = [(Some(1), 1.0), (None, 3.0), (Some(0), 1.0), (Some(1), 3.0)];
        assert_eq!(Teleport::to_seeds(3, &seeds), Teleport::Weights(vec![0.125, 0.5, 0.0]));
        for odd in [-1.0, f64::NAN, f64::INFINITY, f64::MAX] {
            let seeds = [(Some(0), odd), (Some(1), odd)];
            assert_eq!(Teleport::to_seeds(2, &seeds), Teleport::Uniform);
        }
        assert_eq!(Teleport::to_seeds(0, &[(None, 1.0)]), Teleport::Weights(vec![]));
    }

    #[test]
    fn settled_ranks_need_no_more_rounds() {
        assert_eq!(
            rank(RECORDED, 0.85, u64::MAX, &Teleport::Uniform),
            rank(RECORDED, 0.85, 20, &Teleport::Uniform)
        );
    }

    #[test]
    fn the_same_bits_with_any_number_of_threads() {
        let nodes = 5 * RANGE as u32 + 3;
        let spread = (0..nodes).map(|node| (node, (node * 31 + 7) % nodes));
        let edges: Vec<_> = spread.chain((0..nodes).map(|node| (node, node % 10))).collect();
        let topology = Topology::from_edges(nodes as usize, &edges);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| pagerank(&topology, 0.85, 7, &Teleport::Uniform, &Cancel::default())).unwrap()
        };
        assert!(with(1) == with(2) && with(1) == with(7));
        let book = with(1).iter().sum::<f64>();
        assert!((book - 1.0).abs() < 1e-9, "no node is without edges, so nothing is dropped: {book}");
    }

    #[test]
    fn a_cancelled_computation_ends() {
        let topology = Topology::from_edges(1, &[(0, 0)]);
        assert_eq!(pagerank(&topology, 0.85, 1, &Teleport::Uniform, &cancelled()), Err(Cancelled));
    }

    proptest! {
        #[test]
        fn as_by_the_book(
            graph in graphs(8, 20), damping in -0.5..1.5, iterations in 0_u64..12, seed in 0_u32..8,
        ) {
            let (nodes, edges) = &graph;
            let uniform = rank((*nodes, edges), damping, iterations, &Teleport::Uniform);
            let start = vec![1.0 / *nodes as f64; *nodes];
            prop_assert!(close(&uniform, &by_the_book(&graph, damping, iterations, &start)));
            let seed = (seed < *nodes as u32).then_some(seed);
            let teleport = Teleport::to_seeds(*nodes, &[(seed, 2.0), (None, 1.0)]);
            let Teleport::Weights(start) = &teleport else { panic!("{teleport:?}") };
            let personal = rank((*nodes, edges), damping, iterations, &teleport);
            prop_assert!(close(&personal, &by_the_book(&graph, damping, iterations, start)));
        }
    }
}
