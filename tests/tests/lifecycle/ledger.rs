//! `ApplyLedger`: a ledger applied is the graph again; what cannot be applied is told.

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::{generator, seed};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerProcess, Value};
use rand::RngExt;

use super::{content, counts, lines, refused};

fn transactions<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> Option<Value> {
    params([("transactions", Value::Array(lines.into_iter().map(|line| line.as_ref().into()).collect()))])
}

fn apply<S: AsRef<str>>(client: &mut Client, graph: &str, lines: impl IntoIterator<Item = S>) -> Result<()> {
    let answer = client.call(graph, "ApplyLedger", transactions(lines))?;
    ensure!(answer == "ok".into(), "{answer}");
    Ok(())
}

/// Random changes; ids of nodes without edges may hold a separator.
fn change(client: &mut Client, graph: &str, random: &mut impl RngExt) -> Result<()> {
    const IDS: [&str; 7] = ["", "a", "b", "c", "é🦀", "line\nbreak", "a\0"];
    let id = IDS[random.random_range(0..IDS.len())];
    let other = IDS[random.random_range(0..IDS.len())];
    let properties: Vec<u8> = (0..random.random_range(0..20)).map(|_| random.random()).collect();
    match random.random_range(0..10) {
        0..4 => client.add_node(graph, id, &properties)?,
        4..8 => match client.add_edge(graph, id, other, &properties) {
            Err(error) if error.server_text().is_some_and(|text| text.ends_with("not found")) => {}
            done => done?,
        },
        8 => drop(client.call(graph, "RemoveNode", super::node_param(id))?),
        _ => drop(client.call(graph, "RemoveEdge", super::pair_param(id, other))?),
    }
    Ok(())
}

#[test]
fn a_ledger_applied_to_an_empty_graph_is_the_graph_again() -> Result<()> {
    let random = &mut generator(seed("a_ledger_applied_to_an_empty_graph_is_the_graph_again"), 0);
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    for round in 0..20 {
        let (graph, again) = (format!("graph {round}"), format!("again {round}"));
        client.create_graph(&graph)?;
        client.create_graph(&again)?;
        client.add_node(&graph, "a|b||", b"\x80")?;
        for _ in 0..60 {
            change(&mut client, &graph, random)?;
        }
        super::evict(&mut client, &graph, 4)?;
        let shown = lines(&mut client, &graph)?;
        apply(&mut client, &again, &shown)?;
        assert_eq!(content(&mut client, &again)?, content(&mut client, &graph)?, "{shown:#?}");
        assert_eq!(counts(&mut client, &again)?, counts(&mut client, &graph)?);
        assert_eq!(lines(&mut client, &again)?, shown, "and has the same ledger");
    }
    Ok(())
}

#[test]
fn one_bad_line_refuses_all() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "a", b"\x80")?;
    for (line, reason) in [
        ("nonsense", "no fields"),
        ("", "no fields"),
        ("add_node|x|80", "unknown operation 'add_node'"),
        ("ADD_NODE|x", "ADD_NODE needs an id and properties"),
        ("ADD_NODE|x|8", "properties are no hex: Odd number of digits"),
        ("ADD_NODE|x|8g", "properties are no hex: Invalid character 'g' at position 1"),
        ("ADD_EDGE|a|80", "2 of 3 fields"),
        ("ADD_EDGE|a|b|c|80", "an id with '|' in it cannot be told from two"),
        ("REMOVE_EDGE|a", "1 of 2 fields"),
    ] {
        let text = format!("ApplyLedger: line 1: {reason}; nothing was applied");
        let all = transactions(["ADD_NODE|new|80", line, "REMOVE_NODE|a"]);
        refused(&mut client, "g", "ApplyLedger", all, &text)?;
        assert_eq!(super::ids(&mut client, "g")?, ["a"], "{line}");
    }
    assert_eq!(lines(&mut client, "g")?.len(), 1);
    apply(&mut client, "g", ["ADD_NODE|b|"])?;
    apply::<&str>(&mut client, "g", [])?;
    assert_eq!(client.node_properties("g", "b")?.as_deref(), Some(&b""[..]));
    Ok(())
}

/// Fault 28: an edge to a node that is not there is not skipped in silence.
#[test]
fn edges_to_missing_nodes_are_told() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let all = ["ADD_NODE|a|80", "ADD_EDGE|a|x|80", "ADD_EDGE|x|a|80", "ADD_EDGE|a|a|80"];
    let error = client.call("g", "ApplyLedger", transactions(all)).expect_err("two lines cannot be applied");
    let text = error.server_text().context("an error of the server")?;
    ensure!(
        text.contains("2 lines were not applied") && text.contains("Target node 'x' not found"),
        "{text}"
    );
    assert_eq!(counts(&mut client, "g")?, (1, 1));
    assert_eq!(lines(&mut client, "g")?, ["ADD_NODE|a|80", "ADD_EDGE|a|a|80"]);
    Ok(())
}
