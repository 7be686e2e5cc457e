//! Clients that take their answers slowly hold kilobytes of memory: the rest waits on disk.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{bin, map, pack, params};
use epistemic_tests::{Client, ServerProcess, Value, WireError, http, memory};

const MIB: u64 = 1 << 20;
/// Half of it is the most that one answer may have, and it counts twice while it is made.
const ANSWERS: u64 = 48 * MIB;
const READERS: usize = 12;

fn start(disk: u64, nodes: u64) -> Result<ServerProcess> {
    let server = ServerProcess::ours()
        .metrics()
        .arg("--answer-memory")
        .arg(ANSWERS.to_string())
        .arg("--answer-disk")
        .arg(disk.to_string())
        .start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let properties = pack(&map([("text", bin(vec![0x55; MIB as usize]))]));
    for n in 0..nodes {
        client.add_node("g", &format!("n{n}"), &properties)?;
    }
    Ok(server)
}

fn series(server: &ServerProcess, name: &str) -> Result<f64> {
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    http::series(&page, name).with_context(|| format!("no {name}"))
}

fn wait_for(server: &ServerProcess, name: &str, expected: f64) -> Result<()> {
    let reached = poll(Duration::from_secs(60), Duration::from_millis(50), || {
        Ok::<_, anyhow::Error>((series(server, name)? == expected).then_some(()))
    })?;
    ensure!(reached.is_some(), "{name} is {} and not {expected}", series(server, name)?);
    Ok(())
}

/// A client that has asked for ten megabytes and reads nothing.
fn reader(server: &ServerProcess, method: &str) -> Result<Client> {
    let mut client = server.client()?;
    client.set_limit(Duration::from_secs(120))?;
    let body = client.request("g", method, fields(method)).body();
    client.send_body(&body)?;
    Ok(client)
}

fn fields(method: &str) -> Option<Value> {
    let ids = (0..10).map(|n| format!("n{n}").into()).collect();
    if method == "GetNodes" { None } else { params([("node_ids", Value::Array(ids))]) }
}

/// Rows are on disk from the time that they are made, a batch of nodes once its client turns out to be slow.
#[test]
fn their_answers_wait_on_disk_and_are_whole() -> Result<()> {
    let server = start(4 << 30, 10)?;
    let on_disk = || series(&server, "epistemic_graph_answers_disk_bytes");
    let methods = ["GetNodes", "GetNodePropertiesBatch", "GetSubgraph"];
    let mut expected = Vec::new();
    for method in methods {
        expected.push(server.client()?.call("g", method, fields(method))?);
    }
    let before = memory::resident_bytes(server.pid())?;
    let mut readers = Vec::new();
    for number in 1..=READERS {
        let (method, expected) = (methods[number % 3], &expected[number % 3]);
        readers.push((reader(&server, method)?, expected));
        let least = (number as u64 * 9 * MIB) as f64;
        let reached = poll(Duration::from_secs(60), Duration::from_millis(50), || {
            Ok::<_, anyhow::Error>((on_disk()? > least).then_some(()))
        })?;
        ensure!(reached.is_some(), "{number}, {method}: {} bytes on disk", on_disk()?);
        // The next one would be BUSY while several of them are on their way there.
        wait_for(&server, "epistemic_graph_memory_used_bytes{part=\"answers\"}", 0.0)?;
    }
    // A freed answer leaves the process a moment later.
    let most = before + 24 * MIB;
    let given_back = poll(Duration::from_secs(60), Duration::from_millis(50), || {
        Ok::<_, anyhow::Error>((memory::resident_bytes(server.pid())? < most).then_some(()))
    })?;
    ensure!(given_back.is_some(), "{} bytes, {before} before", memory::resident_bytes(server.pid())?);
    for (client, expected) in &mut readers {
        let answer = client.receive()?.outcome.map_err(anyhow::Error::msg)?;
        ensure!(answer == **expected, "an answer was changed on its way over the disk");
        client.call("g", "NodeCount", None)?;
    }
    // One that goes away gives its room back, too.
    drop(reader(&server, "GetNodes")?);
    wait_for(&server, "epistemic_graph_answers_disk_bytes", 0.0)
}

/// Rows that storage yields in another order than they were made in, over the disk and not, are the same answers.
#[test]
fn rows_on_disk_are_in_the_order_of_their_making() -> Result<()> {
    let (disk, memory) = (start(4 << 30, 0)?, start(0, 0)?);
    for server in [&disk, &memory] {
        let mut client = server.client()?;
        for n in (0..4000_u32).rev() {
            client.add_node("g", &format!("m{n}"), &pack(&map([("text", format!("{n:01000}").into())])))?;
        }
        for n in 0..200 {
            client.add_edge("g", &format!("m{n}"), &format!("m{}", (n * 7) % 200), &[0x80])?;
        }
    }
    for method in ["GetNodes", "NodeIds", "GetEdges", "GetTriples", "GetLedger"] {
        let on_disk = disk.client()?.call("g", method, None)?;
        ensure!(on_disk == memory.client()?.call("g", method, None)?, "{method}");
    }
    ensure!(series(&disk, "epistemic_graph_answers_spooled_total")? > 0.0, "none was on disk");
    Ok(())
}

/// Without the disk they hold memory, and others are answered `BUSY`.
#[test]
fn without_a_disk_they_are_bounded_by_memory() -> Result<()> {
    let server = start(0, 10)?;
    let mut readers = Vec::new();
    let refused = poll(Duration::from_secs(60), Duration::from_millis(50), || {
        readers.push(reader(&server, "GetNodes")?);
        match server.client()?.call("g", "GetNodes", None) {
            Err(WireError::Server(text)) if text.starts_with("BUSY") => Ok(Some(())),
            Ok(_) => Ok(None),
            Err(error) => Err(anyhow::Error::from(error)),
        }
    })?;
    ensure!(refused.is_some(), "{} unread answers and none is refused", readers.len());
    ensure!(series(&server, "epistemic_graph_answers_spooled_total")? == 0.0, "one is on disk");
    Ok(())
}
