//! `egctl backup` over real shards, to directories and to an S3-compatible server.

mod bucket;
mod commons;
mod guarded;
mod interrupted;
mod shard;
mod stores;
mod surroundings;

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use epistemic_tests::{Client, ServerProcess, binaries};
use serde_json::Value;

const GRAPH: &str = "tenant a/b:é";

/// `egctl` with no other configuration than `env`.
fn command(env: &[(String, String)], args: &[&str]) -> Result<Command> {
    let mut command = Command::new(binaries::egctl()?);
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("GRAPH_") || name.starts_with("AWS_"))
    {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").envs(env.iter().cloned()).args(args);
    Ok(command)
}

fn egctl(env: &[(String, String)], args: &[&str]) -> Result<Output> {
    Ok(command(env, args)?.output()?)
}

/// Runs `egctl ... --json`, which must succeed.
fn json(env: &[(String, String)], args: &[&str]) -> Result<Value> {
    let args = [args, &["--json"]].concat();
    let output = egctl(env, &args)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{args:?}: {}: {error}", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{args:?} printed no JSON"))
}

/// Runs `egctl`, which must fail with this code; returns its stderr.
#[track_caller]
fn fails(env: &[(String, String)], code: i32, args: &[&str]) -> String {
    let output = egctl(env, args).expect("egctl starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
    assert!(!error.is_empty() && !error.contains("panicked"), "{args:?}: {error}");
    error
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// A server, its secret for `egctl`, its endpoint, and a client of it.
struct Shard {
    server: ServerProcess,
    env: Vec<(String, String)>,
    endpoint: String,
    client: Client,
}

impl Shard {
    /// With a graph of odd names and bytes.
    fn start() -> Result<Self> {
        let server = ServerProcess::ours().start()?;
        let mut client = server.client()?;
        client.create_graph(GRAPH)?;
        client.add_node(GRAPH, "", b"\xc1\xff")?;
        client.add_node(GRAPH, "n\n1", b"\x81\xa4type\xa1t")?;
        client.add_edge(GRAPH, "", "n\n1", b"")?;
        let env = vec![("GRAPH_SERVICE_AUTH_SECRET".to_owned(), server.secret().to_owned())];
        let endpoint = format!("unix://{}", server.socket().display());
        Ok(Self { server, env, endpoint, client })
    }

    fn add(&mut self, from: usize, count: usize) -> Result<()> {
        (from..from + count)
            .try_for_each(|number| Ok(self.client.add_node(GRAPH, &number.to_string(), b"\x80")?))
    }

    /// Content digest and sequence number of a graph as it is served.
    fn digest(&self, graph: &str) -> Result<(String, u64)> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("g.snap");
        let args = ["snapshot", "export", graph, "-o", text(&file), "--endpoint", &self.endpoint];
        let exported = json(&self.env, &args)?;
        let digest = exported["digest"].as_str().context("a digest")?;
        Ok((digest.to_owned(), exported["sequence"].as_u64().context("a sequence number")?))
    }

    fn names(&self) -> Result<Vec<String>> {
        let listed = json(&self.env, &["graphs", "--endpoint", &self.endpoint])?;
        let names = listed["graphs"].as_array().context("graphs")?.iter();
        let mut names: Vec<String> = names.filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect();
        names.sort();
        Ok(names)
    }
}

/// What a run did with the graph.
fn done(created: &Value) -> Result<&str> {
    let graphs = created["graphs"].as_array().context("graphs")?;
    let row = graphs.iter().find(|row| row["graph"] == GRAPH).context("the graph")?;
    row["done"].as_str().context("what was done")
}

/// The names of the intact runs of a backup.
fn runs(env: &[(String, String)], url: &str) -> Result<Vec<String>> {
    let listed = json(env, &["backup", "list", "--from", url])?;
    let runs = listed["runs"].as_array().context("runs")?;
    ensure!(runs.iter().all(|run| run["damage"].is_null()), "{runs:?}");
    Ok(runs.iter().filter_map(|run| Some(run["run"].as_str()?.to_owned())).collect())
}
