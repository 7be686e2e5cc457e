//! `RunDatalogReasoning` on random ontologies, against an independent OWL 2 RL reasoner (`tests/python/datalog_oracle.py`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::{generator, seed};
use epistemic_tests::wire::{field, pack, params, unpack};
use epistemic_tests::{Client, ServerProcess, Value, binaries, http, shared};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value as Json, json};

use super::{content, counts, node, props, sequence};

const PROPERTIES: [&str; 5] = ["p", "q", "r", "part of", "é"];
const CLASSES: [&str; 5] = ["C", "D", "E", "F", "p"];

/// Facts and rules of a case as the oracle reads them.
struct Case {
    edges: Vec<[String; 3]>,
    classes: Vec<[String; 2]>,
    rules: Json,
}

fn pick(random: &mut StdRng, from: &[&'static str]) -> &'static str {
    from[random.random_range(0..from.len())]
}

/// Up to `most` lists of names, one from each of `from`.
fn rows(random: &mut StdRng, most: usize, from: &[&[&'static str]]) -> Vec<Vec<&'static str>> {
    let count = random.random_range(0..=most);
    (0..count).map(|_| from.iter().map(|names| pick(random, names)).collect()).collect()
}

impl Case {
    fn random(random: &mut StdRng) -> Case {
        let nodes: Vec<String> = (0..random.random_range(1..7)).map(|number| format!("n{number}")).collect();
        let node = |random: &mut StdRng| nodes[random.random_range(0..nodes.len())].clone();
        let edges = (0..random.random_range(0..12))
            .map(|_| [node(random), pick(random, &PROPERTIES).into(), node(random)])
            .collect();
        let mut classes = Vec::new();
        for node in &nodes {
            if random.random_bool(0.6) {
                classes.push([node.clone(), pick(random, &CLASSES).into()]);
            }
        }
        let (p, c): (&[_], &[_]) = (&PROPERTIES, &CLASSES);
        let mut rules = json!({
            "subclass_relations": rows(random, 4, &[c, c]),
            "subproperty_relations": rows(random, 2, &[p, p]),
            "inverse_properties": rows(random, 1, &[p, p]),
            "domain_rules": rows(random, 2, &[p, c]),
            "range_rules": rows(random, 2, &[p, c]),
            "symmetric_properties": rows(random, 1, &[p]).concat(),
            "transitive_properties": rows(random, 1, &[p]).concat(),
            "property_chains": rows(random, 2, &[p, p, p]),
        });
        if let Some(rules) = rules.as_object_mut() {
            rules.retain(|_, list| {
                list.as_array().is_some_and(|list| !list.is_empty()) || random.random_bool(0.5)
            });
        }
        Case { edges, classes, rules }
    }

    fn store(&self, client: &mut Client, graph: &str) -> Result<()> {
        client.create_graph(graph)?;
        let class: BTreeMap<_, _> = self.classes.iter().map(|[node, class]| (node, class)).collect();
        for number in 0..7 {
            let node = format!("n{number}");
            let own = [("k", number.into())].into_iter();
            let class = class.get(&node).map(|class| ("type", class.as_str().into()));
            client.add_node(graph, &node, &props(own.chain(class)))?;
        }
        for [source, property, target] in &self.edges {
            client.add_edge(graph, source, target, &props([("type", property.as_str().into())]))?;
        }
        Ok(())
    }
}

fn wire(json: &Json) -> Value {
    match json {
        Json::Array(items) => Value::Array(items.iter().map(wire).collect()),
        Json::Object(fields) => {
            Value::Map(fields.iter().map(|(key, value)| (key.as_str().into(), wire(value))).collect())
        }
        Json::String(text) => text.as_str().into(),
        Json::Null | Json::Bool(_) | Json::Number(_) => Value::Nil,
    }
}

/// Subject, predicate, object and kind of each inferred fact, as they came.
fn facts(answer: &Value) -> Result<Vec<[String; 4]>> {
    let triples = field(answer, "inferred_triples").and_then(Value::as_array).context("inferred_triples")?;
    let facts = triples.iter().map(|triple| {
        let part = |name: &str| Some(field(triple, name)?.as_str()?.to_owned());
        let fact = [part("subject")?, part("predicate")?, part("object")?, part("inference_type")?];
        (triple.as_map()?.len() == 4).then_some(fact)
    });
    let facts: Vec<_> = facts.collect::<Option<_>>().with_context(|| format!("{answer}"))?;
    ensure!(field(answer, "inferred_count") == Some(&facts.len().into()), "{answer}");
    Ok(facts)
}

fn is_class(fact: &[String; 4]) -> bool {
    ["type", "rdf:type"].contains(&fact[1].as_str())
}

fn reason(client: &mut Client, graph: &str, rules: &Json) -> Result<Vec<[String; 4]>> {
    facts(&client.call(graph, "RunDatalogReasoning", Some(wire(rules)))?)
}

/// Every inferred fact is in the graph, and nothing else came.
fn check_stored(client: &mut Client, graph: &str, case: &Case, facts: &[[String; 4]]) -> Result<()> {
    let inferred: Vec<_> = facts.iter().filter(|fact| !is_class(fact)).collect();
    let (_, edges) = content(client, graph)?;
    let edges = edges.as_array().context("edges")?;
    assert_eq!(edges.len(), case.edges.len() + inferred.len());
    for [source, property, target, kind] in inferred {
        let mut fields = vec![("inferred", true.into()), ("type", property.as_str().into())];
        if kind == "property_chain" {
            fields.insert(0, ("chain", true.into()));
        }
        let expected = props(fields);
        let is_it = |edge: &&Value| {
            let parts = edge.as_array().map(Vec::as_slice).unwrap_or_default();
            let bytes = parts[2].as_array().into_iter().flatten().filter_map(Value::as_u64);
            parts[0].as_str() == Some(source)
                && parts[1].as_str() == Some(target)
                && bytes.eq(expected.iter().map(|byte| u64::from(*byte)))
        };
        assert_eq!(edges.iter().filter(is_it).count(), 1, "{source} {property} {target}");
    }
    for number in 0..7 {
        let id = format!("n{number}");
        let found = node(client, graph, &id)?;
        let of = |predicate: &str| -> BTreeSet<&str> {
            let own = facts.iter().filter(|fact| fact[0] == id && fact[1] == predicate);
            own.map(|fact| fact[2].as_str()).collect()
        };
        let listed = field(&found, "inferred_types").and_then(Value::as_array).into_iter().flatten();
        let listed: Vec<_> = listed.filter_map(Value::as_str).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), of("rdf:type"), "{found}");
        assert_eq!(listed.len(), of("rdf:type").len(), "none twice: {found}");
        let widest = field(&found, "inferred_type").and_then(Value::as_str);
        ensure!(widest.map_or(of("type").is_empty(), |class| of("type").contains(class)), "{found}");
        assert_eq!(field(&found, "k"), Some(&Value::from(number)), "{found}");
        let class = case.classes.iter().find(|[node, _]| *node == id).map(|[_, class]| class.as_str());
        assert_eq!(field(&found, "type").and_then(Value::as_str), class, "{found}");
    }
    Ok(())
}

fn ask_the_oracle(cases: &[u8]) -> Result<()> {
    let python = binaries::datalog_python()?;
    let script = shared::package()?.join("python/datalog_oracle.py");
    let mut child = Command::new(python)
        .arg(script)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // It answers at the end only, so nothing it writes can fill a pipe before it has read everything.
    child.stdin.take().context("stdin")?.write_all(cases)?;
    let output = child.wait_with_output()?;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success() && stdout.starts_with("ok "), "{stdout}{stderr}");
    Ok(())
}

#[test]
fn random_ontologies_complete_as_an_independent_reasoner_says() -> Result<()> {
    let random = &mut generator(seed("random_ontologies_complete_as_an_independent_reasoner_says"), 0);
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    let (mut cases, mut inferred) = (Vec::new(), 0);
    for round in 0..60 {
        let case = Case::random(random);
        let graph = format!("g{round}");
        let told = || format!("{:?} {:?} {}", case.edges, case.classes, case.rules);
        case.store(&mut client, &graph)?;
        let facts = reason(&mut client, &graph, &case.rules).with_context(told)?;
        check_stored(&mut client, &graph, &case, &facts).with_context(told)?;
        inferred += facts.len();

        let triples = facts.iter().map(|[subject, predicate, object, kind]| {
            json!({"subject": subject, "predicate": predicate, "object": object, "inference_type": kind})
        });
        let line = json!({
            "facts": {"edges": case.edges, "classes": case.classes},
            "rules": case.rules,
            "inferred": {"inferred_count": facts.len(), "inferred_triples": triples.collect::<Vec<_>>()},
        });
        serde_json::to_writer(&mut cases, &line)?;
        cases.push(b'\n');

        let before = (content(&mut client, &graph)?, sequence(&mut client, &graph)?);
        let again = reason(&mut client, &graph, &case.rules)?;
        let after = (content(&mut client, &graph)?, sequence(&mut client, &graph)?);
        ensure!(after == before, "a second run changes something: {}\n{before:?}\n{after:?}", told());
        let classes: BTreeSet<_> = facts.into_iter().filter(is_class).collect();
        assert_eq!(
            again.into_iter().collect::<BTreeSet<_>>(),
            classes,
            "classes are told again, edges once: {}",
            told()
        );
    }
    ensure!(inferred > 200, "only {inferred} facts were inferred");
    ask_the_oracle(&cases)
}

/// The oracle can fail: a fact too many, and one too few.
#[test]
fn the_oracle_can_fail() -> Result<()> {
    let case = |triples: Json| {
        let count = triples.as_array().map_or(0, Vec::len);
        let line = json!({
            "facts": {"edges": [["a", "p", "b"]], "classes": []},
            "rules": {"symmetric_properties": ["p"]},
            "inferred": {"inferred_count": count, "inferred_triples": triples},
        });
        line.to_string().into_bytes()
    };
    let edge = |s: &str, t: &str| json!({"subject": s, "predicate": "p", "object": t, "inference_type": "rust_datalog"});
    ask_the_oracle(&case(json!([edge("b", "a")])))?;
    for wrong in [json!([]), json!([edge("b", "a"), edge("a", "a")])] {
        ensure!(ask_the_oracle(&case(wrong)).is_err(), "the oracle accepts a wrong answer");
    }
    Ok(())
}

/// A chain of 60 nodes under a transitive property: 1,711 new edges, of which nobody ever sees a part.
#[test]
fn all_inferences_come_at_once() -> Result<()> {
    const NODES: u64 = 60;
    const INFERRED: u64 = (NODES - 1) * (NODES - 2) / 2;
    let server = ServerProcess::ours().metrics().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    for number in 0..NODES {
        client.add_node("g", &format!("n{number}"), &pack(&Value::Map(Vec::new())))?;
        if number > 0 {
            let bytes = props([("type", "before".into())]);
            client.add_edge("g", &format!("n{}", number - 1), &format!("n{number}"), &bytes)?;
        }
    }
    let groups = || -> Result<f64> {
        let page = http::get(server.metrics_addr(), "/metrics")?.body;
        http::series(&page, "epistemic_graph_commit_group_writes_count").context("commit groups")
    };
    let (before, start) = (groups()?, sequence(&mut client, "g")?);
    let done = AtomicBool::new(false);
    let mut watching = server.client()?;
    thread::scope(|scope| {
        let watcher = scope.spawn(|| -> Result<BTreeSet<u64>> {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Acquire) {
                seen.insert(counts(&mut watching, "g")?.1);
            }
            Ok(seen)
        });
        let rules = json!({"transitive_properties": ["before"]});
        let facts = reason(&mut client, "g", &rules);
        done.store(true, Ordering::Release);
        let seen = watcher.join().expect("no panic")?;
        assert_eq!(facts?.len() as u64, INFERRED);
        let whole = [NODES - 1, NODES - 1 + INFERRED];
        ensure!(seen.iter().all(|count| whole.contains(count)), "{seen:?}");
        anyhow::Ok(())
    })?;
    assert_eq!(groups()? - before, 1.0, "one commit");
    assert_eq!(sequence(&mut client, "g")? - start, INFERRED, "one change for each edge");
    assert_eq!(super::lines(&mut client, "g")?.len() as u64, 2 * NODES - 1 + INFERRED, "in the ledger");
    super::refused(
        &mut client,
        "g",
        "RunDatalogReasoning",
        None,
        "Invalid request MsgPack: missing field `params`",
    )?;
    assert!(reason(&mut client, "g", &json!({}))?.is_empty());
    assert_eq!(facts(&client.call("g", "RunDatalogReasoning", params([("unknown", 1.into())]))?)?.len(), 0);
    unpack(&super::document(&mut client, "g")?)?;
    Ok(())
}
