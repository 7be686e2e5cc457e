//! Projections within `--projection-memory`.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerProcess};

use crate::graphs::{self, edge, node};
use crate::{LATER, await_metric, metric, server};

const BUDGET: u32 = 2 << 20;

/// A graph whose projection takes about 64 bytes per node.
fn chain(client: &mut Client, graph: &str, nodes: usize) -> Result<()> {
    let every = (0..nodes).map(|n| node(format!("{graph} {n}")));
    let edges = (1..nodes).map(|n| edge(format!("{graph} {}", n - 1), format!("{graph} {n}")));
    graphs::create(client, graph, every.chain(edges))
}

fn limited() -> Result<ServerProcess> {
    server().arg("--projection-memory").arg(BUDGET.to_string()).start()
}

fn components(client: &mut Client, graph: &str) -> Result<usize> {
    let groups = client.call(graph, "ConnectedComponents", None)?;
    Ok(groups.as_array().context("no list")?.len())
}

#[test]
fn a_graph_that_does_not_fit_is_refused() -> Result<()> {
    let server = limited()?;
    let mut client = server.client()?;
    chain(&mut client, "large", 50_000)?;
    // Few nodes, but their ids alone are too long.
    graphs::create(&mut client, "long", (0..100).map(|n| node(format!("{n:050000}"))))?;
    chain(&mut client, "fits", 10_000)?;
    for (graph, method) in [
        ("large", "ConnectedComponents"),
        ("large", "TopologicalSort"),
        ("large", "MinimumSpanningTree"),
        ("long", "ConnectedComponents"),
    ] {
        let error = client.call(graph, method, None).err().context("it fits")?;
        let text = error.server_text().context("no answer")?;
        ensure!(
            text.starts_with("PROJECTION_TOO_LARGE: ") && text.contains("--projection-memory"),
            "{method} of {graph}: {text}"
        );
    }
    ensure!(metric(&server, "projection_bytes")? == 0.0, "something is kept of what was refused");
    ensure!(components(&mut client, "fits")? == 1);
    // What reaches little of a graph needs no projection.
    let ends = params([("source_id", "large 7".into()), ("target_id", "large 10".into())]);
    let path = client.call("large", "GetShortestPath", ends)?;
    ensure!(path.as_array().is_some_and(|nodes| nodes.len() == 4), "{path}");
    Ok(())
}

#[test]
fn two_graphs_that_do_not_fit_together_take_turns() -> Result<()> {
    let server = limited()?;
    let mut client = server.client()?;
    for graph in ["a", "b"] {
        chain(&mut client, graph, 25_000)?;
    }
    for round in 1..=3 {
        for graph in ["a", "b"] {
            ensure!(components(&mut client, graph)? == 1);
            let bytes = metric(&server, "projection_bytes")?;
            ensure!(bytes > 0.0 && bytes <= f64::from(BUDGET), "{bytes} bytes");
        }
        ensure!(
            metric(&server, "projection_builds_total")? == f64::from(2 * round),
            "each pushes the other out"
        );
    }
    ensure!(components(&mut client, "b")? == 1);
    ensure!(metric(&server, "projection_builds_total")? == 6.0, "the last one is kept");
    Ok(())
}

#[test]
fn a_deleted_graph_gives_its_memory_back() -> Result<()> {
    let server = server().start()?;
    let mut client = server.client()?;
    for graph in ["a", "b"] {
        chain(&mut client, graph, 10_000)?;
    }
    components(&mut client, "a")?;
    let one = metric(&server, "projection_bytes")?;
    components(&mut client, "b")?;
    ensure!(metric(&server, "projection_bytes")? > one && one > 0.0);
    client.call("", "DeleteGraph", params([("graph_name", "b".into())]))?;
    await_metric(&server, "projection_bytes", one, LATER)?;
    // One of the same name is another graph.
    chain(&mut client, "b", 10)?;
    ensure!(components(&mut client, "b")? == 1);
    client.call("", "DeleteGraph", params([("graph_name", "a".into())]))?;
    client.call("", "DeleteGraph", params([("graph_name", "b".into())]))?;
    await_metric(&server, "projection_bytes", 0.0, LATER).map(drop)
}
