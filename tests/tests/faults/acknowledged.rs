//! What was acknowledged survives `kill -9`, whatever the mutation: faults 11 and 20.

use std::collections::BTreeSet;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::wire::{WireError, bin, map, pack, params};
use epistemic_tests::{Client, ServerBuilder, ServerProcess, Value, transfer};

use super::{goes_red, graph_names, node_ids};

const BATCH: usize = 50;

/// Half of the writers send batches, half single nodes; the server is killed when the last has its last answer.
fn batches_beside_single_writes_survive(server: ServerBuilder) -> Result<()> {
    let server = server.start()?;
    server.client()?.create_graph("g")?;
    let clients = (0..4).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    let acknowledged = thread::scope(|scope| {
        let writers = clients
            .into_iter()
            .enumerate()
            .map(|(writer, client)| scope.spawn(move || write(writer, client)));
        let writers: Vec<_> = writers.collect();
        let ids = writers.into_iter().map(|writer| writer.join().expect("a writer panicked"));
        ids.collect::<Result<Vec<_>, WireError>>()
    })?;
    let server = server.restart()?;
    let found: BTreeSet<String> = node_ids(&mut server.client()?, "g")?.into_iter().collect();
    let expected: BTreeSet<String> = acknowledged.into_iter().flatten().collect();
    let lost = expected.difference(&found).count();
    ensure!(lost == 0, "{lost} of {} acknowledged nodes lost", expected.len());
    ensure!(found == expected, "nodes that nobody added: {:?}", found.difference(&expected).next());
    Ok(())
}

fn write(writer: usize, mut client: Client) -> Result<Vec<String>, WireError> {
    let mut acknowledged = Vec::new();
    for request in 0..100 {
        if writer.is_multiple_of(2) {
            let ids: Vec<String> = (0..BATCH).map(|item| format!("w{writer}.{request}.{item}")).collect();
            let node = |id: &String| map([("op", "add_node".into()), ("id", id.as_str().into())]);
            client.batch_update("g", ids.iter().map(node).collect())?;
            acknowledged.extend(ids);
        } else {
            let id = format!("w{writer}.{request}");
            client.add_node("g", &id, b"\x80")?;
            acknowledged.push(id);
        }
    }
    Ok(acknowledged)
}

#[test]
fn fault_11_batches_beside_single_writes_survive_a_kill() -> Result<()> {
    batches_beside_single_writes_survive(ServerProcess::ours())
}

#[test]
fn fault_11_is_found_in_reference_2_0() -> Result<()> {
    goes_red(
        batches_beside_single_writes_survive(ServerProcess::reference("2.0.0")),
        "acknowledged nodes lost",
    )
}

/// A mutation, and whether its effect is there.
struct Mutation {
    name: &'static str,
    run: fn(&mut Client) -> Result<()>,
    is_done: fn(&mut Client) -> Result<bool>,
}

fn call(client: &mut Client, method: &str, fields: Option<Value>) -> Result<Value> {
    client.call("g", method, fields).context(method.to_owned())
}

fn named(name: &str) -> Option<Value> {
    params([("graph_name", name.into())])
}

fn is_empty_array(answer: &Value) -> bool {
    answer.as_array().is_some_and(Vec::is_empty)
}

/// Every kind of mutation but the single ones and `BatchUpdate`, in an order in which each has something to do.
const MUTATIONS: [Mutation; 6] = [
    Mutation {
        name: "CreateGraph",
        run: |client| Ok(client.create_graph("new")?),
        is_done: |client| Ok(graph_names(client)?.contains(&"new".into())),
    },
    Mutation {
        name: "DeleteGraph",
        run: |client| call(client, "DeleteGraph", named("doomed")).map(drop),
        is_done: |client| Ok(!graph_names(client)?.contains(&"doomed".into())),
    },
    Mutation {
        name: "ClearLedger",
        run: |client| call(client, "ClearLedger", None).map(drop),
        is_done: |client| Ok(is_empty_array(&call(client, "GetLedger", None)?)),
    },
    Mutation {
        name: "FromMsgpack",
        run: |client| {
            let nodes =
                Value::Array(vec![Value::Array(vec!["imported".into(), Value::Array(vec![0x80.into()])])]);
            let document = bin(pack(&map([("nodes", nodes)])));
            call(client, "FromMsgpack", params([("msgpack", document)])).map(drop)
        },
        is_done: |client| Ok(node_ids(client, "g")? == ["imported"]),
    },
    Mutation {
        name: "RemoveNode",
        run: |client| call(client, "RemoveNode", params([("node_id", "imported".into())])).map(drop),
        is_done: |client| Ok(node_ids(client, "g")?.is_empty()),
    },
    Mutation {
        name: "ClearGraph",
        run: |client| {
            client.add_node("full", "another", b"\x80")?;
            client.call("full", "ClearGraph", None)?;
            Ok(())
        },
        is_done: |client| Ok(node_ids(client, "full")?.is_empty()),
    },
];

/// Runs each mutation, kills the server at once, and lists those that are undone after the restart.
fn undone_by_a_kill(server: ServerBuilder) -> Result<Vec<&'static str>> {
    let mut server = server.start()?;
    let mut client = server.client()?;
    for graph in ["g", "doomed", "full"] {
        client.create_graph(graph)?;
        client.add_node(graph, "node", b"\x80")?;
    }
    let mut undone = Vec::new();
    for Mutation { name, run, is_done } in MUTATIONS {
        // For the reference, which may lose what was there before.
        client.call("__commons__", "Checkpoint", None)?;
        run(&mut client)?;
        ensure!(is_done(&mut client)?, "{name} is not done before the kill");
        server = server.restart()?;
        client = server.client()?;
        if !is_done(&mut client)? {
            undone.push(name);
            run(&mut client).with_context(|| format!("{name}, again"))?;
        }
    }
    Ok(undone)
}

#[test]
fn fault_20_every_mutation_survives_a_kill() -> Result<()> {
    let undone = undone_by_a_kill(ServerProcess::ours())?;
    ensure!(undone.is_empty(), "undone by a kill: {undone:?}");
    Ok(())
}

#[test]
fn fault_20_is_found_in_reference_0_31() -> Result<()> {
    let undone = undone_by_a_kill(ServerProcess::reference("0.31.0"))?;
    eprintln!("0.31.0: undone by a kill: {undone:?}");
    for name in ["CreateGraph", "DeleteGraph", "ClearLedger", "FromMsgpack"] {
        ensure!(undone.contains(&name), "{name} survives: {undone:?}");
    }
    Ok(())
}

/// Imports of both kinds: in one batch, and by bulk load past 4 MiB.
#[test]
fn fault_20_imported_snapshots_survive_a_kill() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    for (nodes, bytes) in [(10, 100), (12_000, 1_000)] {
        let (graph, copy) = (format!("graph of {nodes}"), format!("copy of {nodes}"));
        let mut client = server.client()?;
        client.create_graph(&graph)?;
        transfer::fill(&mut client, &graph, nodes, bytes)?;
        let mut snapshot = Vec::new();
        transfer::export(&mut client, &graph, &mut snapshot)?;
        transfer::import(&mut client, &copy, snapshot.as_slice())?;
        server = server.restart()?;
        let mut client = server.client()?;
        let mut again = Vec::new();
        transfer::export(&mut client, &copy, &mut again)?;
        let counts = [client.call(&copy, "NodeCount", None)?, client.call(&copy, "EdgeCount", None)?];
        ensure!(counts == [nodes.into(), nodes.into()], "{copy}: {counts:?}");
        if client.node_properties(&copy, "n7")? != Some(pack(&transfer::properties(7, bytes))) {
            bail!("{copy}: n7 has other properties");
        }
        // Header and trailer differ by the name and times; the records between them do not.
        ensure!(again.len().abs_diff(snapshot.len()) < 64, "{} and {} bytes", snapshot.len(), again.len());
    }
    Ok(())
}
