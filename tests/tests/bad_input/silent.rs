//! A client that asks and never reads the answers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerProcess, Value, http};

use crate::bystander::Bystander;
use crate::overload::slow_write;
use crate::pipelining::frames;
use crate::{MIB, endpoints, memory, node};

/// Answers that nobody takes are not piled up in memory.
#[test]
fn a_client_that_never_reads_takes_little_memory() -> Result<()> {
    const SIZE: usize = 4 << 20;
    let server = ServerProcess::ours().tcp().start()?;
    let mut friend = server.client()?;
    friend.create_graph("g")?;
    friend.add_node("g", "large", &vec![7; SIZE])?;
    let bystander = Bystander::start(&server)?;
    // Once, so that the caches are warm.
    friend.node_properties("g", "large")?;
    let before = memory(&server, "VmHWM")?;
    let mut silent = Vec::new();
    for endpoint in endpoints(&server) {
        let mut client = Client::connect(&endpoint, server.secret())?;
        let bodies: Vec<_> =
            (0..64).map(|_| client.request("g", "GetNodeProperties", node("large")).body()).collect();
        client.send_raw(&frames(&bodies))?;
        silent.push(client);
    }
    for _ in 0..20 {
        ensure!(friend.node_properties("g", "large")?.is_some_and(|bytes| bytes.len() == SIZE));
    }
    bystander.finish()?;
    let grown = memory(&server, "VmHWM")? - before;
    // An answer or two for each of three clients, each copied once or twice on its way.
    ensure!(grown < 100 * MIB, "resident memory grew by {} MiB", grown / MIB);
    for client in &mut silent {
        for _ in 0..64 {
            let answer = client.receive()?.outcome;
            ensure!(answer.is_ok_and(|bytes| bytes.as_slice().is_some_and(|bytes| bytes.len() == SIZE)));
        }
    }
    Ok(())
}

/// Nearly as much as the socket holds.
const ANSWER: usize = 200_000;

/// Its places are given back when its writes are done, not when it takes the answers.
#[test]
fn a_client_that_never_reads_keeps_nobody_off_its_graph() -> Result<()> {
    let server = ServerProcess::ours().metrics().arg("--max-inflight").arg("64").start()?;
    let mut friend = server.client()?;
    friend.create_graph("g")?;
    friend.create_graph("slow")?;
    friend.add_node("g", "large", &vec![7; ANSWER])?;
    let bystander = Bystander::start(&server)?;
    let large = || params([("node_ids", Value::Array(vec!["large".into()]))]);

    // An answer that fills the socket. Then, while the commit thread is busy, another one, and behind it more writes
    // than the share.
    let mut silent = server.client()?;
    silent.send("g", "GetNodePropertiesBatch", large())?;
    has_taken(&server, "GetNodePropertiesBatch", 1.0)?;
    let mut slow = server.client()?;
    let request = slow_write(&mut slow);
    slow.send_body(&request.body())?;
    has_taken(&server, "BatchUpdate", 1.0)?;
    let mut bodies = vec![silent.request("g", "GetNodePropertiesBatch", large()).body()];
    bodies.extend((0..30).map(|_| silent.request("g", "RemoveNode", node("missing")).body()));
    silent.send_raw(&frames(&bodies))?;
    has_taken(&server, "GetNodePropertiesBatch", 2.0)?;
    slow.receive()?.outcome.map_err(anyhow::Error::msg)?;
    // The queue is in order: when this is done, so are the writes of the silent client.
    friend.add_node("slow", "behind", &[0x80])?;
    for n in 0..100 {
        let added = friend.add_node("g", &format!("friend {n}"), &[0x80]);
        added.context("kept off by a client that does not read")?;
    }
    bystander.finish()
}

/// Waits until the server has begun that many requests of a method.
fn has_taken(server: &ServerProcess, method: &str, count: f64) -> Result<()> {
    let series = format!("epistemic_graph_requests_total{{op=\"{method}\"}}");
    let reached = poll(Duration::from_secs(20), Duration::from_millis(1), || -> Result<_> {
        let page = http::get(server.metrics_addr(), "/metrics")?.body;
        Ok(http::series(&page, &series).is_some_and(|taken| taken >= count).then_some(()))
    })?;
    reached.with_context(|| format!("never {count} {method} begun"))
}
