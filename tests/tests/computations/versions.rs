//! A computation sees every change that was acknowledged before it was asked for, and reads a graph again only then.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, map, pack, params};
use epistemic_tests::{Client, ServerProcess, Value};

use crate::graphs::{self, edge, node};
use crate::{metric, server};

fn pair() -> Option<Value> {
    params([("source_id", "a".into()), ("target_id", "b".into())])
}

fn one(id: &str) -> Option<Value> {
    params([("node_id", id.into())])
}

fn components(client: &mut Client) -> Result<Vec<usize>> {
    let groups = client.call("g", "ConnectedComponents", None)?;
    let groups = groups.as_array().context("no list")?;
    let mut sizes: Vec<_> = groups.iter().filter_map(|group| Some(group.as_array()?.len())).collect();
    sizes.sort_unstable();
    Ok(sizes)
}

/// Asks from two connections, and returns how often the graph was read for it.
fn expect(server: &ServerProcess, clients: &mut [Client; 2], sizes: &[usize]) -> Result<f64> {
    let before = metric(server, "projection_builds_total")?;
    for client in clients.iter_mut() {
        let found = components(client)?;
        ensure!(found == sizes, "{found:?}, not {sizes:?}");
    }
    Ok(metric(server, "projection_builds_total")? - before)
}

#[test]
fn changes_are_seen_and_everything_else_keeps_the_projection() -> Result<()> {
    let server = server().start()?;
    let mut clients = [server.client()?, server.tcp_client()?];
    graphs::create(&mut clients[0], "g", ["a", "b", "c"].map(node))?;
    ensure!(expect(&server, &mut clients, &[1, 1, 1])? == 1.0);
    let document = clients[0].call("g", "ToMsgpack", None)?;
    let batch =
        |operations: Vec<Value>| params([("operations_msgpack", bin(pack(&Value::Array(operations))))]);
    let added = |id: &str| params([("node_id", id.into()), ("properties_msgpack", bin([0x80]))]);
    let seen: Vec<(&str, Option<Value>, &[usize])> = vec![
        (
            "AddEdge",
            params([
                ("source_id", "a".into()),
                ("target_id", "b".into()),
                ("properties_msgpack", bin([0x80])),
            ]),
            &[1, 2],
        ),
        ("AddNode", added("d"), &[1, 1, 2]),
        ("BatchUpdate", batch(vec![edge("c", "d"), node("e")]), &[1, 2, 2]),
        ("RemoveEdge", pair(), &[1, 1, 1, 2]),
        ("RemoveNode", one("c"), &[1, 1, 1, 1]),
        ("FromMsgpack", params([("msgpack", document)]), &[1, 1, 1]),
        ("ClearGraph", None, &[]),
    ];
    for (method, fields, sizes) in seen {
        let [writer, _] = &mut clients;
        writer.call("g", method, fields).with_context(|| method.to_owned())?;
        ensure!(expect(&server, &mut clients, sizes)? == 1.0, "after {method}");
    }
    for id in ["a", "b"] {
        clients[0].add_node("g", id, &[0x80])?;
    }
    ensure!(expect(&server, &mut clients, &[1, 1])? == 1.0);
    for (method, fields) in [
        ("TouchNodes", params([("node_ids", Value::Array(vec!["a".into()]))])),
        (
            "AddNode",
            params([("node_id", "a".into()), ("properties_msgpack", bin(pack(&map([("n", 1.into())]))))]),
        ),
        ("GetNodeProperties", one("a")),
    ] {
        clients[0].call("g", method, fields).with_context(|| method.to_owned())?;
        ensure!(expect(&server, &mut clients, &[1, 1])? == 0.0, "{method} changes no edges");
    }
    // On one connection a computation waits for the writes before it.
    for n in 0..100 {
        clients[0].send("g", "AddNode", added(&format!("n{n}")))?;
        clients[0].send("g", "ConnectedComponents", None)?;
    }
    for n in 0..100 {
        ensure!(clients[0].receive()?.outcome == Ok("ok".into()));
        let groups = clients[0].receive()?.outcome.map_err(anyhow::Error::msg)?;
        ensure!(groups.as_array().is_some_and(|groups| groups.len() == n + 3), "after write {n}: {groups}");
    }
    Ok(())
}
