//! What a server does not start on.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::ports::free_loopback_addr;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::Endpoint;
use epistemic_tests::{Client, ServerProcess, Value, binaries};

use crate::{exits, files};

fn answers(server: &ServerProcess) -> Result<()> {
    let answer = server.client()?.call("g", "NodeCount", None)?;
    ensure!(answer == Value::from(1), "{answer}");
    Ok(())
}

/// A running server with one node.
fn running() -> Result<ServerProcess> {
    let server = ServerProcess::ours().tcp().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "n", &[0x80])?;
    Ok(server)
}

#[test]
fn a_second_server_on_the_directory_names_the_first() -> Result<()> {
    let first = running()?;
    let directory = first.persist_dir().display().to_string();
    let pid = format!("pid {}", first.pid());
    let words =
        [directory.as_str(), &pid, "already locked by another epistemic-graph engine", "--persist-dir"];
    exits(ServerProcess::ours().persist_dir(&directory), 1, &words)?;
    answers(&first)?;
    let first = first.restart()?; // after a kill the directory is free
    answers(&first)
}

/// Fault 25: a second process takes over the socket path silently.
#[test]
fn a_second_server_on_the_socket_leaves_the_first_reachable() -> Result<()> {
    let first = running()?;
    let socket = first.socket().display().to_string();
    let words = [socket.as_str(), "another server is listening on socket", "--socket-path"];
    exits(first.builder().in_memory(), 1, &words)?;
    answers(&first)?;

    let dead = first.socket().to_owned();
    let first = first.restart()?; // the socket file that the kill left behind is replaced
    ensure!(first.socket() == dead);
    answers(&first)
}

/// Ended with the test.
struct Shard(Child);

impl Drop for Shard {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With the flags of the published fragment: no `--socket-path`, so that all have the same default one.
#[test]
fn shards_started_by_hand_share_the_default_socket() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let start = |number: usize, explicit: bool| -> Result<(Shard, SocketAddr, PathBuf)> {
        let address = free_loopback_addr()?;
        let log = folder.path().join(format!("{number}.log"));
        let mut command = Command::new(binaries::server()?);
        command.env("XDG_RUNTIME_DIR", folder.path()).env("GRAPH_SERVICE_AUTH_SECRET", "s");
        command.env("GRAPH_SERVICE_TCP_ADDR", address.to_string());
        command.arg("--persist-dir").arg(folder.path().join(number.to_string()));
        if explicit {
            command.arg("--socket-path").arg(folder.path().join("epistemic-graph.sock"));
        }
        let output = fs_err::File::create(&log)?.into_file();
        let child = command.stdout(output.try_clone()?).stderr(output).spawn()?;
        Ok((Shard(child), address, log))
    };
    let shards = (0..3).map(|number| start(number, false)).collect::<Result<Vec<_>>>()?;
    for (_, address, log) in &shards {
        let answer = poll(Duration::from_secs(30), Duration::from_millis(10), || -> Result<_> {
            let Ok(mut client) = Client::connect(&Endpoint::Tcp(*address), "s") else { return Ok(None) };
            Ok(client.call("", "Ping", None).ok())
        })?;
        ensure!(answer == Some("pong".into()), "{address} does not answer: {}", fs_err::read_to_string(log)?);
    }
    // Lines come a little later than what they tell of.
    let told = |words: &str| -> Result<usize> {
        let mut count = 0;
        for (_, _, log) in &shards {
            count += usize::from(fs_err::read_to_string(log)?.contains(words));
        }
        Ok(count)
    };
    let as_meant = poll(Duration::from_secs(30), Duration::from_millis(10), || -> Result<_> {
        let warned = told("no unix socket, only TCP: another server is listening")?;
        Ok((warned == 2 && told("Listening on UDS")? == 1).then_some(()))
    })?;
    ensure!(as_meant.is_some(), "not one of three has the socket");

    let (mut explicit, _, log) = start(3, true)?;
    ensure!(explicit.0.wait()?.code() == Some(1));
    let said = fs_err::read_to_string(log)?;
    ensure!(said.contains("another server is listening on socket"), "{said}");
    Ok(())
}

#[test]
fn fault_25_is_found_in_reference_0_31() -> Result<()> {
    let first = ServerProcess::reference("0.31.0").start()?;
    first.client()?.create_graph("g")?;
    let _second = first.builder().in_memory().start()?;
    let lost = poll(Duration::from_secs(20), Duration::from_millis(5), || -> Result<_> {
        let outcome = first.client()?.call("g", "NodeCount", None);
        Ok(outcome.is_err_and(|error| error.server_text() == Some("Graph 'g' not found")).then_some(()))
    })?;
    lost.context("the first server still answers")
}

#[test]
fn a_file_in_the_place_of_the_socket_is_left_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("notes.txt");
    fs_err::write(&path, "mine")?;
    let server = ServerProcess::ours().in_memory().env("GRAPH_SERVICE_SOCKET", "/nowhere");
    let mut command = Command::new(binaries::server()?);
    let output = command.args(["--allow-insecure", "--socket-path"]).arg(&path).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1) && said.contains("notes.txt' exists and is no socket"), "{said}");
    ensure!(fs_err::read_to_string(&path)? == "mine");
    server.start()?; // a flag wins over its variable
    Ok(())
}

/// Fault 25: a busy TCP port only logs.
#[test]
fn a_busy_port_is_refused() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    for flag in ["--tcp-addr", "--metrics-addr"] {
        let folder = tempfile::tempdir()?;
        let server = ServerProcess::ours().persist_dir(folder.path()).arg(flag).arg(&address);
        exits(server.clone(), 1, &[&format!("cannot listen on {flag} {address}")])?;
        exits(server, 1, &["in use"])?; // the first left neither socket nor lock behind
    }
    exits(
        ServerProcess::ours().arg("--tcp-addr").arg("nonsense"),
        1,
        &["cannot listen on --tcp-addr nonsense"],
    )?;
    Ok(())
}

#[test]
fn without_a_secret_nothing_starts() -> Result<()> {
    let text = "error: no auth secret configured — refusing to start.\n";
    for server in [ServerProcess::ours().no_secret(), ServerProcess::ours().secret("")] {
        let output = exits(server.clone(), 2, &[text, "GRAPH_SERVICE_AUTH_SECRET", "--allow-insecure"])?;
        ensure!(output.lines().count() == 3 && output.starts_with(text), "{output}");
        exits(server.env("EPISTEMIC_GRAPH_ALLOW_INSECURE", "0"), 2, &[text])?;
    }
    for server in [
        ServerProcess::ours().no_secret().arg("--allow-insecure"),
        ServerProcess::ours().no_secret().env("EPISTEMIC_GRAPH_ALLOW_INSECURE", "1"),
        ServerProcess::ours().no_secret().env("EPISTEMIC_GRAPH_ALLOW_INSECURE", "true"),
    ] {
        let server = server.start()?;
        server.client()?.create_graph("g")?;
        ensure!(server.output().contains("SECURITY: running WITHOUT authentication"), "{}", server.output());
    }
    Ok(())
}

/// As root, without the capability that lets root write everywhere.
#[test]
fn an_unwritable_directory_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = binaries::server()?;
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-dac_override,-dac_read_search"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    fs_err::set_permissions(folder.path(), PermissionsExt::from_mode(0o555))?;
    command.env("GRAPH_SERVICE_AUTH_SECRET", "s").arg("--persist-dir").arg(folder.path());
    let socket = tempfile::tempdir()?;
    let output = command.arg("--socket-path").arg(socket.path().join("s")).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let path = folder.path().to_str().context("path")?;
    ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
    ensure!(said.contains(path) && said.contains("Permission denied"), "{said}");
    ensure!(files(folder.path())?.is_empty());

    for path in ["/dev/null", "/dev/null/below", "/proc/nothing"] {
        let output = Command::new(binaries::server()?)
            .env("GRAPH_SERVICE_AUTH_SECRET", "s")
            .args(["--persist-dir", path, "--socket-path"])
            .arg(socket.path().join("s"))
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(1) && said.contains(path), "{path}: {}: {said}", output.status);
    }
    Ok(())
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() -> Result<()> {
    for name in ["notes.txt", "engine.lock", "manifest.json", "__commons__.mp", "graph.redb", "CURRENT"] {
        let folder = tempfile::tempdir()?;
        fs_err::write(folder.path().join(name), "mine")?;
        let before = files(folder.path())?;
        let path = folder.path().to_str().context("path")?;
        exits(ServerProcess::ours().persist_dir(folder.path()), 1, &[path, "directory"])?;
        ensure!(files(folder.path())? == before, "{name}");
    }
    // A checkpoint stays as it is.
    let server = running()?;
    server.client()?.call("", "Checkpoint", None)?;
    let folder =
        fs_err::read_dir(server.persist_dir().join("checkpoints"))?.next().context("a checkpoint")??.path();
    let before = files(&folder)?;
    exits(
        ServerProcess::ours().persist_dir(&folder),
        1,
        &["it is a checkpoint", "egctl checkpoint restore"],
    )?;
    ensure!(files(&folder)? == before);
    Ok(())
}

#[test]
fn help_and_version_are_answered() -> Result<()> {
    let run = |args: &[&str]| -> Result<(Option<i32>, String)> {
        let output = Command::new(binaries::server()?).args(args).output()?;
        Ok((output.status.code(), String::from_utf8(output.stdout)?))
    };
    let (code, version) = run(&["--version"])?;
    ensure!(
        code == Some(0) && version.trim() == concat!("epistemic-graph-server ", env!("CARGO_PKG_VERSION"))
    );
    let (code, help) = run(&["--help"])?;
    ensure!(code == Some(0), "{help}");
    for flag in [
        "--socket-path",
        "--tcp-addr",
        "--auth-secret",
        "--auth-secret-file",
        "--allow-insecure",
        "--persist-dir",
        "--durability",
        "--checkpoint-interval",
        "--checkpoint-keep",
        "--persist-on-shutdown",
        "--metrics-addr",
        "--max-frame-bytes",
        "--max-inflight",
        "--frame-deadline",
        "--log-format",
        "--min-free-bytes",
        "GRAPH_SERVICE_SOCKET",
        "GRAPH_SERVICE_AUTH_SECRET",
        "GRAPH_SERVICE_PERSIST_DIR",
        "GRAPH_SERVICE_METRICS_ADDR",
        "EPISTEMIC_GRAPH_MAX_INFLIGHT",
    ] {
        ensure!(help.contains(flag), "--help does not mention {flag}:\n{help}");
    }
    ensure!(run(&["-h"])?.0 == Some(0));
    ensure!(run(&["--no-such-flag"])?.0 == Some(2));
    Ok(())
}
