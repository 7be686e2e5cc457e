//! Classes of nodes: domain, range, subclass.

use std::collections::{HashMap, HashSet};

use super::{ReasoningError, Rules, budget::Budget, edges::Edges, inferences::Inference, names::Names};

/// A node is of a class, as numbers of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Membership {
    pub(super) node: u32,
    pub(super) class: u32,
}

/// The rules about classes. A fact counts once per [`Inference`] it follows by.
#[derive(Debug)]
pub(super) struct ClassRules {
    domains: HashMap<u32, Vec<u32>>,
    ranges: HashMap<u32, Vec<u32>>,
    above: HashMap<u32, Vec<u32>>,
}

impl ClassRules {
    pub(super) fn new(rules: &Rules<'_>, predicates: &mut Names, classes: &mut Names) -> Self {
        let mut by_predicate = |rules: &[(&str, &str)], classes: &mut Names| {
            grouped(
                rules.iter().map(|(property, class)| (predicates.intern(property), classes.intern(class))),
            )
        };
        let domains = by_predicate(rules.domain_rules, classes);
        let ranges = by_predicate(rules.range_rules, classes);
        let subclasses = rules.subclass_relations.iter();
        let above = grouped(subclasses.map(|(sub, sup)| (classes.intern(sub), classes.intern(sup))));
        Self { domains, ranges, above }
    }

    /// What follows from the finished edges and the classes the graph has, in this order: by domain and range, edge
    /// by edge; by subclass, nearer superclasses of a node first.
    pub(super) fn run(
        &self,
        edges: &Edges,
        given: &[Membership],
        budget: &mut Budget<'_>,
    ) -> Result<Vec<(Membership, Inference)>, ReasoningError> {
        let mut inferred = self.by_edges(edges, budget)?;
        self.widen(given, &mut inferred, budget)?;
        Ok(inferred)
    }

    fn by_edges(
        &self,
        edges: &Edges,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<(Membership, Inference)>, ReasoningError> {
        let (mut inferred, mut known) = (Vec::new(), HashSet::new());
        if self.domains.is_empty() && self.ranges.is_empty() {
            return Ok(inferred);
        }
        for edge in edges.iter() {
            budget.step()?;
            let ends = [
                (&self.domains, edge.source, Inference::Domain),
                (&self.ranges, edge.target, Inference::Range),
            ];
            for (rules, node, inference) in ends {
                for &class in rules.get(&edge.predicate).into_iter().flatten() {
                    budget.step()?;
                    let fact = (Membership { node, class }, inference);
                    if known.insert(fact) {
                        budget.inferred()?;
                        inferred.push(fact);
                    }
                }
            }
        }
        Ok(inferred)
    }

    fn widen(
        &self,
        given: &[Membership],
        inferred: &mut Vec<(Membership, Inference)>,
        budget: &mut Budget<'_>,
    ) -> Result<(), ReasoningError> {
        if self.above.is_empty() {
            return Ok(());
        }
        let mut known = given.iter().copied().collect::<HashSet<_>>();
        let mut waiting = given.to_vec();
        // In the order of the rules, whatever order the edges came in: the widest class of a node must be the same again
        // once the inferred edges are part of the graph.
        let mut by_edges: Vec<_> = inferred.iter().map(|&(membership, _)| membership).collect();
        by_edges.sort_unstable_by_key(|membership| membership.class);
        waiting.extend(by_edges);
        let mut done = 0;
        while done < waiting.len() {
            let Membership { node, class } = waiting[done];
            done += 1;
            budget.step()?;
            for &class in self.above.get(&class).into_iter().flatten() {
                budget.step()?;
                let wider = Membership { node, class };
                if known.insert(wider) {
                    budget.inferred()?;
                    inferred.push((wider, Inference::Datalog));
                    waiting.push(wider);
                }
            }
        }
        Ok(())
    }
}

fn grouped(pairs: impl Iterator<Item = (u32, u32)>) -> HashMap<u32, Vec<u32>> {
    let mut groups = HashMap::<u32, Vec<u32>>::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}
