//! `egctl backup` over real shards, to directories and to an S3-compatible server.

mod bucket;
mod commons;
mod encrypted;
mod guarded;
mod interrupted;
mod shard;
mod stores;
mod surroundings;

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use epistemic_tests::{Client, Egctl, ServerProcess};
use serde_json::Value;

const GRAPH: &str = "tenant a/b:é";

/// `egctl` with no other configuration than `env`.
fn command(env: &[(String, String)], args: &[&str]) -> Result<Command> {
    with(env).command(args)
}

fn with(env: &[(String, String)]) -> Egctl {
    Egctl::new().envs(env.iter().map(|(name, value)| (name, value)))
}

fn egctl(env: &[(String, String)], args: &[&str]) -> Result<Output> {
    with(env).run(args)
}

/// Runs `egctl ... --json`, which must succeed.
fn json(env: &[(String, String)], args: &[&str]) -> Result<Value> {
    with(env).report(0, args)
}

#[track_caller]
fn fails(env: &[(String, String)], code: i32, args: &[&str]) -> String {
    with(env).fails(code, args)
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
