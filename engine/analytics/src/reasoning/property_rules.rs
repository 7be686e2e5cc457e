//! Rules that make an edge of one edge: subproperty, symmetric, inverse.

use super::{
    ReasoningError, Rules,
    budget::Budget,
    edges::{Edge, Edges, Origin},
    names::Names,
};

/// What an edge of some predicate implies.
#[derive(Debug, Clone, Copy)]
struct Implied {
    predicate: u32,
    backwards: bool,
}

/// The rules by their predicate, and how far they were applied.
#[derive(Debug)]
pub(super) struct PropertyRules {
    implied: Vec<Vec<Implied>>,
    done: usize,
}

impl PropertyRules {
    pub(super) fn new(rules: &Rules<'_>, predicates: &mut Names) -> Self {
        let mut compiled = Self { implied: Vec::new(), done: 0 };
        for &(sub, sup) in rules.subproperty_relations {
            compiled.add(predicates, sub, sup, false);
        }
        for &property in rules.symmetric_properties {
            compiled.add(predicates, property, property, true);
        }
        for &(one, other) in rules.inverse_properties {
            compiled.add(predicates, one, other, true);
            compiled.add(predicates, other, one, true);
        }
        compiled
    }

    fn add(&mut self, predicates: &mut Names, from: &str, to: &str, backwards: bool) {
        let from = predicates.intern(from) as usize;
        if from >= self.implied.len() {
            self.implied.resize_with(from + 1, Vec::new);
        }
        self.implied[from].push(Implied { predicate: predicates.intern(to), backwards });
    }

    /// Applies the rules to all edges they were not applied to, new ones included.
    pub(super) fn run(&mut self, edges: &mut Edges, budget: &mut Budget<'_>) -> Result<(), ReasoningError> {
        while self.done < edges.len() {
            let (edge, _) = edges.at(self.done);
            self.done += 1;
            budget.step()?;
            for implied in self.implied.get(edge.predicate as usize).into_iter().flatten() {
                let (source, target) =
                    if implied.backwards { (edge.target, edge.source) } else { (edge.source, edge.target) };
                let edge = Edge { predicate: implied.predicate, source, target };
                edges.derive(edge, Origin::Property, budget)?;
            }
        }
        Ok(())
    }
}
