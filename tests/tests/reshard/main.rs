//! `egctl reshard` over real shards: what it plans, what it refuses to, and how it is carried out.

mod advertised;
mod apply;
mod commons;
mod load;
mod offline;
mod plan;
mod refused;

use std::process::Output;

use anyhow::{Context, Result, ensure};
use epistemic_tests::{Egctl, ServerBuilder, ServerProcess};
use serde_json::Value;

/// Shards with a list, and one more that is to join it.
struct Shards {
    servers: Vec<ServerProcess>,
    newcomer: ServerProcess,
}

fn endpoint(builder: &ServerBuilder) -> String {
    format!("unix://{}", builder.socket().display())
}

impl Shards {
    fn start(count: usize) -> Result<Self> {
        let servers = (0..count).map(|_| ServerProcess::ours().start()).collect::<Result<_>>()?;
        Ok(Self { servers, newcomer: ServerProcess::ours().start()? })
    }

    /// The list without the newcomer.
    fn from(&self) -> String {
        self.servers.iter().map(|server| endpoint(&server.builder())).collect::<Vec<_>>().join(",")
    }

    /// The list with it.
    fn to(&self) -> String {
        format!("{},{}", self.from(), endpoint(&self.newcomer.builder()))
    }

    fn all(&mut self) -> impl Iterator<Item = &mut ServerProcess> {
        self.servers.iter_mut().chain([&mut self.newcomer])
    }

    /// Creates each graph on its owner by the old list, with the nodes and edges of [`size`].
    fn fill(&self, graphs: &[String]) -> Result<()> {
        let owners = owners(&self.from(), graphs)?;
        for server in &self.servers {
            let mut client = server.client()?;
            for (number, (graph, owner)) in graphs.iter().zip(&owners).enumerate() {
                if *owner != endpoint(&server.builder()) {
                    continue;
                }
                client.create_graph(graph)?;
                let (nodes, edges) = size(number);
                for node in 0..nodes {
                    client.add_node(graph, &format!("n{node}"), b"\x80")?;
                }
                for node in 1..=edges {
                    client.add_edge(graph, "n0", &format!("n{node}"), b"\x80")?;
                }
            }
        }
        Ok(())
    }
}

/// Nodes and edges of the graph with this number.
fn size(number: usize) -> (usize, usize) {
    (number % 10, (number % 10).saturating_sub(1))
}

/// The owner of each graph by a list, as `egctl route` has it.
fn owners(list: &str, graphs: &[String]) -> Result<Vec<String>> {
    let mut args = vec!["route", "--json", "--endpoints", list];
    args.extend(graphs.iter().flat_map(|graph| ["--graph", graph]));
    let routes = json(&args)?;
    let routes = routes["routes"].as_array().context("routes")?;
    let owners = routes.iter().map(|route| route["shard"].as_str().map(str::to_owned));
    owners.collect::<Option<_>>().context("a route without a shard")
}

/// Runs `egctl` with the secret of the test servers and no other configuration.
fn egctl(args: &[&str]) -> Result<Output> {
    Egctl::with_secret("test-secret").run(args)
}

/// Runs `egctl`, which must succeed, and decodes what it prints.
fn json(args: &[&str]) -> Result<Value> {
    let output = egctl(args)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{args:?}: {}: {error}", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{args:?} printed no JSON"))
}
