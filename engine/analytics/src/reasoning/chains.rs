//! Property chains: two edges in a row make a third.

use std::collections::HashMap;

use super::{
    ReasoningError, Rules,
    budget::Budget,
    edges::{Edge, Edges, Index, Origin},
    names::Names,
};

/// The other predicate of a chain, and what the chain gives.
type Rest = (u32, u32);

/// The chains by either predicate, and how far they were applied.
#[derive(Debug)]
pub(super) struct Chains {
    by_first: HashMap<u32, Vec<Rest>>,
    by_second: HashMap<u32, Vec<Rest>>,
    /// Sources by target, of edges that may come first.
    first: Index,
    /// Targets by source, of edges that may come second.
    second: Index,
    done: usize,
}

impl Chains {
    pub(super) fn new(rules: &Rules<'_>, predicates: &mut Names) -> Self {
        let mut by_first = HashMap::<u32, Vec<Rest>>::new();
        let mut by_second = HashMap::<u32, Vec<Rest>>::new();
        for &(first, second, result) in rules.property_chains {
            let [first, second, result] = [first, second, result].map(|name| predicates.intern(name));
            by_first.entry(first).or_default().push((second, result));
            by_second.entry(second).or_default().push((first, result));
        }
        Self { by_first, by_second, first: Index::default(), second: Index::default(), done: 0 }
    }

    /// Applies the chains to the edges known now that they were not applied to. Says whether there were any.
    pub(super) fn run(&mut self, edges: &mut Edges, budget: &mut Budget<'_>) -> Result<bool, ReasoningError> {
        let end = edges.len();
        let any = self.done < end;
        while self.done < end {
            let (edge, _) = edges.at(self.done);
            self.done += 1;
            budget.step()?;
            self.join(edge, edges, budget)?;
        }
        Ok(any)
    }

    fn join(&mut self, edge: Edge, edges: &mut Edges, budget: &mut Budget<'_>) -> Result<(), ReasoningError> {
        let Edge { predicate, source, target } = edge;
        let as_first = self.by_first.get(&predicate);
        let as_second = self.by_second.get(&predicate);
        if as_first.is_some() {
            self.first.push(predicate, target, source);
        }
        if as_second.is_some() {
            self.second.push(predicate, source, target);
        }
        for &(second, predicate) in as_first.into_iter().flatten() {
            for &target in self.second.get(second, target) {
                edges.derive(Edge { predicate, source, target }, Origin::Chain, budget)?;
            }
        }
        for &(first, predicate) in as_second.into_iter().flatten() {
            for &source in self.first.get(first, source) {
                edges.derive(Edge { predicate, source, target }, Origin::Chain, budget)?;
            }
        }
        Ok(())
    }
}
