//! The server's own sweeps: `--decay-interval`, `--decay-half-life`, `--decay-floor` and their variables.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{field, unpack};
use epistemic_tests::{Client, ServerProcess, Value};

use super::{counts, ids, node, now, number, props};

const LIMIT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(20);

/// Waits until something is there; `told` says what.
fn wait_for<T>(told: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    poll(LIMIT, INTERVAL, look)?.with_context(|| format!("{told}: not after {LIMIT:?}"))
}

fn last_access(client: &mut Client, graph: &str, id: &str) -> Result<Option<u64>> {
    let found = node(client, graph, id)?;
    Ok(field(&found, "last_access").and_then(Value::as_u64))
}

#[test]
fn values_decay_and_then_go() -> Result<()> {
    let mut server = ServerProcess::ours()
        .arg("--decay-interval")
        .arg("1")
        .arg("--decay-half-life")
        .arg("1")
        .arg("--decay-floor")
        .arg("0.5")
        .start()?;
    let mut client = server.client()?;
    for graph in ["g", "other"] {
        client.create_graph(graph)?;
        client.add_node(graph, "timeless", &props([("type", "T".into())]))?;
        client.add_node(graph, "raw", b"\xc1")?;
        client.add_node(graph, "fresh", &props([("last_access", (now() + 5).into())]))?;
        client.add_node(graph, "low", &props([("confidence", 0.4.into())]))?;
        client.add_edge(graph, "timeless", "timeless", &props([("updated_at", now().into())]))?;
        client.add_edge(graph, "timeless", "timeless", b"\x80")?;
        client.add_edge(graph, "timeless", "fresh", b"\x80")?;
    }
    for graph in ["g", "other", "g"] {
        let left = ["raw", "timeless"].map(String::from);
        wait_for(graph, || Ok((ids(&mut client, graph)? == left).then_some(())))?;
        wait_for("the edge", || Ok((counts(&mut client, graph)? == (2, 1)).then_some(())))?;
    }
    ensure!(server.output().contains("decay sweep"), "{}", server.output());
    ensure!(server.terminate()?.success(), "{}", server.output());
    let server = server.restart()?;
    assert_eq!(counts(&mut server.client()?, "g")?, (2, 1), "what went stays away");
    Ok(())
}

/// By the variables; without a floor nothing goes. Beside it a server that never sweeps, which is the default.
#[test]
fn without_a_floor_nothing_goes_and_without_an_interval_nothing_decays() -> Result<()> {
    let sweeping = ServerProcess::ours()
        .in_memory()
        .env("GRAPH_SERVICE_DECAY_INTERVAL", "1")
        .env("GRAPH_SERVICE_DECAY_HALF_LIFE", "100")
        .start()?;
    let resting = ServerProcess::ours()
        .in_memory()
        .env("GRAPH_SERVICE_DECAY_HALF_LIFE", "1")
        .env("GRAPH_SERVICE_DECAY_FLOOR", "0.9")
        .arg("--decay-interval")
        .arg("0")
        .start()?;
    let clock = now() - 200;
    let fields = props([("created_at", clock.into()), ("confidence", 0.8.into())]);
    for server in [&resting, &sweeping] {
        let mut client = server.client()?;
        client.create_graph("g")?;
        client.add_node("g", "a", &fields)?;
        client.add_node("g", "worthless", &props([("confidence", 0.0.into())]))?;
    }
    let mut client = sweeping.client()?;
    let mut seen = clock;
    for round in 0..3 {
        seen = wait_for("a sweep", || Ok(last_access(&mut client, "g", "a")?.filter(|swept| *swept > seen)))?;
        let found = node(&mut client, "g", "a")?;
        // In many small steps as in one, but for rounding.
        let swept = number(&found, "last_access")?;
        let expected = 0.8 * 0.5_f64.powf((swept - clock as f64) / 100.0);
        ensure!((number(&found, "confidence")? - expected).abs() < 1e-9, "round {round}: {found}");
    }
    assert_eq!(counts(&mut client, "g")?.0, 2, "no floor");
    let mut client = resting.client()?;
    assert_eq!(node(&mut client, "g", "a")?, unpack(&fields)?, "three sweeps later on the other server");
    assert_eq!(counts(&mut client, "g")?.0, 2);
    Ok(())
}

/// The server stops while it sweeps, with exit code 0, and what was swept is whole.
#[test]
fn a_sweep_does_not_hold_up_the_end() -> Result<()> {
    let mut server = ServerProcess::ours().arg("--decay-interval").arg("1").start()?;
    let mut client = server.client()?;
    super::meanwhile::fill_aged(&mut client, "g", 20_000)?;
    wait_for("a sweep has begun", || Ok(last_access(&mut client, "g", "n0")?.filter(|swept| *swept > 1000)))?;
    ensure!(server.terminate()?.success(), "{}", server.output());
    let server = server.restart()?;
    assert_eq!(counts(&mut server.client()?, "g")?.0, 20_000);
    Ok(())
}
