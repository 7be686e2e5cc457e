//! `egctl` on what graphs hold, on shards and offline: looking, exporting, loading, and the verbs for graphs, ledgers,
//! agents and channels; its configuration and what it says of itself.

mod agents;
mod configuration;
mod documented;
mod export;
mod graphs;
mod itself;
mod ledger;
mod load;
mod look;
mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use epistemic_tests::{ServerProcess, binaries};
use serde_json::Value;
use tempfile::TempDir;

const SECRET: &str = "test-secret";
/// A name with a blank, a slash and more.
const GRAPH: &str = "tenant a/b:é";
/// It turns the rest of a line around, and goes to the next one.
const ODD: &str = "n\n1\u{202e}";

/// `egctl` with the secret and no other configuration.
fn command(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(binaries::egctl()?);
    let variables = std::env::vars().map(|(name, _)| name);
    for name in variables
        .filter(|name| ["GRAPH_", "KG_", "EGCTL_", "XDG_"].iter().any(|prefix| name.starts_with(prefix)))
    {
        command.env_remove(name);
    }
    command
        .env_remove("RUST_LOG")
        .env("HOME", "/nonexistent")
        .env("GRAPH_SERVICE_AUTH_SECRET", SECRET)
        .args(args);
    Ok(command)
}

fn egctl(args: &[&str]) -> Result<Output> {
    Ok(command(args)?.stdin(Stdio::null()).output()?)
}

/// Runs `egctl`, which must succeed and say nothing on stderr; its stdout.
fn says(args: &[&str]) -> Result<String> {
    said(&egctl(args)?).with_context(|| format!("{args:?}"))
}

fn said(output: &Output) -> Result<String> {
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && error.is_empty(), "{}: {error}", output.status);
    Ok(String::from_utf8(output.stdout.clone())?)
}

/// Runs `egctl ... --json`, which must succeed.
fn json(args: &[&str]) -> Result<Value> {
    let args = [args, &["--json"]].concat();
    serde_json::from_str(&says(&args)?).with_context(|| format!("{args:?} printed no JSON"))
}

/// Runs `egctl ... --jsonl`, which must succeed.
fn lines(args: &[&str]) -> Result<Vec<Value>> {
    let args = [args, &["--jsonl"]].concat();
    says(&args)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Runs `egctl`, which must fail with this code; returns its stderr.
#[track_caller]
fn fails(code: i32, args: &[&str]) -> String {
    let output = egctl(args).expect("egctl starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
    assert!(!error.is_empty() && !error.contains("panicked"), "{args:?}: {error}");
    error
}

/// Runs `egctl` with this on its stdin.
fn with_input(args: &[&str], input: &[u8]) -> Result<Output> {
    let mut child =
        command(args)?.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("stdin")?;
    // It may end before it has read all.
    let _ = stdin.write_all(input);
    drop(stdin);
    Ok(child.wait_with_output()?)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

fn endpoint(server: &ServerProcess) -> String {
    format!("unix://{}", server.socket().display())
}

/// A server with a small graph of odd names and bytes.
fn server_with_graph() -> Result<ServerProcess> {
    let server = ServerProcess::ours().start()?;
    fill(&server)?;
    Ok(server)
}

fn fill(server: &ServerProcess) -> Result<()> {
    let mut client = server.client()?;
    client.create_graph(GRAPH)?;
    for node in ["", ODD, "n2"] {
        client.add_node(GRAPH, node, b"\x82\xa4type\xa1t\xa4name\xa5Grete")?;
    }
    client.add_node(GRAPH, "opaque", b"\xc1\xff")?;
    for _ in 0..3 {
        client.add_edge(GRAPH, "", "n2", b"\x80")?;
    }
    client.add_edge(GRAPH, "n2", "n2", b"\x81\xa1w\xcb\x3f\xe0\0\0\0\0\0\0")?;
    client.add_edge(GRAPH, "opaque", "n2", b"")?;
    let embedding = vec![0.1_f32.into(), 2.5_f32.into()];
    let fields = [("node_id", "n2".into()), ("embedding", epistemic_tests::Value::Array(embedding))];
    client.call(GRAPH, "AddEmbedding", epistemic_tests::wire::params(fields))?;
    Ok(())
}

/// Runs `look` with the flags of a running shard, and then of its directory, a checkpoint, a snapshot file and a backup.
fn at_every_place(mut look: impl FnMut(&[&str]) -> Result<()>) -> Result<()> {
    let mut server = server_with_graph()?;
    let home = TempDir::new()?;
    let (file, backup) = (home.path().join("g.snap"), home.path().join("backup"));
    fs_err::create_dir(&backup)?;
    let at = endpoint(&server);
    look(&["--endpoint", &at])?;
    json(&["snapshot", "export", GRAPH, "-o", text(&file), "--endpoint", &at])?;
    json(&["backup", "create", "--to", text(&backup), "--endpoint", &at])?;
    json(&["checkpoint", "create", "--endpoint", &at])?;
    let dir = server.persist_dir().to_owned();
    server.terminate()?;
    look(&["--dir", text(&dir)])?;
    let listed = json(&["checkpoint", "list", "--dir", text(&dir)])?;
    let checkpoint = listed["checkpoints"][0]["path"].as_str().context("a checkpoint")?.to_owned();
    look(&["--dir", &checkpoint])?;
    look(&["--file", text(&file)])?;
    look(&["--from", text(&backup)])
}
