//! `Reconcile`, `Fork`, `ApplyMutation`.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, params};
use epistemic_tests::{Client, ServerProcess, Value, http, python, transfer};

use super::{content, counts, document, ids, lines, refused, sequence};

fn reconcile(graph_name: &str, more: (&'static str, Value)) -> Option<Value> {
    params([("graph_name", graph_name.into()), more])
}

/// The published client sends `json_str`, which the reference has never taken.
const CLIENT: &str = "
import json, sys
from epistemic_graph import SyncEpistemicGraphClient as Client
socket, secret = sys.argv[1:]
with Client.connect(socket_path=socket, auth_secret=secret, graph_name='g') as client:
    document = {'nodes': [['a', [0x81, 0xa1, 0x6b, 1]], ['b', []]], 'edges': [['a', 'b', [0x80]]],
                'ledger': ['ADD_NODE|a|81a16b01'], 'later': None}
    print(client.reconcile('g', json.dumps(document)))
    print(client.nodes.properties('a'), sorted(client.nodes.ids()), client.ledger.get())
    for name, text in [('g', '{'), ('g', '[1]'), ('other', '{}'), ('g', json.dumps({'nodes': [['a', [256]]]}))]:
        try:
            print(client.reconcile(name, text))
        except RuntimeError as error:
            print('refused', bool(str(error)))
    print(client.nodes.count(), client.edges.count())
";

#[test]
fn reconcile_takes_the_json_of_the_published_client() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    server.client()?.create_graph("g")?;
    server.client()?.create_graph("other")?;
    let socket = server.socket().to_str().context("socket path")?;
    let story = python::check("0.31.0", CLIENT, &[socket, server.secret()])?;
    let expected = "reconciled\n{'k': 1} ['a', 'b'] ['ADD_NODE|a|81a16b01']\n".to_owned()
        + &"refused True\n".repeat(4)
        + "2 1\n";
    assert_eq!(story, expected);
    Ok(())
}

#[test]
fn reconcile_replaces_the_graph_of_the_request_only() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    for graph in ["g", "other"] {
        client.create_graph(graph)?;
        client.add_node(graph, "old", b"\x80")?;
    }
    let text = "graph_name 'other' differs from the graph of the request 'g'; nothing was replaced";
    refused(&mut client, "g", "Reconcile", reconcile("other", ("msgpack", bin(b"\x80"))), text)?;
    refused(
        &mut client,
        "g",
        "Reconcile",
        reconcile("missing", ("json_str", "{}".into())),
        &text.replace("other", "missing"),
    )?;
    refused(
        &mut client,
        "missing",
        "Reconcile",
        reconcile("missing", ("json_str", "{}".into())),
        "Graph 'missing' not found",
    )?;
    let text = "Invalid request MsgPack: missing field `msgpack`";
    refused(&mut client, "g", "Reconcile", reconcile("g", ("other", Value::Nil)), text)?;
    assert_eq!((counts(&mut client, "g")?, counts(&mut client, "other")?), ((1, 0), (1, 0)));

    let json = r#"{"nodes": [["a", [128]], ["b", [128]]], "edges": [["a", "b", []], ["a", "x", []]]}"#;
    assert_eq!(
        client.call("g", "Reconcile", reconcile("g", ("json_str", json.into())))?,
        "reconciled".into()
    );
    assert_eq!((ids(&mut client, "g")?, counts(&mut client, "g")?), (vec!["a".into(), "b".into()], (2, 1)));
    assert_eq!(lines(&mut client, "g")?, ["ADD_NODE|a|80", "ADD_NODE|b|80", "ADD_EDGE|a|b|"]);
    let exported = document(&mut client, "g")?;
    client.call("g", "Reconcile", reconcile("g", ("msgpack", bin(b"\x80"))))?;
    assert_eq!(counts(&mut client, "g")?, (0, 0));
    client.call("g", "Reconcile", reconcile("g", ("msgpack", bin(exported))))?;
    assert_eq!((counts(&mut client, "g")?, counts(&mut client, "other")?), ((2, 1), (1, 0)));
    Ok(())
}

fn fork(client: &mut Client, graph: &str, copy: &str) -> Result<()> {
    let answer = client.call(graph, "Fork", params([("graph_name", copy.into())]))?;
    ensure!(answer == epistemic_tests::wire::map([("created", copy.into())]), "{answer}");
    Ok(())
}

/// In one batch, and by bulk load past 4 MiB.
#[test]
fn a_fork_is_equal_and_shares_nothing() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    for nodes in [10, 9_000] {
        let mut client = server.client()?;
        let (graph, copy) = (format!("graph of {nodes}"), format!("copy of {nodes}"));
        client.create_graph(&graph)?;
        transfer::fill(&mut client, &graph, nodes, 600)?;
        super::touch(&mut client, &graph, &["n1", "n2"])?;
        fork(&mut client, &graph, &copy)?;
        let equal = |client: &mut Client| -> Result<()> {
            ensure!(document(client, &copy)? == document(client, &graph)?, "{copy} differs");
            ensure!(sequence(client, &copy)? == sequence(client, &graph)?, "{copy} is at another change");
            Ok(())
        };
        equal(&mut client)?;
        for refused_name in [&copy, &graph, "__commons__"] {
            let text = format!("Graph '{refused_name}' already exists");
            let name = params([("graph_name", refused_name.into())]);
            refused(&mut client, &graph, "Fork", name, &text)?;
        }
        server = server.restart()?;
        client = server.client()?;
        equal(&mut client)?;
        client.call(&copy, "RemoveNode", super::node_param("n0"))?;
        client.add_node(&graph, "new", b"\x80")?;
        assert_eq!(counts(&mut client, &copy)?, (nodes - 1, nodes - 2));
        assert_eq!(counts(&mut client, &graph)?, (nodes + 1, nodes));
        client.call(&graph, "DeleteGraph", params([("graph_name", graph.as_str().into())]))?;
        assert_eq!(content(&mut client, &copy)?.0.as_array().map(Vec::len), Some(nodes as usize - 1));
        let text = format!("Graph '{graph}' not found");
        refused(&mut client, &graph, "Fork", params([("graph_name", "new".into())]), &text)?;
    }
    Ok(())
}

/// Fault 28: answered as clients expect, done nothing, and counted as that.
#[test]
fn mutations_that_are_not_supported_are_counted() -> Result<()> {
    let server = ServerProcess::ours().metrics().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "a", b"\x80")?;
    let before = (document(&mut client, "g")?, sequence(&mut client, "g")?);
    let query = "INSERT DATA { <a> <b> <c> }";
    let event = || params([("event_type", "node_added".into()), ("query", query.into())]);
    let signed = |signatures: &[&str]| {
        let signatures = signatures.iter().map(|&text| text.into()).collect();
        params([
            ("signatures", Value::Array(signatures)),
            ("threshold", 2.into()),
            ("mutation_type", "x".into()),
            ("query", query.into()),
        ])
    };
    for _ in 0..2 {
        assert_eq!(client.call("g", "ApplyMutation", event())?, "mutation_applied".into());
    }
    let answer = client.call("g", "ApplyMultisigMutation", signed(&["one", "two"]))?;
    assert_eq!(answer, "mutation_applied".into());
    let text = "Insufficient signatures: 1 < 2";
    refused(&mut client, "g", "ApplyMultisigMutation", signed(&["one"]), text)?;
    refused(&mut client, "missing", "ApplyMutation", event(), "Graph 'missing' not found")?;
    assert_eq!((document(&mut client, "g")?, sequence(&mut client, "g")?), before);
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    let counted = |op: &str| {
        http::series(&page, &format!("epistemic_graph_unsupported_mutations_total{{op=\"{op}\"}}"))
    };
    assert_eq!(counted("ApplyMutation"), Some(2.0), "{page}");
    assert!(counted("ApplyMultisigMutation").is_some(), "{page}");
    Ok(())
}
