//! The order in which pattern nodes are mapped.

use std::cmp::Reverse;

use crate::{Rows, Topology};

/// One pattern node, mapped after those of the steps before.
pub(super) struct Step {
    pub(super) node: u32,
    /// Edges between it and nodes of earlier steps, parallel ones once.
    pub(super) edges: Vec<BackEdge>,
    pub(super) self_loop: bool,
    /// Distinct nodes that it has edges to, itself included.
    pub(super) out_degree: u32,
    /// Distinct nodes that it has edges from, itself included.
    pub(super) in_degree: u32,
}

/// An edge between the node of a step and that of an earlier one.
#[derive(Clone, Copy)]
pub(super) struct BackEdge {
    pub(super) step: usize,
    /// It leads to the earlier node.
    pub(super) outgoing: bool,
}

/// The node with most edges to nodes already placed comes next, and of those the one with most edges: it has the
/// fewest candidates. So only the first node of each component is looked for in the whole target.
pub(super) fn plan(pattern: &Topology) -> Vec<Step> {
    let (out, incoming) = (distinct(pattern.out()), distinct(pattern.incoming()));
    let mut step_of: Vec<Option<usize>> = vec![None; pattern.nodes()];
    let mut steps = Vec::with_capacity(pattern.nodes());
    for step in 0..pattern.nodes() {
        let edges_of = |node: u32| {
            let back = |far: &[u32], outgoing| -> Vec<BackEdge> {
                let placed = far.iter().filter_map(|&far| step_of[far as usize]);
                placed.map(|step| BackEdge { step, outgoing }).collect()
            };
            [back(&out[node as usize], true), back(&incoming[node as usize], false)].concat()
        };
        let unplaced = (0..pattern.nodes() as u32).filter(|&node| step_of[node as usize].is_none());
        let next = unplaced.max_by_key(|&node| {
            let degree = out[node as usize].len() + incoming[node as usize].len();
            (edges_of(node).len(), degree, Reverse(node))
        });
        let Some(node) = next else { break };
        steps.push(Step {
            node,
            edges: edges_of(node),
            self_loop: out[node as usize].contains(&node),
            out_degree: out[node as usize].len() as u32,
            in_degree: incoming[node as usize].len() as u32,
        });
        step_of[node as usize] = Some(step);
    }
    steps
}

/// The rows without repetitions.
fn distinct(rows: &Rows) -> Vec<Vec<u32>> {
    let row = |node| {
        let mut far = rows.of(node).to_vec();
        far.sort_unstable();
        far.dedup();
        far
    };
    (0..rows.nodes() as u32).map(row).collect()
}
