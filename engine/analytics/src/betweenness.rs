//! Betweenness centrality by Brandes' algorithm.

use std::{
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
};

use rayon::prelude::*;

use super::{Cancel, Cancelled, Topology};

/// With fewer steps than this in all, threads cost more than they save.
const WORTH_SHARING: usize = 1 << 17;
/// When a node has more paths, the level it is in is scaled down so that the largest count is 1.
const MANY_PATHS: f64 = 1e200;
/// Counts do not fall below this by scaling.
const FEW_PATHS: f64 = 1e-250;

/// How often each node lies between others: the share of shortest paths that go through it, over all ordered pairs of
/// other nodes, divided by (n-1)(n-2). Parallel edges make separate paths. 0 with fewer than three nodes.
///
/// Sources are spread over the threads of the rayon pool; each holds one set of counters. Answers of two runs can
/// differ in the last digits, by the order of additions.
pub fn betweenness(topology: &Topology, cancel: &Cancel) -> Result<Vec<f64>, Cancelled> {
    let nodes = topology.nodes();
    if nodes < 3 {
        return Ok(vec![0.0; nodes]);
    }
    let steps = nodes.saturating_mul(nodes + topology.edges());
    let workers = if steps < WORTH_SHARING { 1 } else { rayon::current_num_threads().min(nodes) };
    let source = AtomicU32::new(0);
    let mut parts = (0..workers)
        .into_par_iter()
        .map(|_| {
            let mut search = Search::new(topology, cancel)?;
            loop {
                let next = source.fetch_add(1, Ordering::Relaxed);
                if next as usize >= nodes {
                    break Ok(search.between);
                }
                search.add(next)?;
            }
        })
        .collect::<Result<Vec<_>, _>>()?
        .into_iter();
    let mut between = parts.next().unwrap_or_default();
    for part in parts {
        cancel.check()?;
        between.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    let pairs = (nodes - 1) as f64 * (nodes - 2) as f64;
    between.iter_mut().for_each(|value| *value /= pairs);
    Ok(between)
}

/// What one thread needs for one source after the other.
struct Search<'a> {
    topology: &'a Topology,
    cancel: &'a Cancel,
    visits: Vec<Visit>,
    /// Reached nodes, nearest first. Empty between two sources.
    order: Vec<u32>,
    levels: Vec<Level>,
    /// The sums of all sources so far.
    between: Vec<f64>,
}

/// A node in the search from one source.
#[derive(Clone, Copy, Default)]
struct Visit {
    /// Edges from the source plus one; 0 when not reached yet.
    distance: u32,
    /// Number of shortest paths from the source, in the measure of the level.
    paths: f64,
    /// What a path through this node brings, per path.
    share: f64,
}

/// The nodes at one distance.
struct Level {
    places: Range<usize>,
    /// One path to this level counts as so many for the next.
    scale: f64,
}

impl Level {
    /// What so many paths to a node of this level count in the next.
    fn scaled(&self, paths: f64) -> f64 {
        (paths * self.scale).max(FEW_PATHS)
    }
}

impl<'a> Search<'a> {
    fn new(topology: &'a Topology, cancel: &'a Cancel) -> Result<Self, Cancelled> {
        let nodes = topology.nodes();
        let mut visits = Vec::with_capacity(nodes);
        for _ in 0..nodes {
            cancel.check()?;
            visits.push(Visit::default());
        }
        let between = vec![0.0; nodes];
        Ok(Self { topology, cancel, visits, order: Vec::new(), levels: Vec::new(), between })
    }

    /// Adds what the shortest paths from one source bring.
    fn add(&mut self, source: u32) -> Result<(), Cancelled> {
        self.count_paths(source)?;
        for level in self.levels.drain(..).rev() {
            for &node in &self.order[level.places.clone()] {
                self.cancel.check()?;
                let Visit { distance, paths, .. } = self.visits[node as usize];
                let mut share = 0.0;
                for &target in self.topology.out().of(node) {
                    self.cancel.check()?;
                    let next = &self.visits[target as usize];
                    if next.distance == distance + 1 {
                        share += next.share;
                    }
                }
                let dependency = level.scaled(paths) * share;
                self.visits[node as usize].share = (1.0 + dependency) / paths;
                if node != source {
                    self.between[node as usize] += dependency;
                }
            }
        }
        for node in self.order.drain(..) {
            self.cancel.check()?;
            self.visits[node as usize] = Visit::default();
        }
        Ok(())
    }

    /// Searches breadth first and counts the shortest paths to every node.
    fn count_paths(&mut self, source: u32) -> Result<(), Cancelled> {
        self.visits[source as usize] = Visit { distance: 1, paths: 1.0, share: 0.0 };
        self.order.push(source);
        let mut level = Level { places: 0..1, scale: 1.0 };
        while !level.places.is_empty() {
            let mut most = 0.0_f64;
            for place in level.places.clone() {
                self.cancel.check()?;
                let node = self.order[place];
                let Visit { distance, paths, .. } = self.visits[node as usize];
                let paths = level.scaled(paths);
                for &target in self.topology.out().of(node) {
                    self.cancel.check()?;
                    let next = &mut self.visits[target as usize];
                    if next.distance == 0 {
                        next.distance = distance + 1;
                        self.order.push(target);
                    }
                    if next.distance == distance + 1 {
                        next.paths += paths;
                        most = most.max(next.paths);
                    }
                }
            }
            let scale = if most > MANY_PATHS { most.recip() } else { 1.0 };
            let next = Level { places: level.places.end..self.order.len(), scale };
            self.levels.push(std::mem::replace(&mut level, next));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Graph, cancelled, distances, graphs};

    fn between(nodes: usize, edges: &[(u32, u32)]) -> Vec<f64> {
        betweenness(&Topology::from_edges(nodes, edges), &Cancel::default()).unwrap()
    }

    fn close(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len()
            && found.iter().zip(expected).all(|(one, other)| (one - other).abs() <= 1e-12 * other.max(1.0))
    }

    /// By the definition: counts of shortest paths to and from every node between.
    fn by_the_book((nodes, edges): &Graph) -> Vec<f64> {
        let hops = distances(*nodes, edges);
        let paths = |from: usize, to: usize| -> f64 {
            let Some(far) = hops[from][to] else { return 0.0 };
            // Walks of that many edges; a walk as short as possible is a path.
            let mut walks = vec![0.0; *nodes];
            walks[from] = 1.0;
            for _ in 0..far {
                let mut longer = vec![0.0; *nodes];
                edges.iter().for_each(|&(source, target)| longer[target as usize] += walks[source as usize]);
                walks = longer;
            }
            walks[to]
        };
        let ends =
            || (0..nodes * nodes).map(|pair| (pair / nodes, pair % nodes)).filter(|(from, to)| from != to);
        let through = |node: usize| -> f64 {
            let others = ends().filter(|&(from, to)| from != node && to != node && hops[from][to].is_some());
            let on_the_way = others.filter(|&(from, to)| match (hops[from][node], hops[node][to]) {
                (Some(first), Some(second)) => Some(first + second) == hops[from][to],
                _ => false,
            });
            on_the_way.map(|(from, to)| paths(from, node) * paths(node, to) / paths(from, to)).sum()
        };
        let pairs = if *nodes < 3 { 1.0 } else { ((nodes - 1) * (nodes - 2)) as f64 };
        (0..*nodes).map(|node| through(node) / pairs).collect()
    }

    #[test]
    fn recorded_answers() {
        let mut edges = vec![(0, 1), (1, 2), (2, 3), (0, 3), (4, 1)];
        assert!(close(&between(5, &edges), &[0.0, 0.25, 1.0 / 6.0, 0.0, 0.0]));
        edges.extend([(3, 4), (1, 2)]);
        assert!(close(&between(5, &edges), &[0.0, 1.0 / 3.0, 0.25, 1.0 / 3.0, 0.25]));
        assert_eq!((between(0, &[]), between(2, &[(0, 1)])), (vec![], vec![0.0, 0.0]));
    }

    #[test]
    fn more_paths_than_a_float_can_count() {
        // Two chains from node 0. Every step of one doubles the paths, so that there are 2^2000 and 1 in the end.
        let length = 2_000_u32;
        let before = |node| if node == length + 1 { 0 } else { node - 1 };
        let double = (1..=length).flat_map(|node| [(before(node), node); 2]);
        let edges: Vec<_> =
            double.chain((length + 1..=2 * length).map(|node| (before(node), node))).collect();
        let pairs = f64::from(2 * length) * f64::from(2 * length - 1);
        let along = (1..=length).map(|node| f64::from(node) * f64::from(length - node) / pairs);
        let expected: Vec<_> = std::iter::once(0.0).chain(along.clone()).chain(along).collect();
        assert!(close(&between(expected.len(), &edges), &expected));
    }

    #[test]
    fn the_same_with_any_number_of_threads() {
        let nodes = 600;
        let mut edges: Vec<_> = (0..nodes).map(|node| (node, node * node % nodes)).collect();
        edges.extend((0..nodes).map(|node| (node, (7 * node + 3) % nodes)));
        assert!((nodes * nodes) as usize > WORTH_SHARING);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| between(nodes as usize, &edges))
        };
        let alone = with(1);
        assert!(alone.iter().any(|&value| value > 0.0));
        assert!([2, 3, 8].into_iter().all(|threads| close(&with(threads), &alone)));
    }

    #[test]
    fn a_cancelled_search_ends() {
        let topology = Topology::from_edges(3, &[(0, 1)]);
        assert_eq!(betweenness(&topology, &cancelled()), Err(Cancelled));
    }

    proptest! {
        #[test]
        fn as_by_the_book(graph in graphs(7, 20)) {
            let (found, expected) = (between(graph.0, &graph.1), by_the_book(&graph));
            prop_assert!(close(&found, &expected), "{found:?} instead of {expected:?}");
        }
    }
}
