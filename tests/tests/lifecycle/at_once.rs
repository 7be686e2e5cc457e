//! Computed writes that four clients run at once do what one of them does: D7, decision 0024.
//!
//! Two graphs of the same content: one client runs the operation on the first, four at the same time on the second, and both are
//! the same then. `EG_ONCE_GRAPHS` sets the number of such pairs.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wire::{bin, field, map, pack, params, unpack};
use epistemic_tests::{Client, ServerProcess, Value};
use rand::RngExt;
use rand::rngs::StdRng;

use super::{content, named_counts, now, sequence};

const CLIENTS: usize = 4;
/// Half of it has passed since the nodes and edges were last seen, give or take a second.
const HALF_LIFE: u64 = 100_000_000;

/// A computed write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Reasoning,
    Evict,
    Compact,
    Prune,
    Decay,
    DecayAndPrune,
}

const OPERATIONS: [Operation; 6] = [
    Operation::Reasoning,
    Operation::Evict,
    Operation::Compact,
    Operation::Prune,
    Operation::Decay,
    Operation::DecayAndPrune,
];

impl Operation {
    fn request(self) -> (&'static str, Option<Value>) {
        let decay = |prune: bool| {
            params([
                ("half_life_secs", (HALF_LIFE as f64).into()),
                ("floor", 0.3.into()),
                ("prune", prune.into()),
            ])
        };
        match self {
            Operation::Reasoning => {
                let names = |names: &[&str]| Value::Array(names.iter().map(|name| (*name).into()).collect());
                let rules = [
                    ("transitive_properties", names(&["p"])),
                    ("symmetric_properties", names(&["q"])),
                    ("subclass_relations", Value::Array(vec![names(&["A", "B"])])),
                ];
                ("RunDatalogReasoning", params(rules))
            }
            Operation::Evict => ("EvictLRU", params([("max_nodes", 7.into())])),
            Operation::Compact => {
                ("CompactNodesByType", params([("node_type", "A".into()), ("threshold", 2.into())]))
            }
            Operation::Prune => {
                ("PruneByLifecycle", params([("max_age_secs", 1000.into()), ("min_score", 0.6.into())]))
            }
            Operation::Decay => ("DecaySweep", decay(false)),
            Operation::DecayAndPrune => ("DecaySweep", decay(true)),
        }
    }

    /// How much the answers say was done, all together. None where an answer tells the state and not what was done.
    fn done(self, answers: &[Value]) -> Result<Option<BTreeMap<String, u64>>> {
        let mut sum = BTreeMap::new();
        for answer in answers {
            let counts = match self {
                // Classes are told again by each run; a decay that meets the next second has something to do again.
                Operation::Reasoning | Operation::Decay | Operation::DecayAndPrune => return Ok(None),
                Operation::Evict => {
                    BTreeMap::from([("evicted".into(), answer.as_u64().context("EvictLRU")?)])
                }
                Operation::Compact => {
                    let removed = field(answer, "removed_nodes").and_then(Value::as_array);
                    BTreeMap::from([("removed".into(), removed.context("removed_nodes")?.len() as u64)])
                }
                Operation::Prune => named_counts(answer)?,
            };
            for (name, count) in counts {
                *sum.entry(name).or_default() += count;
            }
        }
        Ok(Some(sum))
    }
}

/// A batch that fills a graph: nodes of two types, all but some seen half a life ago, and edges of two types.
fn filling(random: &mut StdRng, seen: u64) -> Vec<Value> {
    let vitals = |random: &mut StdRng, of: &str| {
        let mut fields = vec![("confidence", [0.5, 0.9][random.random_range(0..2)].into())];
        if random.random_bool(0.8) {
            fields.push(("last_access", seen.into()));
        }
        fields.push(("type", of.into()));
        map(fields)
    };
    let nodes = random.random_range(12..30);
    let mut batch = Vec::new();
    for number in 0..nodes {
        let of = ["A", "B"][random.random_range(0..2)];
        let properties = vitals(random, of);
        batch.push(map([
            ("op", "add_node".into()),
            ("id", format!("n{number}").into()),
            ("properties", properties),
        ]));
    }
    for _ in 0..nodes {
        let of = ["p", "q"][random.random_range(0..2)];
        let properties = vitals(random, of);
        let mut end = || format!("n{}", random.random_range(0..nodes));
        batch.push(map([
            ("op", "add_edge".into()),
            ("source", end().into()),
            ("target", end().into()),
            ("properties", properties),
        ]));
    }
    batch
}

/// Nodes and edges; of properties that were rewritten just now, the times are left out and the
/// confidence is in hundredths.
fn outcome(client: &mut Client, graph: &str) -> Result<(Vec<Value>, Vec<Value>)> {
    let (nodes, edges) = content(client, graph)?;
    let rows = |rows: &Value| -> Result<Vec<Value>> {
        rows.as_array().context("no rows")?.iter().map(without_times).collect()
    };
    Ok((rows(&nodes)?, rows(&edges)?))
}

fn without_times(row: &Value) -> Result<Value> {
    let mut row = row.as_array().cloned().context("no row")?;
    let bytes = row.pop().context("an empty row")?;
    let bytes = bytes.as_array().context("no bytes")?.iter();
    let bytes: Option<Vec<u8>> = bytes.map(|byte| byte.as_u64()?.try_into().ok()).collect();
    let properties = unpack(&bytes.context("no bytes")?)?;
    let recent = now() - 3600;
    let fields = properties.as_map().context("no map")?.iter().map(|(name, value)| {
        let value = match name.as_str() {
            Some("last_access") if value.as_u64().is_some_and(|second| second > recent) => "recent".into(),
            Some("confidence") => ((value.as_f64().unwrap_or(f64::NAN) * 100.0).round() as i64).into(),
            _ => value.clone(),
        };
        (name.clone(), value)
    });
    row.push(Value::Map(fields.collect()));
    Ok(Value::Array(row))
}

/// Sends the same request on all connections before any answer is waited for. A run that is refused because another one is at
/// it has no answer.
fn run(clients: &mut [Client], graph: &str, operation: Operation) -> Result<Vec<Value>> {
    let (method, fields) = operation.request();
    for client in &mut *clients {
        client.send(graph, method, fields.clone())?;
    }
    let mut answers = Vec::new();
    for client in clients {
        match client.receive()?.outcome {
            Ok(answer) => answers.push(answer),
            Err(text) if text.starts_with("BUSY: RunDatalogReasoning runs") => {}
            Err(text) => anyhow::bail!("{method}: {text}"),
        }
    }
    ensure!(!answers.is_empty(), "{method}: all were refused");
    Ok(answers)
}

#[test]
fn computed_writes_at_once_are_done_once() -> Result<()> {
    let pairs = number_from_env("EG_ONCE_GRAPHS", 240);
    let random = &mut generator(seed("computed_writes_at_once_are_done_once"), 0);
    let server = ServerProcess::ours().arg("--durability").arg("none").start()?;
    let mut clients = (0..CLIENTS).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    let (mut changed, mut refused) = (0, 0);
    for pair in 0..pairs {
        let operation = OPERATIONS[pair % OPERATIONS.len()];
        let batch = filling(random, now() - HALF_LIFE);
        let graphs = ["one", "all"].map(|who| format!("{who} {pair}"));
        for graph in &graphs {
            clients[0].create_graph(graph)?;
            let payload = bin(pack(&Value::Array(batch.clone())));
            clients[0].call(graph, "BatchUpdate", params([("operations_msgpack", payload)]))?;
        }
        let [one, all] = &graphs;
        let before = sequence(&mut clients[0], one)?;
        let by_one = run(&mut clients[..1], one, operation)?;
        let by_all = run(&mut clients, all, operation)?;
        refused += CLIENTS - by_all.len();
        let told = || format!("{operation:?}, pair {pair}: {}", Value::Array(batch.clone()));
        let (wanted, found) = (outcome(&mut clients[0], one)?, outcome(&mut clients[0], all)?);
        ensure!(wanted == found, "{}\nby one: {wanted:?}\nby all: {found:?}", told());
        let (wanted, found) = (operation.done(&by_one)?, operation.done(&by_all)?);
        ensure!(wanted == found, "{}\nby one: {wanted:?}\nby all: {found:?}", told());
        let (after_one, after_all) = (sequence(&mut clients[0], one)?, sequence(&mut clients[0], all)?);
        let again = matches!(operation, Operation::Decay | Operation::DecayAndPrune) && after_all > after_one;
        ensure!(after_one == after_all || again, "{}: {after_one} changes, {after_all}", told());
        changed += usize::from(after_one > before);
        for graph in &graphs {
            clients[0].call(graph, "DeleteGraph", params([("graph_name", graph.as_str().into())]))?;
        }
    }
    ensure!(changed * 2 > pairs, "only {changed} of {pairs} had anything to do");
    eprintln!("figures: graphs={pairs} changed={changed} refused_as_busy={refused}");
    Ok(())
}

/// Negative control: a change that comes twice is seen.
#[test]
fn a_change_that_comes_twice_is_seen() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    let bytes = pack(&map([("inferred", true.into()), ("type", "p".into())]));
    for (graph, edges) in [("one", 1), ("all", 2)] {
        client.create_graph(graph)?;
        client.add_node(graph, "a", &pack(&map([("confidence", (0.5 / f64::from(edges)).into())])))?;
        for _ in 0..edges {
            client.add_edge(graph, "a", "a", &bytes)?;
        }
    }
    let (one, all) = (outcome(&mut client, "one")?, outcome(&mut client, "all")?);
    ensure!(one.0 != all.0 && one.1 != all.1, "{one:?} {all:?}");
    Ok(())
}
