//! `kill -9` while a node with many edges is removed, which is made in parts: what is left is a valid graph, to readers too, and
//! the removal can be sent again. `EG_HUB_ROUNDS` sets the number of kills.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::pause;
use epistemic_tests::wire::{map, params};
use epistemic_tests::{Client, Egctl, ServerProcess, Value};
use rand::RngExt;

const SPOKES: usize = 40_000;

fn create(client: &mut Client, graph: &str) -> Result<()> {
    client.create_graph(graph)?;
    let node = |id: String| map([("op", "add_node".into()), ("id", id.into())]);
    let edge = |source: &str, target: &str| {
        map([("op", "add_edge".into()), ("source", source.into()), ("target", target.into())])
    };
    let nodes = (0..100).map(|n| node(format!("n{n}"))).chain([node("hub".into())]);
    let spokes = (0..SPOKES).map(|n| {
        let other = format!("n{}", n % 100);
        if n % 2 == 0 { edge("hub", &other) } else { edge(&other, "hub") }
    });
    let others = (1..100).map(|n| edge("n0", &format!("n{n}")));
    let content: Vec<_> = nodes.chain(spokes).chain(others).collect();
    for part in content.chunks(20_000) {
        client.batch_update(graph, part.to_vec())?;
    }
    Ok(())
}

/// Number of edges at the hub, if it is there. The edges are read later than the nodes: none may be without them.
fn edges_of_hub(client: &mut Client, graph: &str) -> Result<Option<usize>> {
    let ids = client.call(graph, "NodeIds", None)?;
    let ids: HashSet<_> = ids.as_array().context("ids")?.iter().filter_map(Value::as_str).collect();
    let edges = client.call(graph, "GetEdges", None)?;
    let edges = edges.as_array().context("edges")?;
    let ends =
        edges.iter().filter_map(|edge| edge.as_array()).map(|edge| (edge[0].as_str(), edge[1].as_str()));
    let at_hub = ends.clone().filter(|ends| ends.0 == Some("hub") || ends.1 == Some("hub")).count();
    ensure!(edges.len() - at_hub == 99, "edges of others are gone");
    ensure!(ids.len() == 100 + usize::from(ids.contains("hub")), "nodes are gone");
    ensure!(ids.contains("hub") || at_hub == 0, "{at_hub} edges without their node");
    Ok(ids.contains("hub").then_some(at_hub))
}

#[test]
fn a_hub_that_was_being_removed_is_valid_and_can_be_removed_again() -> Result<()> {
    let rounds = number_from_env("EG_HUB_ROUNDS", 8);
    let mut random = generator(seed("a_hub_that_was_being_removed"), 0);
    let mut server = ServerProcess::ours().start()?;
    let (mut in_parts, mut whole, mut done) = (0, 0, 0);
    for round in 0..rounds {
        let graph = format!("g{round}");
        create(&mut server.client()?, &graph)?;
        let mut client = server.client()?;
        client.send(&graph, "RemoveNode", params([("node_id", "hub".into())]))?;
        // Readers beside it see parts, and valid ones.
        if round % 2 == 0 {
            let mut reader = server.client()?;
            let mut before = SPOKES;
            while before > SPOKES / 2
                && let Some(left) = edges_of_hub(&mut reader, &graph)?
            {
                before = left;
            }
        } else {
            pause(Duration::from_millis(random.random_range(1..150)));
        }
        server.kill9()?;
        server = server.restart()?;
        let mut client = server.client()?;
        match edges_of_hub(&mut client, &graph).with_context(|| format!("round {round}"))? {
            None => done += 1,
            Some(SPOKES) => whole += 1,
            Some(_) => in_parts += 1,
        }
        let count = client.call(&graph, "EdgeCount", None)?.as_u64();
        let left = edges_of_hub(&mut client, &graph)?.unwrap_or(0);
        ensure!(count == Some(left as u64 + 99), "round {round}: {count:?}");
        client.call(&graph, "RemoveNode", params([("node_id", "hub".into())]))?;
        ensure!(edges_of_hub(&mut client, &graph)?.is_none(), "round {round}");
        ensure!(client.call(&graph, "EdgeCount", None)?.as_u64() == Some(99), "round {round}");
    }
    println!("figures: kills={rounds} in_parts={in_parts} not_begun={whole} done={done}");
    ensure!(in_parts > 0, "no kill came in the middle: not_begun={whole} done={done}");
    server.terminate()?;
    Egctl::new().verify(server.persist_dir())?;
    Ok(())
}
