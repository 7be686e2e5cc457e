//! Subgraph matches: every way to lay a small pattern over a graph.
//!
//! As in VF2, pattern nodes are mapped one after the other, each next to those before it, and taken back when nothing
//! fits: the search keeps one list of candidates per pattern node and does not recurse.

mod plan;

use self::plan::{BackEdge, Step};
use super::{Cancel, Cancelled, Topology};

/// What a match must fulfil besides its structure, asked for only where the structure fits.
pub trait Constraints {
    /// Why a question could not be answered; it ends the search.
    type Error: From<Cancelled>;

    /// Whether a pattern node may stand for this node. Asked once for each pair.
    fn node_fits(&mut self, pattern: u32, target: u32) -> Result<bool, Self::Error>;

    /// Whether each of the pattern edges from one node to another (there is at least one) may stand for an edge
    /// between the target nodes.
    fn edges_fit(&mut self, pattern: (u32, u32), target: (u32, u32)) -> Result<bool, Self::Error>;
}

/// All matches, or the first ones.
#[derive(Debug, PartialEq, Eq)]
pub struct Matches {
    pattern_nodes: usize,
    targets: Vec<u32>,
    /// There are more than were asked for.
    pub truncated: bool,
}

impl Matches {
    /// Each match by the target nodes of pattern nodes 0, 1, and so on.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.targets.chunks_exact(self.pattern_nodes.max(1))
    }
}

/// Finds the maps of pattern nodes to distinct target nodes under which every pattern edge, self loops included, has
/// an edge the same way round. The target may have more edges. An empty pattern has no matches.
///
/// Time is exponential in the size of the pattern at worst, memory a bit or two for each pair of a pattern node and a
/// target node: the caller bounds the pattern.
pub fn subgraph_matches<C: Constraints>(
    pattern: &Topology,
    target: &Topology,
    constraints: &mut C,
    max_matches: usize,
    cancel: &Cancel,
) -> Result<Matches, C::Error> {
    let mut found = Matches { pattern_nodes: pattern.nodes(), targets: Vec::new(), truncated: false };
    if pattern.nodes() == 0 || pattern.nodes() > target.nodes() {
        return Ok(found);
    }
    target.prepare_incoming(cancel)?;
    let steps = plan::plan(pattern);
    let answers = Answers::new(steps.len() * target.nodes());
    let candidates = steps.iter().map(|_| Candidates::default()).collect();
    let mut search = Search { target, steps, constraints, answers, candidates, mapped: Vec::new() };
    let mut count = 0;
    loop {
        cancel.check()?;
        let Some(candidate) = search.next_candidate() else {
            if search.mapped.pop().is_none() {
                return Ok(found);
            }
            continue;
        };
        if !search.fits(candidate)? {
            continue;
        }
        search.mapped.push(candidate);
        if search.mapped.len() < search.steps.len() {
            search.collect_candidates();
            continue;
        }
        if count == max_matches {
            found.truncated = true;
            return Ok(found);
        }
        search.append_to(&mut found.targets);
        count += 1;
        cancel.has_found(count as u64);
        search.mapped.pop();
    }
}

struct Search<'a, C> {
    target: &'a Topology,
    steps: Vec<Step>,
    constraints: &'a mut C,
    answers: Answers,
    /// By step.
    candidates: Vec<Candidates>,
    /// Target nodes of the steps taken. As many are behind the search as there are here: the next step's number.
    mapped: Vec<u32>,
}

/// Target nodes still to be tried for a step: of `nodes`, or of all where nothing mapped is next to it.
#[derive(Default)]
struct Candidates {
    nodes: Vec<u32>,
    next: usize,
}

impl<C: Constraints> Search<'_, C> {
    fn next_candidate(&mut self) -> Option<u32> {
        let depth = self.mapped.len();
        let Candidates { nodes, next } = &mut self.candidates[depth];
        let candidate = if self.steps[depth].edges.is_empty() {
            (*next < self.target.nodes()).then_some(*next as u32)
        } else {
            nodes.get(*next).copied()
        };
        *next += usize::from(candidate.is_some());
        candidate
    }

    /// Starts the next step: its candidates are in the shortest row of a node that is mapped and next to it.
    fn collect_candidates(&mut self) {
        let depth = self.mapped.len();
        let Candidates { nodes, next } = &mut self.candidates[depth];
        *next = 0;
        nodes.clear();
        let rows = self.steps[depth].edges.iter().map(|edge| {
            let earlier = self.mapped[edge.step];
            if edge.outgoing { self.target.incoming().of(earlier) } else { self.target.out().of(earlier) }
        });
        if let Some(row) = rows.min_by_key(|row| row.len()) {
            nodes.extend_from_slice(row);
            nodes.sort_unstable();
            nodes.dedup();
        }
    }

    /// Whether a target node may be the next step's: what is cheap to find out first.
    fn fits(&mut self, candidate: u32) -> Result<bool, C::Error> {
        let depth = self.mapped.len();
        let step = &self.steps[depth];
        if self.target.out().degree(candidate) < step.out_degree
            || self.target.incoming().degree(candidate) < step.in_degree
            || self.mapped.contains(&candidate)
            || step.self_loop && !self.has_edge(candidate, candidate)
            || !step.edges.iter().all(|edge| {
                let (source, target) = edge.ends(candidate, self.mapped[edge.step]);
                self.has_edge(source, target)
            })
        {
            return Ok(false);
        }
        let known = depth * self.target.nodes() + candidate as usize;
        let node_fits = match self.answers.get(known) {
            Some(answer) => answer,
            None => {
                let answer = self.constraints.node_fits(step.node, candidate)?;
                self.answers.set(known, answer);
                answer
            }
        };
        if !node_fits
            || step.self_loop
                && !self.constraints.edges_fit((step.node, step.node), (candidate, candidate))?
        {
            return Ok(false);
        }
        for edge in &step.edges {
            let pattern = edge.ends(step.node, self.steps[edge.step].node);
            if !self.constraints.edges_fit(pattern, edge.ends(candidate, self.mapped[edge.step]))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn has_edge(&self, source: u32, target: u32) -> bool {
        self.target.incoming().of(target).binary_search(&source).is_ok()
    }

    /// Appends the complete map, by pattern node.
    fn append_to(&self, targets: &mut Vec<u32>) {
        let start = targets.len();
        targets.resize(start + self.steps.len(), 0);
        for (step, &target) in self.steps.iter().zip(&self.mapped) {
            targets[start + step.node as usize] = target;
        }
    }
}

impl BackEdge {
    /// Source and target, given the nodes of its own step and of the earlier one.
    fn ends(self, own: u32, earlier: u32) -> (u32, u32) {
        if self.outgoing { (own, earlier) } else { (earlier, own) }
    }
}

/// Answers to yes-or-no questions by number, two bits each. Pages not asked about take no memory.
struct Answers(Vec<u8>);

impl Answers {
    fn new(questions: usize) -> Self {
        Self(vec![0; questions.div_ceil(4)])
    }

    fn get(&self, question: usize) -> Option<bool> {
        let bits = self.0[question / 4] >> (question % 4 * 2) & 3;
        (bits != 0).then_some(bits == 3)
    }

    fn set(&mut self, question: usize, answer: bool) {
        self.0[question / 4] |= (1 | u8::from(answer) << 1) << (question % 4 * 2);
    }
}

#[cfg(test)]
mod tests;
