//! `DiffAgainst` on random graphs, against sets.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use epistemic_tests::seed::{generator, seed};
use epistemic_tests::wire::{field, params, unpack};
use epistemic_tests::{Client, ServerProcess, Value};
use rand::RngExt;
use rand::rngs::StdRng;

use super::{refused, strings};

const IDS: [&str; 10] = ["", "\0", "a", "a\0", "a\0b", "ab", "a|b", "b", "é", "🦀"];
const PROPERTIES: [&[u8]; 5] = [b"", b"\x80", b"\x81\xa1k\x01", b"\x81\xa1k\x02", b"\xc1"];

#[derive(Default)]
struct Model {
    nodes: BTreeMap<&'static str, &'static [u8]>,
    edges: BTreeSet<(&'static str, &'static str)>,
}

fn random_graph(client: &mut Client, graph: &str, random: &mut StdRng) -> Result<Model> {
    let mut model = Model::default();
    client.create_graph(graph)?;
    for id in IDS {
        if random.random_bool(0.7) {
            let properties = PROPERTIES[random.random_range(0..PROPERTIES.len())];
            client.add_node(graph, id, properties)?;
            model.nodes.insert(id, properties);
        }
    }
    let nodes: Vec<_> = model.nodes.keys().copied().collect();
    for _ in 0..random.random_range(0..25) {
        if nodes.is_empty() {
            break;
        }
        let (source, target) =
            (nodes[random.random_range(0..nodes.len())], nodes[random.random_range(0..nodes.len())]);
        client.add_edge(graph, source, target, PROPERTIES[random.random_range(0..PROPERTIES.len())])?;
        model.edges.insert((source, target));
    }
    Ok(model)
}

/// What is in `that` and not in `this`.
fn more<T: Ord + Copy>(this: &BTreeSet<T>, that: &BTreeSet<T>) -> Vec<T> {
    that.difference(this).copied().collect()
}

fn lists(pairs: Vec<(&str, &str)>) -> Vec<Vec<String>> {
    pairs.into_iter().map(|(source, target)| vec![source.to_owned(), target.to_owned()]).collect()
}

fn check(answer: &Value, this: &Model, that: &Model) -> Result<()> {
    let list = |name: &str| field(answer, name).with_context(|| format!("{name} in {answer}"));
    let sorted = |name| {
        let mut ids = strings(list(name)?)?;
        ids.sort();
        anyhow::Ok(ids)
    };
    let ids = |model: &Model| model.nodes.keys().copied().collect::<BTreeSet<_>>();
    assert_eq!(sorted("nodes_added")?, more(&ids(this), &ids(that)));
    assert_eq!(sorted("nodes_removed")?, more(&ids(that), &ids(this)));
    let modified =
        this.nodes.iter().filter(|(id, bytes)| that.nodes.get(*id).is_some_and(|other| other != *bytes));
    assert_eq!(sorted("nodes_modified")?, modified.map(|(id, _)| *id).collect::<Vec<_>>());
    let pairs = |name| {
        let pairs = list(name)?.as_array().with_context(|| format!("{answer}"))?.iter();
        let mut pairs = pairs.map(strings).collect::<Result<Vec<_>>>()?;
        pairs.sort();
        anyhow::Ok(pairs)
    };
    assert_eq!(pairs("edges_added")?, lists(more(&this.edges, &that.edges)));
    assert_eq!(pairs("edges_removed")?, lists(more(&that.edges, &this.edges)));
    assert_eq!(answer.as_map().map(Vec::len), Some(5));
    Ok(())
}

#[test]
fn random_graphs_differ_as_sets_do() -> Result<()> {
    let random = &mut generator(seed("random_graphs_differ_as_sets_do"), 0);
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    let empty = Model::default();
    client.create_graph("empty")?;
    for round in 0..40 {
        let [one, other] = ["one", "other"].map(|name| format!("{name} {round}"));
        let models = [random_graph(&mut client, &one, random)?, random_graph(&mut client, &other, random)?];
        let mut diff =
            |this: &str, that: &str| client.call(this, "DiffAgainst", params([("other_graph", that.into())]));
        check(&diff(&one, &other)?, &models[0], &models[1]).context(one.clone())?;
        check(&diff(&other, &one)?, &models[1], &models[0]).context(other.clone())?;
        check(&diff(&one, &one)?, &models[0], &models[0])?;
        check(&diff(&one, "empty")?, &models[0], &empty)?;
        check(&diff("empty", &one)?, &empty, &models[0])?;
    }
    let missing = params([("other_graph", "missing".into())]);
    refused(&mut client, "empty", "DiffAgainst", missing, "Other graph 'missing' not found")
}

/// A difference tells what to do: batches made from it turn one graph into the other.
#[test]
fn a_difference_turns_one_graph_into_the_other() -> Result<()> {
    let random = &mut generator(seed("a_difference_turns_one_graph_into_the_other"), 0);
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    random_graph(&mut client, "from", random)?;
    let to = random_graph(&mut client, "to", random)?;
    let answer = client.call("from", "DiffAgainst", params([("other_graph", "to".into())]))?;
    let list = |name: &str| strings(field(&answer, name).context("a list")?);
    for id in list("nodes_removed")? {
        client.call("from", "RemoveNode", super::node_param(&id))?;
    }
    for id in list("nodes_added")?.into_iter().chain(list("nodes_modified")?) {
        client.add_node("from", &id, to.nodes[id.as_str()])?;
    }
    let pairs = |name: &str| field(&answer, name).and_then(Value::as_array).context("pairs");
    for pair in pairs("edges_removed")? {
        let ends = strings(pair)?;
        client.call("from", "RemoveEdge", super::pair_param(&ends[0], &ends[1]))?;
    }
    for pair in pairs("edges_added")? {
        let ends = strings(pair)?;
        client.add_edge("from", &ends[0], &ends[1], b"\x80")?;
    }
    let left = client.call("from", "DiffAgainst", params([("other_graph", "to".into())]))?;
    for (name, list) in left.as_map().context("a map")? {
        assert_eq!(list.as_array().map(Vec::len), Some(0), "{name}");
    }
    let (nodes, _) = super::content(&mut client, "from")?;
    assert_eq!(nodes, super::content(&mut client, "to")?.0);
    assert!(unpack(&super::document(&mut client, "to")?).is_ok());
    Ok(())
}
