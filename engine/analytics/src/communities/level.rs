//! One round of Louvain's method: nodes choose communities, communities become nodes.

use std::mem;

use crate::{Cancel, Cancelled, Topology};

/// Rounding could let nodes change places for ever; a pass after this many gains next to nothing.
const MAX_PASSES: usize = 64;

/// An undirected weighted graph. What is inside a node shows in its degree only.
pub(super) struct Level {
    offsets: Vec<usize>,
    /// Far ends with weights, both ways round; an end may be listed more than once.
    neighbors: Vec<(u32, f64)>,
    /// Weights at a node, inner ones twice. Whole numbers where each edge counts as one.
    degrees: Vec<f64>,
    /// The sum of all degrees.
    total_degree: f64,
}

/// Communities of the nodes of a level, numbered from 0 by their first members.
pub(super) struct Partition {
    pub(super) of: Vec<u32>,
    pub(super) count: usize,
}

/// Weights by community, emptied in time of what was added.
struct Tally {
    weights: Vec<f64>,
    touched: Vec<u32>,
}

impl Level {
    /// A topology with every edge of weight one.
    pub(super) fn of(topology: &Topology, cancel: &Cancel) -> Result<Self, Cancelled> {
        let nodes = topology.nodes();
        let mut offsets = Vec::with_capacity(nodes + 1);
        let mut neighbors = Vec::with_capacity(2 * topology.edges());
        let mut degrees = Vec::with_capacity(nodes);
        offsets.push(0);
        for node in 0..nodes as u32 {
            cancel.check()?;
            let (out, incoming) = (topology.out().of(node), topology.incoming().of(node));
            neighbors.extend(out.iter().chain(incoming).filter(|&&far| far != node).map(|&far| (far, 1.0)));
            offsets.push(neighbors.len());
            degrees.push((out.len() + incoming.len()) as f64);
        }
        Ok(Self { offsets, neighbors, degrees, total_degree: 2.0 * topology.edges() as f64 })
    }

    /// Edges with weights that are not negative.
    pub(super) fn weighted(
        nodes: usize,
        edges: &[(u32, u32, f64)],
        cancel: &Cancel,
    ) -> Result<Self, Cancelled> {
        let mut by_node: Vec<Vec<(u32, f64)>> = vec![Vec::new(); nodes];
        let mut degrees = vec![0.0; nodes];
        for &(source, target, weight) in edges.iter().filter(|(_, _, weight)| *weight > 0.0) {
            cancel.check()?;
            degrees[source as usize] += weight;
            degrees[target as usize] += weight;
            if source != target {
                by_node[source as usize].push((target, weight));
                by_node[target as usize].push((source, weight));
            }
        }
        let mut offsets = vec![0];
        let mut neighbors = Vec::with_capacity(2 * edges.len());
        for node in by_node {
            neighbors.extend(node);
            offsets.push(neighbors.len());
        }
        let total_degree = degrees.iter().sum();
        Ok(Self { offsets, neighbors, degrees, total_degree })
    }

    pub(super) fn nodes(&self) -> usize {
        self.degrees.len()
    }

    fn neighbors(&self, node: u32) -> &[(u32, f64)] {
        &self.neighbors[self.offsets[node as usize]..self.offsets[node as usize + 1]]
    }

    /// Moves single nodes until none gains by joining a neighbour's community.
    pub(super) fn partition(&self, resolution: f64, cancel: &Cancel) -> Result<Partition, Cancelled> {
        let nodes = self.nodes();
        let mut of: Vec<u32> = (0..nodes as u32).collect();
        let mut totals = self.degrees.clone();
        let mut waiting = vec![true; nodes];
        let mut tally = Tally::new(nodes);
        for _ in 0..MAX_PASSES {
            let mut moved = false;
            for node in 0..nodes as u32 {
                if !mem::take(&mut waiting[node as usize]) {
                    continue;
                }
                cancel.check()?;
                let (own, degree) = (of[node as usize], self.degrees[node as usize]);
                for &(far, weight) in self.neighbors(node) {
                    tally.add(of[far as usize], weight);
                }
                totals[own as usize] -= degree;
                let best = self.best(own, resolution * degree, &tally, &totals);
                totals[best as usize] += degree;
                tally.clear();
                if best != own {
                    moved = true;
                    of[node as usize] = best;
                    for &(far, _) in self.neighbors(node) {
                        waiting[far as usize] |= of[far as usize] != best;
                    }
                }
            }
            if !moved {
                break;
            }
        }
        Ok(Partition::numbered(of))
    }

    /// The community that a node taken out of `own` gains most by joining, the lowest of equals; `own` unless another
    /// is better than that and than being alone.
    fn best(&self, own: u32, scaled_degree: f64, tally: &Tally, totals: &[f64]) -> u32 {
        // Times the total degree, so that whole numbers stay whole at resolution 1.
        let gain = |community: u32| {
            let weight = tally.weights[community as usize];
            weight * self.total_degree - scaled_degree * totals[community as usize]
        };
        let (mut best, mut highest) = (own, gain(own).max(0.0));
        for &community in &tally.touched {
            let gain = gain(community);
            if gain > highest || (gain == highest && best != own && community < best) {
                (best, highest) = (community, gain);
            }
        }
        best
    }

    /// The graph whose nodes are the communities.
    pub(super) fn merge(&self, partition: &Partition, cancel: &Cancel) -> Result<Self, Cancelled> {
        let Partition { of, count } = partition;
        let (starts, members) = partition.members();
        let mut merged = Self {
            offsets: Vec::with_capacity(count + 1),
            neighbors: Vec::new(),
            degrees: vec![0.0; *count],
            total_degree: self.total_degree,
        };
        merged.offsets.push(0);
        let mut tally = Tally::new(*count);
        for community in 0..*count {
            cancel.check()?;
            for &member in &members[starts[community]..starts[community + 1]] {
                merged.degrees[community] += self.degrees[member as usize];
                for &(far, weight) in self.neighbors(member) {
                    if of[far as usize] as usize != community {
                        tally.add(of[far as usize], weight);
                    }
                }
            }
            let weights = &tally.weights;
            merged.neighbors.extend(tally.touched.iter().map(|&far| (far, weights[far as usize])));
            merged.offsets.push(merged.neighbors.len());
            tally.clear();
        }
        Ok(merged)
    }
}

impl Partition {
    fn numbered(mut of: Vec<u32>) -> Self {
        let mut numbers = vec![u32::MAX; of.len()];
        let mut count = 0;
        for community in &mut of {
            let number = &mut numbers[*community as usize];
            if *number == u32::MAX {
                *number = count;
                count += 1;
            }
            *community = *number;
        }
        Self { of, count: count as usize }
    }

    /// Where each community's members start, and all members by community, ascending.
    fn members(&self) -> (Vec<usize>, Vec<u32>) {
        let mut starts = vec![0; self.count + 1];
        for &community in &self.of {
            starts[community as usize + 1] += 1;
        }
        for community in 0..self.count {
            starts[community + 1] += starts[community];
        }
        let mut next = starts.clone();
        let mut members = vec![0; self.of.len()];
        for (node, &community) in (0..).zip(&self.of) {
            let place = &mut next[community as usize];
            members[*place] = node;
            *place += 1;
        }
        (starts, members)
    }
}

impl Tally {
    fn new(communities: usize) -> Self {
        Self { weights: vec![0.0; communities], touched: Vec::new() }
    }

    /// The weight is above 0.
    fn add(&mut self, community: u32, weight: f64) {
        let sum = &mut self.weights[community as usize];
        if *sum == 0.0 {
            self.touched.push(community);
        }
        *sum += weight;
    }

    fn clear(&mut self) {
        for community in self.touched.drain(..) {
            self.weights[community as usize] = 0.0;
        }
    }
}
