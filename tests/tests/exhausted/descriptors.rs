//! A process without free descriptors.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerProcess, WireError, http};

use super::{LIMIT, LOOK, Told, check, wait_until};

/// As many as `ulimit -n 160` leaves.
const DESCRIPTORS: u64 = 160;
const SILENT: usize = 200;

fn start() -> Result<ServerProcess> {
    let server = ServerProcess::ours().tcp().metrics().open_files(DESCRIPTORS).start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "first", b"\x80")?;
    Ok(server)
}

/// Opens connections that say nothing. Those that the server does not take wait in the listener's queue.
fn flood(server: &ServerProcess) -> Result<Vec<Box<dyn Send>>> {
    let mut silent: Vec<Box<dyn Send>> = Vec::new();
    for _ in 0..SILENT {
        for address in [server.tcp_addr(), server.metrics_addr()] {
            silent.push(Box::new(TcpStream::connect_timeout(&address, LIMIT)?));
        }
        silent.push(Box::new(UnixStream::connect(server.socket())?));
    }
    Ok(silent)
}

#[test]
fn a_flood_of_silent_connections_does_not_keep_anybody_from_writing() -> Result<()> {
    let server = start()?;
    let mut old = server.client()?;
    old.add_node("g", "old", b"\x80")?;
    let mut acknowledged = vec!["first".to_owned(), "old".into()];
    let silent = flood(&server)?;
    let properties = vec![7; 1 << 20];
    for number in 0..150 {
        // An old connection and new ones; enough bytes for several logs and flushes.
        let node = format!("n{number}");
        if number % 2 == 0 {
            old.add_node("g", &node, &properties)?;
        } else {
            server.client()?.add_node("g", &node, &properties).context("a new connection")?;
        }
        acknowledged.push(node);
    }
    let told = Told::by(&server)?;
    ensure!(told.takes_writes(), "{told:?}");
    let metrics = http::get(server.metrics_addr(), "/metrics")?.body;
    let pushed_out = http::series(&metrics, "epistemic_graph_connections_pushed_out_total");
    ensure!(pushed_out > Some(0.0), "{pushed_out:?}");
    drop(silent);
    old.add_node("g", "afterwards", b"\x80")?;
    wait_until(&server, true)?;
    check(&server, &acknowledged)?;
    ensure!(!server.output().contains("Too many open files"), "{}", server.output());
    let server = server.restart()?;
    check(&server, &acknowledged)
}

/// The limit is taken away under the running server: the worst that can happen to its own reserve.
#[test]
fn a_log_that_cannot_be_opened_stops_nothing_for_good() -> Result<()> {
    let mut server = start()?;
    let mut client = server.client()?;
    // Only an answer shows that the connection has its descriptor.
    client.call("__commons__", "Ping", None)?;
    let mut acknowledged = vec!["first".to_owned()];
    server.limit_open_files(10)?;
    let properties = vec![7; 1 << 20];
    let refusal = (0..200).find_map(|number| {
        let node = format!("n{number}");
        match client.add_node("g", &node, &properties) {
            Ok(()) => {
                acknowledged.push(node);
                None
            }
            Err(error) => Some(error),
        }
    });
    let refusal = refusal.context("200 MiB were written without a new log")?;
    ensure!(
        matches!(&refusal, WireError::Server(text) if text.contains("out of file descriptors")),
        "{refusal}"
    );
    // Reads go on, on the connection that is there.
    ensure!(client.node_properties("g", "n0")?.is_some(), "reads go on");
    let health = client.call("__commons__", "Health", None)?;
    ensure!(
        epistemic_tests::wire::field(&health, "status").and_then(|s| s.as_str()) == Some("read_only"),
        "{health}"
    );
    server.limit_open_files(DESCRIPTORS)?;
    let resumed = poll(LIMIT, LOOK, || match client.add_node("g", "later", b"\x80") {
        Ok(()) => Ok(Some(())),
        Err(WireError::Server(_)) => Ok(None),
        Err(error) => Err(error),
    })?;
    resumed.with_context(|| format!("writes do not resume\n{}", server.output()))?;
    acknowledged.push("later".into());
    wait_until(&server, true)?;
    ensure!(server.has_exited()?.is_none());
    check(&server, &acknowledged)?;
    let server = server.restart()?;
    check(&server, &acknowledged)
}

#[test]
fn silent_http_connections_end() -> Result<()> {
    let server = start()?;
    let silent = TcpStream::connect(server.metrics_addr())?;
    silent.set_read_timeout(Some(LIMIT + Duration::from_secs(5)))?;
    ensure!(std::io::Read::read(&mut &silent, &mut [0])? == 0, "it was closed");
    Ok(())
}
