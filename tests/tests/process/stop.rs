//! SIGTERM, SIGINT and `Shutdown`: drained, flushed, exit code 0 (fault 22).

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::{generator, seed};
use epistemic_tests::wait::pause;
use epistemic_tests::wire::{bin, params};
use epistemic_tests::{Client, Egctl, ServerProcess, Value, WireError};
use rand::RngExt;
use rustix::process::{Pid, Signal, kill_process};

const LIMIT: Duration = Duration::from_secs(30);
/// Writes that a client has under way.
const WINDOW: usize = 32;

/// Writes until the server closes the connection; returns what was acknowledged.
fn write(mut client: Client, writer: usize) -> Result<Vec<String>> {
    let id = |number: usize| format!("{writer}-{number}");
    let (mut sent, mut acknowledged) = (0, Vec::new());
    loop {
        while sent < acknowledged.len() + WINDOW {
            let fields = [("node_id", id(sent).into()), ("properties_msgpack", bin([0x80]))];
            match client.send("g", "AddNode", params(fields)) {
                Ok(_) => sent += 1,
                Err(WireError::Io(_)) => break,
                Err(error) => return Err(error.into()),
            }
        }
        match client.receive() {
            Ok(answer) => {
                ensure!(answer.outcome == Ok("ok".into()), "{answer:?}");
                acknowledged.push(id(acknowledged.len()));
            }
            Err(WireError::Io(_)) => return Ok(acknowledged),
            Err(error) => return Err(error.into()),
        }
    }
}

fn nodes(server: &ServerProcess) -> Result<BTreeSet<String>> {
    let answer = server.client()?.call("g", "NodeIds", None)?;
    let ids = answer.as_array().context("an array")?.iter();
    ids.map(|id| Ok(id.as_str().context("a string")?.to_owned())).collect()
}

#[test]
fn writes_under_way_at_sigterm_are_acknowledged_and_there_or_neither() -> Result<()> {
    let mut random = generator(seed("writes_under_way_at_sigterm"), 0);
    for round in 0..6 {
        let mut server = ServerProcess::ours().tcp().start()?;
        server.client()?.create_graph("g")?;
        let mut idle = server.client()?;
        idle.call("", "Ping", None)?;
        let mut half_open = server.client()?;
        half_open.send_raw(&[0, 0])?;
        let clients = [server.client()?, server.client()?, server.tcp_client()?, server.tcp_client()?]
            .into_iter()
            .enumerate();
        let unix = |id: &String| id.starts_with('0') || id.starts_with('1');

        let acknowledged: BTreeSet<String> = thread::scope(|scope| -> Result<_> {
            let writers: Vec<_> =
                clients.map(|(writer, client)| scope.spawn(move || write(client, writer))).collect();
            pause(Duration::from_millis(random.random_range(20..200)));
            let begun = Instant::now();
            let status = server.terminate()?;
            ensure!(status.code() == Some(0), "round {round}: {status}\n{}", server.output());
            ensure!(begun.elapsed() < LIMIT, "drained for {:?}", begun.elapsed());
            let lists: Vec<Vec<String>> =
                writers.into_iter().map(|writer| writer.join().expect("no panic")).collect::<Result<_>>()?;
            Ok(lists.into_iter().flatten().collect())
        })?;
        ensure!(!server.socket().exists(), "the socket file is still there");
        ensure!(idle.is_closed_by_server()? && half_open.is_closed_by_server()?);
        ensure!(acknowledged.len() > WINDOW, "only {} writes", acknowledged.len());

        let server = server.restart()?;
        let there = nodes(&server)?;
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        ensure!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
        // What the server took from a unix socket it answered. A TCP answer may be lost on its way.
        let unanswered: Vec<_> = there.difference(&acknowledged).filter(|id| unix(id)).collect();
        ensure!(unanswered.is_empty(), "round {round}: there and not acknowledged: {unanswered:?}");
    }
    Ok(())
}

#[test]
fn sigint_stops_it_too() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    server.client()?.create_graph("g")?;
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw).context("pid")?;
    kill_process(pid, Signal::INT)?;
    ensure!(server.wait_for_exit(LIMIT)?.code() == Some(0), "{}", server.output());
    ensure!(!server.socket().exists());
    let server = server.restart()?;
    ensure!(nodes(&server)?.is_empty());
    Ok(())
}

/// Fault 22: `Shutdown` answers and the process goes on.
#[test]
fn the_shutdown_operation_stops_the_process() -> Result<()> {
    for tcp in [false, true] {
        let mut server = ServerProcess::ours().tcp().start()?;
        let mut other = server.client()?;
        other.create_graph("g")?;
        other.add_node("g", "n", &[0x80])?;
        let mut client = if tcp { server.tcp_client()? } else { server.client()? };
        ensure!(client.call("no such graph", "Shutdown", None)? == "shutting_down".into());
        ensure!(client.is_closed_by_server()? && other.is_closed_by_server()?);
        let status = server.wait_for_exit(LIMIT)?;
        ensure!(
            status.code() == Some(0) && server.output().contains("stopped"),
            "{status}\n{}",
            server.output()
        );
        ensure!(!server.socket().exists());
        let server = server.restart()?;
        ensure!(nodes(&server)?.contains("n"));
    }
    Ok(())
}

#[test]
fn fault_22_is_found_in_reference_0_31() -> Result<()> {
    let mut server = ServerProcess::reference("0.31.0").start()?;
    ensure!(server.client()?.call("", "Shutdown", None)? == "shutting_down".into());
    ensure!(server.client()?.call("", "Ping", None)? == "pong".into(), "it goes on");
    ensure!(server.terminate()?.signal() == Some(15), "SIGTERM is a crash");
    Ok(())
}

#[test]
fn a_client_that_does_not_read_cannot_hold_up_the_stop() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    let mut silent = server.client()?;
    silent.create_graph("g")?;
    silent.add_node("g", "large", &vec![7; 8 << 20])?;
    for _ in 0..4 {
        silent.send("g", "GetNodeProperties", params([("node_id", "large".into())]))?;
        silent.send("g", "ToMsgpack", None)?;
    }
    let status = server.terminate()?;
    ensure!(status.code() == Some(0), "{status}\n{}", server.output());
    let server = server.restart()?;
    ensure!(nodes(&server)?.contains("large"));
    Ok(())
}

#[test]
fn persist_on_shutdown_leaves_a_checkpoint() -> Result<()> {
    for asked in [false, true] {
        let server = ServerProcess::ours().arg("--checkpoint-interval").arg("0");
        let server = if asked { server.arg("--persist-on-shutdown") } else { server };
        let mut server = server.start()?;
        server.client()?.create_graph("g")?;
        server.client()?.add_node("g", "n", &[0x80])?;
        ensure!(server.terminate()?.code() == Some(0), "{}", server.output());
        let folder = server.persist_dir().join("checkpoints");
        let found: Vec<_> = match folder.exists() {
            true => fs_err::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?,
            false => Vec::new(),
        };
        ensure!(found.len() == usize::from(asked), "asked: {asked}, found {found:?}");
        for checkpoint in found {
            let checkpoint = checkpoint.to_str().context("a path in UTF-8")?;
            let graphs = Egctl::new().json(&["graphs", "--dir", checkpoint])?.to_string();
            ensure!(graphs.contains("\"g\""), "{graphs}");
        }
        let server = server.restart()?;
        ensure!(server.client()?.call("g", "NodeCount", None)? == Value::from(1));
    }
    Ok(())
}
