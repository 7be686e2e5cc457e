//! The rules by the book, everything derived again in each round: what the tests compare with.

use std::collections::BTreeSet;

use super::{Rules, inferences::Inference};

type Edge = (String, String, String);
/// Subject, predicate, object, kind of rule.
pub(super) type Fact = (String, String, String, Inference);

/// All inferences from edges (source, predicate, target) and classes (node, class).
pub(super) fn infer(rules: &Rules<'_>, edges: &[Edge], classes: &[(String, String)]) -> BTreeSet<Fact> {
    let mut known = edges.iter().cloned().collect::<BTreeSet<_>>();
    let mut facts = BTreeSet::new();
    loop {
        let (mut derived, mut inference) = (without_chains(rules, &known), Inference::Datalog);
        if derived.is_subset(&known) {
            (derived, inference) = (by_chains(rules, &known), Inference::Chain);
        }
        if derived.is_subset(&known) {
            break;
        }
        facts.extend(derived.difference(&known).cloned().map(|(s, p, o)| (s, p, o, inference)));
        known.extend(derived);
    }
    let by_edges = by_edges(rules, &known);
    let mut memberships = classes.iter().cloned().collect::<BTreeSet<_>>();
    loop {
        let of_edges = by_edges.iter().map(|(node, _, class, _)| (node.clone(), class.clone()));
        let wider = superclasses(rules, memberships.iter().cloned().chain(of_edges));
        if wider.is_subset(&memberships) {
            break;
        }
        facts.extend(
            wider
                .difference(&memberships)
                .cloned()
                .map(|(node, class)| (node, "type".to_owned(), class, Inference::Datalog)),
        );
        memberships.extend(wider);
    }
    facts.extend(by_edges);
    facts
}

fn without_chains(rules: &Rules<'_>, edges: &BTreeSet<Edge>) -> BTreeSet<Edge> {
    let mut derived = BTreeSet::new();
    for (s, p, o) in edges {
        let mut imply = |from: &str, to: &str, backwards: bool| {
            if from == p {
                let (s, o) = if backwards { (o, s) } else { (s, o) };
                derived.insert((s.clone(), to.to_owned(), o.clone()));
            }
        };
        rules.subproperty_relations.iter().for_each(|(sub, sup)| imply(sub, sup, false));
        rules.symmetric_properties.iter().for_each(|property| imply(property, property, true));
        rules.inverse_properties.iter().for_each(|(one, other)| imply(one, other, true));
        rules.inverse_properties.iter().for_each(|(one, other)| imply(other, one, true));
    }
    for property in rules.transitive_properties {
        derived.extend(chain(edges, property, property, property));
    }
    derived
}

fn by_chains(rules: &Rules<'_>, edges: &BTreeSet<Edge>) -> BTreeSet<Edge> {
    rules.property_chains.iter().flat_map(|(p, q, r)| chain(edges, p, q, r)).collect()
}

fn chain(edges: &BTreeSet<Edge>, p: &str, q: &str, r: &str) -> Vec<Edge> {
    let firsts = edges.iter().filter(|(_, predicate, _)| predicate == p);
    let joined = firsts.flat_map(|(a, _, b)| {
        let seconds = edges.iter().filter(move |(source, predicate, _)| source == b && predicate == q);
        seconds.map(move |(_, _, c)| (a.clone(), r.to_owned(), c.clone()))
    });
    joined.collect()
}

fn by_edges(rules: &Rules<'_>, edges: &BTreeSet<Edge>) -> BTreeSet<Fact> {
    let mut facts = BTreeSet::new();
    for (source, p, target) in edges {
        for (_, class) in rules.domain_rules.iter().filter(|(property, _)| property == p) {
            facts.insert((source.clone(), "rdf:type".to_owned(), (*class).to_owned(), Inference::Domain));
        }
        for (_, class) in rules.range_rules.iter().filter(|(property, _)| property == p) {
            facts.insert((target.clone(), "rdf:type".to_owned(), (*class).to_owned(), Inference::Range));
        }
    }
    facts
}

fn superclasses(
    rules: &Rules<'_>,
    memberships: impl Iterator<Item = (String, String)>,
) -> BTreeSet<(String, String)> {
    let wider = memberships.flat_map(|(node, class)| {
        let above = rules.subclass_relations.iter().filter(move |(sub, _)| *sub == class);
        above.map(move |(_, sup)| (node.clone(), (*sup).to_owned()))
    });
    wider.collect()
}
