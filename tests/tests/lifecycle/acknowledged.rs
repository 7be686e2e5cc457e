//! Every operation of fault 20 that is not tested in `faults`: done before a stop or a kill is done after it.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, field, map, pack, params};
use epistemic_tests::{Client, ServerBuilder, ServerProcess, Value};

use super::{content, counts, evict, ids, lines, node, now, number, props, sequence, sweep, touch};

/// An operation on a graph that [`fill`] made, and whether it is done.
struct Operation {
    name: &'static str,
    run: fn(&mut Client, &str) -> Result<()>,
    is_done: fn(&mut Client, &str) -> Result<bool>,
}

/// Three nodes, the oldest last; three parallel edges, one of them worth little.
fn fill(client: &mut Client, graph: &str) -> Result<()> {
    client.create_graph(graph)?;
    for (id, age, confidence) in [("a", 10, 0.9), ("b", 20, 0.9), ("c", 1_000_000, 0.1)] {
        let fields =
            [("type", "T".into()), ("confidence", confidence.into()), ("last_access", (now() - age).into())];
        client.add_node(graph, id, &props(fields))?;
    }
    for confidence in [0.9, 0.1, 0.8] {
        client.add_edge(
            graph,
            "a",
            "b",
            &props([("type", "p".into()), ("confidence", confidence.into())]),
        )?;
    }
    client.add_edge(graph, "b", "c", &props([("type", "p".into())]))?;
    Ok(())
}

fn imported() -> Value {
    let nodes = Value::Array(vec![Value::Array(vec!["imported".into(), Value::Array(vec![0x80.into()])])]);
    bin(pack(&map([("nodes", nodes)])))
}

fn only(client: &mut Client, graph: &str, expected: &[&str]) -> Result<bool> {
    Ok(ids(client, graph)? == expected)
}

const OPERATIONS: [Operation; 12] = [
    Operation {
        name: "TouchNodes",
        run: |client, graph| {
            ensure!(touch(client, graph, &["c", "a"])? == 2);
            Ok(())
        },
        is_done: |client, graph| {
            let found = node(client, graph, "c")?;
            Ok(number(&found, "confidence")? == 1.0 && number(&found, "last_access")? + 600.0 > now() as f64)
        },
    },
    Operation {
        name: "DecaySweep",
        run: |client, graph| {
            ensure!(sweep(client, graph, 500_000.0, 0.0, false)? == [3, 0, 0, 0]);
            Ok(())
        },
        is_done: |client, graph| Ok((number(&node(client, graph, "c")?, "confidence")? - 0.025).abs() < 1e-3),
    },
    Operation {
        name: "DecaySweep with prune",
        run: |client, graph| {
            ensure!(sweep(client, graph, 1e12, 0.5, true)? == [3, 0, 1, 1]);
            Ok(())
        },
        is_done: |client, graph| Ok(only(client, graph, &["a", "b"])? && counts(client, graph)? == (2, 2)),
    },
    Operation {
        name: "EvictLRU",
        run: |client, graph| {
            ensure!(evict(client, graph, 1)? == 2);
            Ok(())
        },
        is_done: |client, graph| only(client, graph, &["a"]),
    },
    Operation {
        name: "PruneByLifecycle",
        run: |client, graph| {
            let fields = [("max_age_secs", 5000.into()), ("min_score", 0.5.into())];
            client.call(graph, "PruneByLifecycle", params(fields)).map(drop).context("PruneByLifecycle")
        },
        is_done: |client, graph| only(client, graph, &["a", "b"]),
    },
    Operation {
        name: "CompactNodesByType",
        run: |client, graph| {
            let fields = [("node_type", "T".into()), ("threshold", 1.into())];
            client.call(graph, "CompactNodesByType", params(fields)).map(drop).context("CompactNodesByType")
        },
        is_done: |client, graph| only(client, graph, &["c"]),
    },
    Operation {
        name: "FromMsgpack",
        run: |client, graph| {
            Ok(client.call(graph, "FromMsgpack", params([("msgpack", imported())])).map(drop)?)
        },
        is_done: |client, graph| only(client, graph, &["imported"]),
    },
    Operation {
        name: "Reconcile",
        run: |client, graph| {
            let fields = [("graph_name", graph.into()), ("msgpack", imported())];
            Ok(client.call(graph, "Reconcile", params(fields)).map(drop)?)
        },
        is_done: |client, graph| only(client, graph, &["imported"]),
    },
    Operation {
        name: "ApplyLedger",
        run: |client, graph| {
            let lines = ["ADD_NODE|d|81a16b01", "REMOVE_NODE|a", "ADD_EDGE|d|b|80"];
            let lines = Value::Array(lines.map(Value::from).into());
            Ok(client.call(graph, "ApplyLedger", params([("transactions", lines)])).map(drop)?)
        },
        is_done: |client, graph| {
            Ok(only(client, graph, &["b", "c", "d"])? && counts(client, graph)? == (3, 2))
        },
    },
    Operation {
        name: "ClearLedger",
        run: |client, graph| Ok(client.call(graph, "ClearLedger", None).map(drop)?),
        is_done: |client, graph| Ok(lines(client, graph)?.is_empty() && counts(client, graph)? == (3, 4)),
    },
    Operation {
        name: "Fork",
        run: |client, graph| {
            let fields = [("graph_name", format!("copy of {graph}").into())];
            Ok(client.call(graph, "Fork", params(fields)).map(drop)?)
        },
        is_done: |client, graph| {
            let copy = format!("copy of {graph}");
            Ok(content(client, graph)? == content(client, &copy)?
                && lines(client, graph)? == lines(client, &copy)?
                && sequence(client, graph)? == sequence(client, &copy)?)
        },
    },
    Operation {
        name: "RunDatalogReasoning",
        run: |client, graph| {
            let pair =
                |one: &str, other: &str| Value::Array(vec![Value::Array(vec![one.into(), other.into()])]);
            let rules = [
                ("subclass_relations", pair("T", "Thing")),
                ("symmetric_properties", Value::Array(vec!["p".into()])),
                ("range_rules", pair("p", "Target")),
            ];
            Ok(client.call(graph, "RunDatalogReasoning", params(rules)).map(drop)?)
        },
        is_done: |client, graph| {
            let found = node(client, graph, "c")?;
            Ok(counts(client, graph)? == (3, 6)
                && field(&found, "inferred_type") == Some(&"Thing".into())
                && field(&found, "inferred_types") == Some(&Value::Array(vec!["Target".into()])))
        },
    },
];

#[test]
fn fault_20_every_operation_survives_a_kill_right_after_its_answer() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    for Operation { name, run, is_done } in OPERATIONS {
        fill(&mut client, name)?;
        ensure!(!is_done(&mut client, name).unwrap_or(false), "{name} is done before it is run");
        run(&mut client, name).context(name)?;
        server = server.restart()?;
        client = server.client()?;
        ensure!(is_done(&mut client, name)?, "{name} is undone by a kill");
    }
    Ok(())
}

#[test]
fn fault_20_every_operation_survives_a_restart() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    for Operation { name, run, .. } in OPERATIONS {
        fill(&mut client, name)?;
        run(&mut client, name).context(name)?;
    }
    for round in 0..2 {
        let client = &mut server.client()?;
        for Operation { name, is_done, .. } in OPERATIONS {
            ensure!(is_done(client, name)?, "{name} is not done after {round} restarts");
        }
        ensure!(server.terminate()?.success(), "{}", server.output());
        server = server.restart()?;
    }
    Ok(())
}

/// Those of the operations that the server does, and that are undone by a kill.
fn undone_by_a_kill(server: ServerBuilder) -> Result<Vec<&'static str>> {
    let mut server = server.start()?;
    let mut undone = Vec::new();
    for Operation { name, run, is_done } in OPERATIONS {
        let mut client = server.client()?;
        fill(&mut client, name)?;
        client.call("__commons__", "Checkpoint", None)?;
        if run(&mut client, name).is_err() || !is_done(&mut client, name).unwrap_or(false) {
            continue;
        }
        server = server.restart()?;
        if !is_done(&mut server.client()?, name).unwrap_or(false) {
            undone.push(name);
        }
    }
    Ok(undone)
}

#[test]
fn fault_20_is_found_in_reference_0_31() -> Result<()> {
    let undone = undone_by_a_kill(ServerProcess::reference("0.31.0"))?;
    eprintln!("0.31.0: undone by a kill: {undone:?}");
    for name in ["TouchNodes", "DecaySweep", "FromMsgpack", "Reconcile", "ClearLedger"] {
        ensure!(undone.contains(&name), "{name} survives: {undone:?}");
    }
    Ok(())
}
