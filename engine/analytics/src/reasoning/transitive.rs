//! Transitive properties.

use std::collections::HashSet;

use super::{
    ReasoningError, Rules,
    budget::Budget,
    edges::{Edge, Edges, Index, Origin},
    names::Names,
};

/// Paths are made longer by edges that are no paths themselves: joining paths with paths finds each again at every
/// node in its middle.
#[derive(Debug)]
pub(super) struct Transitive {
    predicates: HashSet<u32>,
    /// Targets by source, without the edges this rule made.
    steps: Index,
    /// Sources by target.
    paths: Index,
    done: usize,
}

impl Transitive {
    pub(super) fn new(rules: &Rules<'_>, predicates: &mut Names) -> Self {
        let predicates =
            rules.transitive_properties.iter().map(|property| predicates.intern(property)).collect();
        Self { predicates, steps: Index::default(), paths: Index::default(), done: 0 }
    }

    /// Applies the rules to the edges known now that they were not applied to. Says whether there were any.
    pub(super) fn run(&mut self, edges: &mut Edges, budget: &mut Budget<'_>) -> Result<bool, ReasoningError> {
        let end = edges.len();
        let any = self.done < end;
        while self.done < end {
            let (edge, origin) = edges.at(self.done);
            self.done += 1;
            budget.step()?;
            if self.predicates.contains(&edge.predicate) {
                self.join(edge, origin != Origin::Transitive, edges, budget)?;
            }
        }
        Ok(any)
    }

    fn join(
        &mut self,
        edge: Edge,
        is_step: bool,
        edges: &mut Edges,
        budget: &mut Budget<'_>,
    ) -> Result<(), ReasoningError> {
        let Edge { predicate, source, target } = edge;
        self.paths.push(predicate, target, source);
        if is_step {
            self.steps.push(predicate, source, target);
            for &source in self.paths.get(predicate, source) {
                edges.derive(Edge { predicate, source, target }, Origin::Transitive, budget)?;
            }
        }
        for &target in self.steps.get(predicate, target) {
            edges.derive(Edge { predicate, source, target }, Origin::Transitive, budget)?;
        }
        Ok(())
    }
}
