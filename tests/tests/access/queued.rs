//! What waits for its turn is checked when it comes.

use std::time::Duration;

use anyhow::{Context, Result};
use epistemic_tests::server::computations_of_one_graph;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{map, params};
use epistemic_tests::{Client, ServerProcess, http};

use crate::{create, guarded};

/// A ring on which betweenness takes long.
fn fill(client: &mut Client, graph: &str) -> Result<()> {
    const NODES: usize = 30_000;
    let id = |n: usize| format!("n{}", n % NODES);
    let node = |n| map([("op", "add_node".into()), ("id", id(n).into())]);
    let edge = |n| map([("op", "add_edge".into()), ("source", id(n).into()), ("target", id(n + 1).into())]);
    client.batch_update(graph, (0..NODES).map(node).collect())?;
    client.batch_update(graph, (0..NODES).map(edge).collect())?;
    Ok(())
}

fn await_series(server: &ServerProcess, name: &str, value: f64) -> Result<()> {
    let look = || {
        let page = http::get(server.metrics_addr(), "/metrics")?.body;
        anyhow::Ok((http::series(&page, name) == Some(value)).then_some(()))
    };
    poll(Duration::from_secs(30), Duration::from_millis(2), look)?
        .with_context(|| format!("{name} is not {value}"))
}

#[test]
fn a_graph_that_comes_meanwhile_is_not_shown_to_those_who_may_not_read_it() -> Result<()> {
    let server = guarded()?;
    let mut stranger = server.client()?.acting_as("stranger");
    create(&mut stranger, "mine", "Agent")?;
    fill(&mut stranger, "mine")?;
    let share = computations_of_one_graph();
    let mut busy = Vec::new();
    for _ in 0..share {
        let mut client = server.client()?.acting_as("stranger");
        client.send("mine", "BetweennessCentrality", None)?;
        busy.push(client);
    }
    await_series(&server, "epistemic_graph_computations_running", share as f64)?;
    stranger.send("mine", "DiffAgainst", params([("other_graph", "secret".into())]))?;
    let mut other = server.client()?.acting_as("stranger");
    other.send("mine", "Vf2SubgraphMatch", params([("pattern_graph_name", "secret".into())]))?;
    await_series(&server, "epistemic_graph_computations_waiting", 2.0)?;
    let mut victim = server.client()?.acting_as("victim");
    create(&mut victim, "secret", "Agent")?;
    victim.add_node("secret", "TOP SECRET", b"\x80")?;
    drop(busy);
    for client in [&mut stranger, &mut other] {
        let refused = client.receive()?.outcome.err();
        let text = "ACCESS_DENIED: agent 'stranger' lacks Read access to graph 'secret'";
        assert_eq!(refused.as_deref(), Some(text));
    }
    Ok(())
}
