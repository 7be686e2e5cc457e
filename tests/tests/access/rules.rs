//! Who may read and write which graph.

use anyhow::{Context, Result};
use epistemic_tests::wire::{bin, field, params};
use epistemic_tests::{ServerProcess, Value, http, transfer};

use crate::{call_as, create, guarded, manager_of, register};

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
    let mut operator = server.client()?.acting_as("s");
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

fn created(server: &ServerProcess, agent: &str, graph: &str, kind: &str) -> Result<Result<Value, String>> {
    let fields = params([("graph_name", graph.into()), ("graph_type", kind.into())]);
    call_as(server, agent, "", "CreateGraph", fields)
}

#[test]
fn a_tenants_name_is_for_the_tenant() -> Result<()> {
    let server = guarded()?;
    let mut operator = server.client()?.acting_as("s");
    assert!(register(&mut operator, "worker", "Agent".into(), &["acme"])?.is_ok());
    let refusal = |agent: &str| {
        Err(format!(
            "ACCESS_DENIED: graph 'tenant__acme____bus__' is of tenant 'acme', whom agent '{agent}' does not act for"
        ))
    };
    for (agent, shown, kind) in [
        ("mallory", "mallory", "Agent"),
        ("mallory", "mallory", "Commons"),
        ("", "<anonymous>", "Commons"),
        ("acm", "acm", "Agent"),
        ("worker", "worker", "Commons"),
        ("worker", "worker", "Global"),
    ] {
        assert_eq!(created(&server, agent, "tenant__acme____bus__", kind)?, refusal(shown), "{agent} {kind}");
    }
    // Nor is it claimed by somebody else's: what is in it would count for that one.
    for (tenant, taken) in [("other", false), ("acm", false), ("Acme", true)] {
        let fields = [
            ("graph_name", "tenant__acme__claimed".into()),
            ("graph_type", "Agent".into()),
            ("tenant", tenant.into()),
        ];
        let answer = call_as(&server, "worker", "", "CreateGraph", params(fields))?;
        assert_eq!(answer.is_ok(), taken, "{tenant}: {answer:?}");
    }
    // Nor by way of a copy.
    create(&mut server.client()?.acting_as("mallory"), "mine", "Agent")?;
    let fork = params([("graph_name", "tenant__acme____bus__".into())]);
    assert_eq!(call_as(&server, "mallory", "mine", "Fork", fork)?, refusal("mallory"));
    let mut mallory = server.client()?.acting_as("mallory");
    let mut snapshot = Vec::new();
    transfer::export(&mut mallory, "mine", &mut snapshot)?;
    let error = transfer::import(&mut mallory, "tenant__acme____bus__", &snapshot[..]).unwrap_err();
    assert!(error.to_string().contains("whom agent 'mallory' does not act for"), "{error}");
    assert!(created(&server, "worker", "tenant__acme____bus__", "Agent")?.is_ok());
    assert!(created(&server, "acme", "tenant__acme__notes", "Agent")?.is_ok());
    assert!(created(&server, "s", "tenant__other____bus__", "Commons")?.is_ok());
    assert!(created(&server, "mallory", "tenants", "Agent")?.is_ok());
    Ok(())
}

#[test]
fn a_restore_forges_no_owner_and_no_tenant() -> Result<()> {
    let server = guarded()?;
    let mut operator = server.client()?.acting_as("s");
    assert!(register(&mut operator, "victim", "Agent".into(), &["acme"])?.is_ok());
    let mut victim = server.client()?.acting_as("victim");
    let fields = [("graph_name", "papers".into()), ("graph_type", "Agent".into()), ("tenant", "acme".into())];
    victim.call("", "CreateGraph", params(fields))?;
    victim.add_node("papers", "n", b"\x80")?;
    let mut snapshot = Vec::new();
    transfer::export(&mut victim, "papers", &mut snapshot)?;
    let mut mallory = server.client()?.acting_as("mallory");
    for name in ["planted", "commons", ""] {
        let error = if name == "commons" {
            transfer::replace(&mut mallory, name, &snapshot[..])
        } else {
            transfer::import(&mut mallory, name, &snapshot[..])
        };
        let error = error.err().with_context(|| format!("{name:?} was taken"))?.to_string();
        let expected = ["is owned by 'victim'; agent 'mallory' may restore only its own", "already exists"];
        assert!(expected.iter().any(|text| error.contains(text)), "{name:?}: {error}");
    }
    let list = call_as(&server, "s", "", "GraphStats", None)?.map_err(anyhow::Error::msg)?;
    let named = |name: &str| {
        list.as_array().into_iter().flatten().find(|row| field(row, "name") == Some(&name.into())).cloned()
    };
    assert_eq!(named("planted"), None);
    let commons = named("commons").context("commons")?;
    assert_eq!((field(&commons, "owner"), field(&commons, "nodes")), (Some(&"o".into()), Some(&0.into())));
    let claim = [("graph_name", "x".into()), ("graph_type", "Agent".into()), ("tenant", "acme".into())];
    let refused = call_as(&server, "mallory", "", "CreateGraph", params(claim))?.err();
    let text = "ACCESS_DENIED: graph 'x' is of tenant 'acme', whom agent 'mallory' does not act for";
    assert_eq!(refused.as_deref(), Some(text));
    // Its own it may, under another name; whose tenant it is, a copy does not say.
    transfer::import(&mut victim, "copy", &snapshot[..])?;
    transfer::replace(&mut victim, "papers", &snapshot[..])?;
    transfer::import(&mut operator, "by the operator", &snapshot[..])?;
    Ok(())
}
