//! The log of slow requests says which, whose and why, and does not grow with them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::{pause, poll};
use epistemic_tests::wire::params;
use epistemic_tests::{ServerProcess, http};

const LIMIT: Duration = Duration::from_secs(60);
/// Odd enough to break a line, or a terminal.
const GRAPH: &str = "odd\n\u{1b}[2Jname";

/// The line about a request, once it is there.
fn line_of(server: &ServerProcess, operation: &str) -> Result<String> {
    let found = poll(LIMIT, Duration::from_millis(5), || -> Result<_> {
        let output = server.output();
        let mut lines = output.lines().filter(|line| line.contains("slow request"));
        Ok(lines.find(|line| line.contains(&format!("operation=\"{operation}\""))).map(str::to_owned))
    })?;
    found.with_context(|| format!("no line about {operation} in:\n{}", server.output()))
}

fn slow_for(server: &ServerProcess, reason: &str) -> Result<f64> {
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    let series = format!("epistemic_graph_slow_requests_total{{reason=\"{reason}\"}}");
    Ok(http::series(&page, &series).unwrap_or_default())
}

/// A map with one key and as many bytes.
fn properties(bytes: u32) -> Vec<u8> {
    [&[0x81, 0xa1, b'k', 0xc6][..], &bytes.to_be_bytes(), &vec![7; bytes as usize]].concat()
}

#[test]
fn a_line_says_whose_request_was_slow_and_where_its_time_went() -> Result<()> {
    let server = ServerProcess::ours().metrics().arg("--slow-request").arg("1ms").start()?;
    let mut client = server.client()?.acting_as("ada\nlovelace");
    client.create_graph(GRAPH)?;
    // Megabytes are written, synced and made a checkpoint of in more than a millisecond.
    client.add_node(GRAPH, "n", &properties(8 << 20))?;
    client.call("", "Checkpoint", None)?;
    for (operation, reason) in [("AddNode", "commit"), ("Checkpoint", "service")] {
        let line = line_of(&server, operation)?;
        ensure!(
            line.contains(&format!("reason=\"{reason}\"")) && line.contains(&format!("{reason} ")),
            "{line}"
        );
        ensure!(line.contains("took_ms=") && line.contains("id=") && line.contains("left_out=0"), "{line}");
        ensure!(line.contains(r"principal=ada\nlovelace"), "{line}");
        ensure!(slow_for(&server, reason)? >= 1.0);
    }
    ensure!(line_of(&server, "AddNode")?.contains(r"graph=odd\n\u{1b}[2Jname"), "{}", server.output());
    Ok(())
}

#[test]
fn a_client_that_takes_its_response_slowly_is_the_reason() -> Result<()> {
    let server = ServerProcess::ours().metrics().arg("--slow-request").arg("300ms").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "n", &properties(4 << 20))?;
    client.send("g", "GetNodeProperties", params([("node_id", "n".into())]))?;
    pause(Duration::from_millis(900));
    client.receive()?;
    let line = line_of(&server, "GetNodeProperties")?;
    ensure!(line.contains("reason=\"response\"") && line.contains("graph=g principal=-"), "{line}");
    ensure!(slow_for(&server, "response")? == 1.0);
    Ok(())
}

#[test]
fn lines_are_bounded_and_all_requests_counted() -> Result<()> {
    let server = ServerProcess::ours().metrics().arg("--slow-request").arg("1ms").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let before = slow_for(&server, "commit")?;
    for number in 0..30 {
        client.add_node("g", &format!("n{number}"), &properties(4 << 20))?;
    }
    let slow = slow_for(&server, "commit")? - before;
    ensure!(slow >= 20.0, "only {slow} were slow: the test needs slower ones");
    let lines = server.output().lines().filter(|line| line.contains("slow request")).count();
    // Ten in each period of ten seconds.
    ensure!(lines > 0 && lines < slow as usize, "{lines} lines of {slow} slow requests");
    Ok(())
}

#[test]
fn none_is_logged_when_that_is_off() -> Result<()> {
    let server = ServerProcess::ours().metrics().arg("--slow-request").arg("0").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "n", &properties(8 << 20))?;
    client.call("", "Checkpoint", None)?;
    ensure!(!server.output().contains("slow request"), "{}", server.output());
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    ensure!(!page.contains("epistemic_graph_slow_requests_total{"), "{page}");
    Ok(())
}
