//! Each rule on its own, rules together, bounds, and random programs against the naive evaluator.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    Inferences, Reasoner, ReasoningError, Rules,
    inferences::{Inference, InferredEdge},
    naive,
};
use crate::{Cancel, Cancelled};

type Edges<'a> = &'a [(&'a str, &'a str, &'a str)];
type Classes<'a> = &'a [(&'a str, &'a str)];

fn reasoner(rules: &Rules<'_>, edges: Edges<'_>, classes: Classes<'_>) -> Reasoner {
    let mut reasoner = Reasoner::new(rules);
    for (source, predicate, target) in edges {
        reasoner.add_edge(source, predicate, target);
    }
    for (node, class) in classes {
        reasoner.add_class(node, class);
    }
    reasoner
}

fn inferences(rules: &Rules<'_>, edges: Edges<'_>, classes: Classes<'_>) -> Inferences {
    reasoner(rules, edges, classes).infer(1_000_000, &Cancel::default()).unwrap()
}

/// One line per fact: "subject predicate object inference_type".
fn lines(rules: &Rules<'_>, edges: Edges<'_>, classes: Classes<'_>) -> Vec<String> {
    let inferences = inferences(rules, edges, classes);
    let lines = inferences
        .triples()
        .map(|fact| format!("{} {} {} {}", fact.subject, fact.predicate, fact.object, fact.inference.name()))
        .collect::<Vec<_>>();
    assert_eq!(lines.len(), inferences.len());
    lines
}

/// The same without the type, of edges.
fn edges(rules: &Rules<'_>, edges: Edges<'_>) -> Vec<String> {
    let inferences = inferences(rules, edges, &[]);
    inferences.edges().map(|edge| format!("{} {} {}", edge.source, edge.predicate, edge.target)).collect()
}

#[test]
fn no_rules_infer_nothing() {
    assert!(lines(&Rules::default(), &[("a", "p", "b")], &[("a", "A")]).is_empty());
}

#[test]
fn no_facts_infer_nothing() {
    let rules =
        Rules { transitive_properties: &["p"], subclass_relations: &[("A", "B")], ..Rules::default() };
    assert!(lines(&rules, &[], &[]).is_empty());
}

#[test]
fn superclasses_of_superclasses_nearest_first() {
    let rules = Rules { subclass_relations: &[("A", "Z"), ("A", "B"), ("B", "M")], ..Rules::default() };
    let found = lines(&rules, &[], &[("a", "A"), ("b", "B"), ("c", "M"), ("d", "")]);
    let expected =
        ["a type Z rust_datalog", "a type B rust_datalog", "b type M rust_datalog", "a type M rust_datalog"];
    assert_eq!(found, expected);
}

#[test]
fn subclass_cycles_do_not_repeat_the_own_class() {
    let rules = Rules { subclass_relations: &[("A", "B"), ("B", "A"), ("A", "A")], ..Rules::default() };
    assert_eq!(lines(&rules, &[], &[("a", "A")]), ["a type B rust_datalog"]);
}

#[test]
fn subproperty_cycles_end() {
    let rules = Rules { subproperty_relations: &[("p", "q"), ("q", "r"), ("r", "p")], ..Rules::default() };
    assert_eq!(lines(&rules, &[("a", "p", "b")], &[]), ["a q b rust_datalog", "a r b rust_datalog"]);
}

#[test]
fn known_and_parallel_edges_are_not_inferred() {
    let rules = Rules { subproperty_relations: &[("p", "q")], ..Rules::default() };
    assert!(edges(&rules, &[("a", "p", "b"), ("a", "p", "b"), ("a", "q", "b")]).is_empty());
}

#[test]
fn symmetric_twice_and_on_a_self_loop() {
    let rules = Rules { symmetric_properties: &["p", "p"], ..Rules::default() };
    assert_eq!(edges(&rules, &[("a", "p", "b"), ("c", "p", "c"), ("a", "q", "d")]), ["b p a"]);
}

#[test]
fn inverse_works_both_ways() {
    let rules = Rules { inverse_properties: &[("p", "q")], ..Rules::default() };
    assert_eq!(edges(&rules, &[("a", "p", "b"), ("c", "q", "d")]), ["b q a", "d p c"]);
}

#[test]
fn inverse_of_itself_is_symmetric() {
    let rules = Rules { inverse_properties: &[("p", "p")], ..Rules::default() };
    assert_eq!(edges(&rules, &[("a", "p", "b")]), ["b p a"]);
}

#[test]
fn transitive_around_a_cycle() {
    let rules = Rules { transitive_properties: &["p"], ..Rules::default() };
    let found = edges(&rules, &[("a", "p", "b"), ("b", "p", "c"), ("b", "p", "a")]);
    assert_eq!(
        found.into_iter().collect::<BTreeSet<_>>(),
        ["a p a", "a p c", "b p b"].map(String::from).into()
    );
}

#[test]
fn symmetric_and_transitive_is_an_equivalence() {
    let rules = Rules { symmetric_properties: &["p"], transitive_properties: &["p"], ..Rules::default() };
    assert_eq!(edges(&rules, &[("a", "p", "b"), ("b", "p", "c")]).len(), 9 - 2);
}

#[test]
fn long_paths_and_deep_hierarchies_do_not_recurse() {
    let names = (0..2_000).map(|name| name.to_string()).collect::<Vec<_>>();
    let pairs = names.windows(2).map(|pair| (&*pair[0], &*pair[1])).collect::<Vec<_>>();
    let path = pairs.iter().take(200).map(|&(from, to)| (from, "p", to)).collect::<Vec<_>>();
    let rules = Rules { transitive_properties: &["p"], subclass_relations: &pairs, ..Rules::default() };
    assert_eq!(inferences(&rules, &path, &[("a", "0")]).len(), 200 * 199 / 2 + 1_999);
}

#[test]
fn chains_give_edges_of_their_own_kind() {
    let rules = Rules { property_chains: &[("p", "q", "r"), ("p", "q", "r")], ..Rules::default() };
    let found = lines(&rules, &[("a", "p", "b"), ("b", "q", "c"), ("a", "p", "d"), ("d", "q", "c")], &[]);
    assert_eq!(found, ["a r c property_chain"]);
}

#[test]
fn a_chain_of_a_property_with_itself_reaches_the_end() {
    let rules = Rules { property_chains: &[("p", "p", "p")], ..Rules::default() };
    let found = edges(&rules, &[("a", "p", "b"), ("b", "p", "c"), ("c", "p", "d")]);
    assert_eq!(
        found.into_iter().collect::<BTreeSet<_>>(),
        ["a p c", "a p d", "b p d"].map(String::from).into()
    );
}

#[test]
fn an_edge_is_a_chain_only_when_no_other_rule_gives_it() {
    let chains: &[_] = &[("p", "q", "r")];
    let rules = Rules { property_chains: chains, subproperty_relations: &[("p", "r")], ..Rules::default() };
    let inferences =
        inferences(&rules, &[("a", "p", "b"), ("b", "q", "c"), ("a", "p", "c"), ("c", "q", "b")], &[]);
    assert!(inferences.edges().all(|edge| !edge.chain));
    assert_eq!(inferences.len(), 2);
}

#[test]
fn other_rules_use_what_chains_give() {
    let rules = Rules {
        property_chains: &[("p", "q", "r")],
        symmetric_properties: &["r"],
        domain_rules: &[("r", "D")],
        ..Rules::default()
    };
    let inferences = inferences(&rules, &[("a", "p", "b"), ("b", "q", "c")], &[]);
    let edge = |source, target, chain| InferredEdge { source, predicate: "r", target, chain };
    assert_eq!(inferences.edges().collect::<Vec<_>>(), [edge("a", "c", true), edge("c", "a", false)]);
    assert_eq!(inferences.classes(&Cancel::default()).unwrap().keys().collect::<Vec<_>>(), [&"a", &"c"]);
}

#[test]
fn domain_and_range_once_per_node_whatever_it_is_already() {
    let rules =
        Rules { domain_rules: &[("p", "D"), ("p", "D")], range_rules: &[("p", "D")], ..Rules::default() };
    let found = lines(&rules, &[("a", "p", "a"), ("a", "p", "b")], &[("a", "D")]);
    let expected =
        ["a rdf:type D domain_inference", "a rdf:type D range_inference", "b rdf:type D range_inference"];
    assert_eq!(found, expected);
}

#[test]
fn subclass_uses_domain_and_range() {
    let rules = Rules { domain_rules: &[("p", "D")], subclass_relations: &[("D", "X")], ..Rules::default() };
    let found = lines(&rules, &[("a", "p", "b")], &[]);
    assert_eq!(found, ["a rdf:type D domain_inference", "a type X rust_datalog"]);
}

#[test]
fn classes_by_node() {
    let rules = Rules {
        domain_rules: &[("p", "D"), ("q", "E"), ("q", "D")],
        range_rules: &[("p", "D")],
        subclass_relations: &[("A", "B"), ("B", "C"), ("A", "Z")],
        ..Rules::default()
    };
    let inferences =
        inferences(&rules, &[("b", "q", "a"), ("b", "p", "b"), ("b", "p", "c")], &[("a", "A"), ("c", "C")]);
    let classes = inferences.classes(&Cancel::default()).unwrap();
    assert_eq!(classes.keys().collect::<Vec<_>>(), [&"a", &"b", &"c"]);
    assert_eq!((classes["a"].widest, &*classes["a"].by_edges), (Some("C"), &[] as &[&str]));
    assert_eq!((classes["b"].widest, &*classes["b"].by_edges), (None, &["E", "D"] as &[&str]));
    assert_eq!((classes["c"].widest, &*classes["c"].by_edges), (None, &["D"] as &[&str]));
}

/// Inferred edges are read back in another order: a second run must not find another widest class.
#[test]
fn the_widest_class_does_not_depend_on_the_order_of_the_edges() {
    let rules = Rules {
        domain_rules: &[("p", "C"), ("q", "D")],
        subclass_relations: &[("D", "Y"), ("C", "X")],
        ..Rules::default()
    };
    let widest = |edges| {
        inferences(&rules, edges, &[]).classes(&Cancel::default()).unwrap()["a"].widest.map(str::to_owned)
    };
    let one = widest(&[("a", "p", "b"), ("a", "q", "b")]);
    assert_eq!((one.is_some(), &one), (true, &widest(&[("a", "q", "b"), ("a", "p", "b")])));
}

#[test]
fn edges_called_type_are_no_classes() {
    let rules = Rules {
        subproperty_relations: &[("p", "type"), ("p", "rdf:type")],
        subclass_relations: &[("C", "D")],
        ..Rules::default()
    };
    assert_eq!(edges(&rules, &[("a", "p", "C")]), ["a type C", "a rdf:type C"]);
    assert!(inferences(&rules, &[("a", "p", "C")], &[]).classes(&Cancel::default()).unwrap().is_empty());
}

#[test]
fn too_many_facts() {
    let rules = Rules { symmetric_properties: &["p"], range_rules: &[("p", "R")], ..Rules::default() };
    let reasoner = || reasoner(&rules, &[("a", "p", "b")], &[]);
    assert_eq!(reasoner().infer(3, &Cancel::default()).unwrap().len(), 3);
    for max in 0..3 {
        let error = reasoner().infer(max, &Cancel::default()).unwrap_err();
        assert_eq!(error, ReasoningError::TooMany { max });
    }
}

#[test]
fn cancelled() {
    let rules = Rules { symmetric_properties: &["p"], ..Rules::default() };
    let cancel = Cancel::default();
    cancel.cancel();
    let error = reasoner(&rules, &[("a", "p", "b")], &[]).infer(9, &cancel).unwrap_err();
    assert_eq!(error, ReasoningError::Cancelled(Cancelled));
}

/// Owned facts and rules of a random run.
#[derive(Debug)]
struct Program {
    edges: Vec<(String, String, String)>,
    classes: Vec<(String, String)>,
    pairs: [Vec<(&'static str, &'static str)>; 5],
    symmetric: Vec<&'static str>,
    transitive: Vec<&'static str>,
    chains: Vec<(&'static str, &'static str, &'static str)>,
}

impl Program {
    fn rules(&self) -> Rules<'_> {
        let [subclass_relations, subproperty_relations, inverse_properties, domain_rules, range_rules] =
            self.pairs.each_ref().map(Vec::as_slice);
        Rules {
            subclass_relations,
            subproperty_relations,
            symmetric_properties: &self.symmetric,
            transitive_properties: &self.transitive,
            inverse_properties,
            domain_rules,
            range_rules,
            property_chains: &self.chains,
        }
    }

    fn inferences(&self) -> Inferences {
        let edges = self.edges.iter().map(|(s, p, o)| (&**s, &**p, &**o)).collect::<Vec<_>>();
        let classes = self.classes.iter().map(|(node, class)| (&**node, &**class)).collect::<Vec<_>>();
        inferences(&self.rules(), &edges, &classes)
    }
}

fn programs() -> impl Strategy<Value = Program> {
    let node = || select(vec!["a", "b", "c", "d", "e"]).prop_map(String::from);
    let property = || select(vec!["p", "q", "r", "s"]);
    let class = || select(vec!["A", "B", "C", "D"]);
    let edges = vec((node(), property().prop_map(String::from), node()), 0..12);
    let classes = vec((node(), class().prop_map(String::from)), 0..4);
    let pairs = (
        vec((class(), class()), 0..4),
        vec((property(), property()), 0..3),
        vec((property(), property()), 0..2),
        vec((property(), class()), 0..3),
        vec((property(), class()), 0..3),
    );
    let chains = vec((property(), property(), property()), 0..3);
    (edges, classes, pairs, vec(property(), 0..3), vec(property(), 0..3), chains).prop_map(
        |(edges, classes, pairs, symmetric, transitive, chains)| Program {
            edges,
            classes,
            pairs: pairs.into(),
            symmetric,
            transitive,
            chains,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn as_the_naive_evaluator(program in programs()) {
        let inferences = program.inferences();
        let found = inferences
            .triples()
            .map(|fact| {
                (fact.subject.to_owned(), fact.predicate.to_owned(), fact.object.to_owned(), fact.inference)
            })
            .collect::<BTreeSet<_>>();
        prop_assert_eq!(found.len(), inferences.len(), "no fact twice");
        prop_assert_eq!(found, naive::infer(&program.rules(), &program.edges, &program.classes));
    }

    #[test]
    fn a_second_run_finds_the_same_classes_and_no_edges(mut program in programs()) {
        let first = program.inferences();
        program.edges.extend(
            first.edges().map(|edge| (edge.source.into(), edge.predicate.into(), edge.target.into())),
        );
        let second = program.inferences();
        prop_assert_eq!(second.edges().count(), 0);
        let classes = |run: &Inferences| {
            let facts = run.triples().filter(|fact| matches!(fact.predicate, "type" | "rdf:type"));
            facts.map(|fact| (fact.subject.to_owned(), fact.object.to_owned(), fact.inference)).collect()
        };
        let [before, after]: [BTreeSet<(String, String, Inference)>; 2] = [classes(&first), classes(&second)];
        prop_assert_eq!(before, after);
    }
}
