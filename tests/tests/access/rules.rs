//! Who may read and write which graph.

use anyhow::{Context, Result};
use epistemic_tests::wire::{bin, field, params};
use epistemic_tests::{ServerProcess, Value, http};

use crate::{call_as, guarded, manager_of, register};

/// What an agent may do with each of the four graphs: `-`, `r` or `rw`, or an unexpected text.
fn row(server: &ServerProcess, agent: &str) -> Result<Vec<String>> {
    let shown = if agent.is_empty() { "<anonymous>" } else { agent };
    let mut row = Vec::new();
    for graph in ["agent", "team:t", "global", "commons"] {
        let mut may = String::new();
        for (need, letter, method) in [("Read", 'r', "HasNode"), ("Write", 'w', "AddNode")] {
            let fields = params([("node_id", "n".into()), ("properties_msgpack", bin([0x80]))]);
            let denied = format!("ACCESS_DENIED: agent '{shown}' lacks {need} access to graph '{graph}'");
            match call_as(server, agent, graph, method, fields)? {
                Ok(_) => may.push(letter),
                Err(text) if text == denied => {}
                Err(other) => may.push_str(&other),
            }
        }
        row.push(if may.is_empty() { "-".into() } else { may });
    }
    Ok(row)
}

#[test]
fn every_row_of_the_table() -> Result<()> {
    let server = guarded()?;
    let mut operator = server.client()?;
    for (agent, role, teams) in [
        ("other", "Agent".into(), &["u"][..]),
        ("member", "Agent".into(), &["t"]),
        ("manages o", manager_of(&["o"]), &[]),
        ("manages t", manager_of(&["x"]), &["t"]),
    ] {
        assert_eq!(register(&mut operator, agent, role, teams)?, Ok("registered".into()));
    }
    for (agent, expected) in [
        ("", ["-", "-", "r", "rw"]),
        ("stranger", ["-", "-", "r", "rw"]),
        ("other", ["-", "-", "r", "rw"]),
        ("o", ["rw", "-", "r", "rw"]),
        ("member", ["-", "r", "r", "rw"]),
        ("manages o", ["rw", "-", "r", "rw"]),
        ("manages t", ["-", "rw", "r", "rw"]),
        ("s", ["rw", "rw", "rw", "rw"]),
    ] {
        assert_eq!(row(&server, agent)?, expected, "{agent:?}");
    }
    assert_eq!(register(&mut operator, "o", "Agent".into(), &["t"])?, Ok("registered".into()));
    assert_eq!(row(&server, "o")?, ["rw", "r", "r", "rw"], "registered as well");
    Ok(())
}

#[test]
fn nothing_is_checked_before_the_first_registration() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    server.client()?.acting_as("o").create_graph("agent")?;
    let count = call_as(&server, "stranger", "agent", "NodeCount", None)?;
    assert_eq!(count, Ok(0.into()));
    Ok(())
}

#[test]
fn lists_show_what_may_be_read() -> Result<()> {
    let server = guarded()?;
    for (agent, expected) in [
        ("stranger", &["__commons__", "global", "commons"][..]),
        ("o", &["__commons__", "agent", "global", "commons"]),
        ("s", &["__commons__", "agent", "team:t", "global", "commons"]),
    ] {
        for method in ["ListGraphs", "GraphStats"] {
            let list = call_as(&server, agent, "", method, None)?.map_err(anyhow::Error::msg)?;
            let name = |entry: &Value| field(entry, "name").and_then(Value::as_str).map(str::to_owned);
            let names: Option<Vec<_>> = list.as_array().context("no list")?.iter().map(name).collect();
            assert_eq!(names.context("no name")?, expected, "{agent} {method}");
        }
    }
    Ok(())
}

#[test]
fn second_graphs_are_checked() -> Result<()> {
    let server = guarded()?;
    let denied = Err("ACCESS_DENIED: agent 'o' lacks Read access to graph 'team:t'".to_owned());
    let graphs = || Value::Array(vec!["agent".into(), "missing".into(), "team:t".into()]);
    for (method, fields) in [
        ("DiffAgainst", vec![("other_graph", "team:t".into())]),
        ("Vf2SubgraphMatch", vec![("pattern_graph_name", "team:t".into())]),
        ("UnionGetNodeProperties", vec![("graphs", graphs()), ("node_id", "a".into())]),
        ("UnionGetNeighbors", vec![("graphs", graphs()), ("node_id", "a".into())]),
        ("UnionGetNodesByLabel", vec![("graphs", graphs()), ("label", "L".into()), ("limit", 0.into())]),
    ] {
        assert_eq!(call_as(&server, "o", "agent", method, params(fields.clone()))?, denied, "{method}");
        let answer = call_as(&server, "s", "agent", method, params(fields))?;
        assert!(answer.is_ok(), "{method}: {answer:?}");
    }
    Ok(())
}

#[test]
fn a_named_graph_is_checked_before_it_goes() -> Result<()> {
    let server = guarded()?;
    let lacks = |graph| Err(format!("ACCESS_DENIED: agent 'x' lacks Write access to graph '{graph}'"));
    let delete = |agent: &str, graph: &str| {
        call_as(&server, agent, "agent", "DeleteGraph", params([("graph_name", graph.into())]))
    };
    assert_eq!(delete("x", "agent")?, lacks("agent"));
    assert_eq!(delete("x", "global")?, lacks("global"));
    assert_eq!(delete("x", "missing")?, Err("Graph 'missing' not found".into()));
    assert_eq!(delete("s", "__commons__")?, Err("Cannot delete the __commons__ graph".into()));
    let restore = |graph: &str, replace: bool| {
        let fields = params([("graph_name", graph.into()), ("replace", replace.into())]);
        call_as(&server, "x", "agent", "RestoreOpen", fields)
    };
    assert_eq!(restore("agent", true)?, lacks("agent"));
    let nameless = "ACCESS_DENIED: agent 'x' must name the graph to replace";
    assert_eq!(restore("", true)?, Err(nameless.into()));
    for (graph, replace) in [("commons", true), ("new", true), ("new", false)] {
        assert!(restore(graph, replace)?.is_ok(), "{graph} {replace}");
    }
    assert!(delete("o", "agent")?.is_ok());
    Ok(())
}

#[test]
fn refusals_are_counted() -> Result<()> {
    let server = guarded()?;
    for _ in 0..3 {
        assert!(call_as(&server, "x", "agent", "NodeCount", None)?.is_err());
    }
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    assert_eq!(http::series(&page, "epistemic_graph_access_denied_total"), Some(3.0));
    Ok(())
}
