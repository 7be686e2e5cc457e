//! Processes that find no server on their socket: one of them starts it (`EPISTEMIC_GRAPH_AUTOSTART=1`).
//!
//! Needs our server: `cargo build --release -p epistemic-engine`.

#![expect(clippy::unwrap_used, reason = "a process that cannot run fails the test")]

#[path = "support/program.rs"]
mod program;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use epistemic_router::{ConnectOptions, EndpointList, Secret, ShardRouter};

const SECRET: &str = "s3cret";
const PROCESSES: usize = 10;

/// A process of its own that asks `endpoint`: the example `ask_shard`, which `cargo test` builds.
fn client(endpoint: &str, program: &Path) -> Child {
    let test = std::env::current_exe().unwrap();
    let example = test.ancestors().nth(2).unwrap().join("examples/ask_shard");
    assert!(example.is_file(), "{} is missing: cargo build --release --examples", example.display());
    Command::new(example)
        .env("GRAPH_SERVICE_ENDPOINTS", endpoint)
        .env("GRAPH_SERVICE_AUTH_SECRET", SECRET)
        .env("EPISTEMIC_GRAPH_AUTOSTART", "1")
        .env("EPISTEMIC_GRAPH_SERVER_BIN", program)
        .env_remove("GRAPH_SERVICE_PERSIST_DIR")
        .env_remove("GRAPH_SERVICE_METRICS_ADDR")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The line of a client that begins with `word`, without it.
fn said(output: &Output, word: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split_once(word));
    line.unwrap_or_else(|| panic!("no {word:?} in {output:?}")).1.to_owned()
}

/// Ends the server also when the test fails.
struct Started(u32);

impl Started {
    fn signal(&self, signal: &str) -> bool {
        let pid = self.0.to_string();
        Command::new("kill").args([signal, &pid]).stderr(Stdio::null()).status().unwrap().success()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.signal("-KILL");
    }
}

#[tokio::test]
async fn one_of_many_processes_starts_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("e.sock");
    let endpoint = format!("unix://{}", socket.display());
    let program = program::server();
    let clients: Vec<_> = (0..PROCESSES).map(|_| client(&endpoint, &program)).collect();
    let outputs: Vec<_> = clients.into_iter().map(|client| client.wait_with_output().unwrap()).collect();
    let pids: Vec<u32> = outputs.iter().map(|output| said(output, "pid=").parse().unwrap()).collect();
    let server = Started(pids[0]);
    assert!(pids.iter().all(|pid| *pid == server.0), "{pids:?}");
    let log = fs_err::read_to_string(dir.path().join("e.sock.log")).unwrap();
    assert_eq!(log.matches("Starting epistemic-graph-server").count(), 1, "{log}");
    assert!(!log.contains(SECRET), "{log}");
    let command = fs_err::read_to_string(format!("/proc/{}/cmdline", server.0)).unwrap();
    assert!(command.contains("--socket-path") && !command.contains(SECRET), "{command}");

    // It stays although all its clients have ended.
    let list = EndpointList::parse(&endpoint).unwrap();
    let router = ShardRouter::new(list, Secret::new(SECRET), ConnectOptions::default());
    router.graph("g").create("Agent").await.unwrap();
    assert!(server.signal("-TERM"));
    let begun = Instant::now();
    while router.topology("g").await.endpoints[0].reachable {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not stop");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn what_cannot_be_started_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let local = format!("unix://{}", dir.path().join("e.sock").display());
    let ask = |endpoint: &str, program: &Path| {
        said(&client(endpoint, program).wait_with_output().unwrap(), "error=")
    };
    let text = ask(&local, Path::new("/nowhere/server"));
    assert!(text.starts_with("AUTOSTART_FAILED ") && text.contains("/nowhere/server"), "{text}");
    let text = ask(&local, Path::new("/bin/false"));
    assert!(text.starts_with("AUTOSTART_FAILED ") && text.contains("e.sock.log"), "{text}");
    // Nobody listens on port 1, and nothing is started for it.
    let text = ask("tcp://127.0.0.1:1", Path::new("/nowhere/server"));
    assert!(text.starts_with("ENGINE_UNREACHABLE ") && text.contains("never to tcp://"), "{text}");
}
