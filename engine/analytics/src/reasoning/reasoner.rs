//! One run, from rules and facts to inferences.

use super::{
    Inferences, ReasoningError, Rules,
    budget::Budget,
    chains::Chains,
    classes::{ClassRules, Membership},
    edges::{Edge, Edges},
    names::Names,
    property_rules::PropertyRules,
    transitive::Transitive,
};
use crate::Cancel;

/// Rules and the facts of a graph that they can use.
#[derive(Debug)]
pub struct Reasoner {
    predicates: Names,
    classes: Names,
    nodes: Names,
    property_rules: PropertyRules,
    transitive: Transitive,
    chains: Chains,
    class_rules: ClassRules,
    edges: Edges,
    memberships: Vec<Membership>,
}

impl Reasoner {
    /// Without any facts yet.
    pub fn new(rules: &Rules<'_>) -> Self {
        let (mut predicates, mut classes) = (Names::default(), Names::default());
        Self {
            property_rules: PropertyRules::new(rules, &mut predicates),
            transitive: Transitive::new(rules, &mut predicates),
            chains: Chains::new(rules, &mut predicates),
            class_rules: ClassRules::new(rules, &mut predicates, &mut classes),
            predicates,
            classes,
            nodes: Names::default(),
            edges: Edges::default(),
            memberships: Vec::new(),
        }
    }

    /// Adds an edge of the graph. Free of charge when no rule names its predicate.
    pub fn add_edge(&mut self, source: &str, predicate: &str, target: &str) {
        if let Some(predicate) = self.predicates.number(predicate) {
            let (source, target) = (self.nodes.intern(source), self.nodes.intern(target));
            self.edges.give(Edge { predicate, source, target });
        }
    }

    /// Adds the class a node has in the graph. Free of charge when no rule names it.
    pub fn add_class(&mut self, node: &str, class: &str) {
        if let Some(class) = self.classes.number(class) {
            self.memberships.push(Membership { node: self.nodes.intern(node), class });
        }
    }

    /// Everything that follows and is not in the graph, up to `max` facts. The order depends only on the order in
    /// which rules and facts came.
    pub fn infer(mut self, max: usize, cancel: &Cancel) -> Result<Inferences, ReasoningError> {
        let mut budget = Budget::new(max, cancel);
        self.complete_edges(&mut budget)?;
        let memberships = self.class_rules.run(&self.edges, &self.memberships, &mut budget)?;
        let edges = self.edges.into_inferred();
        Ok(Inferences::new(self.predicates, self.classes, self.nodes, edges, memberships))
    }

    /// Chains come last, so that an edge counts as a chain's only when the other rules do not give it.
    fn complete_edges(&mut self, budget: &mut Budget<'_>) -> Result<(), ReasoningError> {
        loop {
            self.property_rules.run(&mut self.edges, budget)?;
            if self.transitive.run(&mut self.edges, budget)? {
                continue;
            }
            if !self.chains.run(&mut self.edges, budget)? {
                return Ok(());
            }
        }
    }
}
