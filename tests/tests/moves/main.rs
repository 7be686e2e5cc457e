//! Graphs that move between real shards under writers and readers, with `kill -9` at every step (issue 5).
//!
//! Every move begins under a [`Load`](load::Load): four writers and four readers that follow the graph as refusals tell
//! them to. `EGCTL_HOLD_AT` stops the mover at a step of its journal, where a party is killed.

mod abort;
mod clients;
mod frames;
mod killed;
mod load;
mod mover;
mod pause;
mod power_cut;
mod progress;
mod reproduced;
mod torture;
mod waiting;
mod written;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, Endpoint, ServerBuilder, ServerProcess, Value, transfer};
use tempfile::TempDir;

/// Nodes of a small graph before the writers come.
const NODES: u64 = 300;

/// Steps of the journal, in order.
const STEPS: [&str; 9] =
    ["reserve", "copy", "catch_up", "equal", "fence", "tail_equal", "depart", "admit", "receipt"];

/// A shard as clients and `egctl` know it.
#[derive(Debug, Clone)]
struct Place {
    /// The text of its endpoint.
    name: String,
    endpoint: Endpoint,
}

impl Place {
    fn of(builder: &ServerBuilder) -> Self {
        let socket = builder.socket();
        Self { name: format!("unix://{}", socket.display()), endpoint: Endpoint::Unix(socket) }
    }
}

/// Two shards, and a folder for journals.
struct Pair {
    source: ServerProcess,
    destination: ServerProcess,
    work: TempDir,
}

impl Pair {
    fn start() -> Result<Self> {
        Ok(Self {
            source: ServerProcess::ours().start()?,
            destination: ServerProcess::ours().start()?,
            work: tempfile::tempdir()?,
        })
    }

    /// Source and destination.
    fn places(&self) -> [Place; 2] {
        [Place::of(&self.source.builder()), Place::of(&self.destination.builder())]
    }

    /// Creates a graph at the source, with what the writers need.
    fn prepare(&self, graph: &str, nodes: u64) -> Result<()> {
        let mut client = self.source.client()?;
        client.create_graph(graph)?;
        transfer::fill(&mut client, graph, nodes, 100)?;
        load::prepare(&mut client, graph)
    }

    /// Checks that only the destination serves the graph, and that the source tells so.
    fn served_by_destination(&self, graph: &str) -> Result<()> {
        let [from, to] = self.places();
        let words = format!("MOVED: graph '{graph}' moved to '{}'; nothing was done", to.name);
        for (method, fields) in [
            ("NodeCount", None),
            (
                "AddNode",
                params([("node_id", "stray".into()), ("properties_msgpack", Value::Binary(vec![0x80]))]),
            ),
            ("CreateGraph", params([("graph_name", graph.into()), ("graph_type", "Agent".into())])),
        ] {
            let refused = self.source.client()?.call(graph, method, fields).err();
            let text = refused.with_context(|| format!("the source did {method}"))?.to_string();
            ensure!(text.contains(&words), "{method}: {text}");
        }
        self.destination.client()?.call(graph, "NodeCount", None)?;
        let rows = mover::standings(self, graph)?;
        let post = rows.first().with_context(|| format!("no signpost of {graph}"))?;
        ensure!(
            rows.len() == 1
                && post["place"] == from.name.as_str()
                && post["standing"] == "moved"
                && post["to"] == to.name.as_str()
                && post["dropped"] == true,
            "{rows:?}"
        );
        Ok(())
    }
}

/// Newest sequence number and content digest of a graph.
fn digest(client: &mut Client, graph: &str) -> Result<(u64, String)> {
    let answer = client.call(graph, "GraphDigest", None)?;
    let sequence = field(&answer, "sequence").and_then(Value::as_u64).context("no sequence")?;
    let digest = field(&answer, "digest").and_then(Value::as_str).context("no digest")?;
    Ok((sequence, digest.to_owned()))
}
