//! Graphs filled through BatchUpdate: the nodes that reads need, and `egctl bench load-graph`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use epistemic_router::ErrorCode;
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::answer::batch_error_of;
use super::template::{Envelope, Message, Template};
use super::wire::Client;
use super::workload::{NODE_PREFIX, add_node, batch_params};

/// Average number of edges that leave a node read by a benchmark.
const OUT_DEGREE: u64 = 5;
const CHUNK: u64 = 2_000;

/// What to put into a graph.
#[derive(Clone, Copy)]
pub(super) struct Population {
    pub(super) nodes: u64,
    pub(super) edges: u64,
    /// Operations in one BatchUpdate.
    pub(super) chunk: u64,
    pub(super) seed: u64,
}

impl Population {
    /// `nodes` nodes with five edges each on average.
    pub(super) fn for_reads(nodes: u64, seed: u64) -> Self {
        Self { nodes, edges: nodes * OUT_DEGREE, chunk: CHUNK, seed }
    }
}

/// Creates the graph when it is missing and returns its number of nodes.
pub(super) fn open_graph(client: &mut Client, envelope: Envelope<'_>) -> Result<u64> {
    let mut params = Message::default();
    params.map(2)?;
    params.str("graph_name")?;
    params.str(envelope.graph)?;
    params.str("graph_type")?;
    params.str("Agent")?;
    let created = client.call(&Template::new(envelope, 1, "CreateGraph", Some(&params))?);
    if let Err(error) = created
        && ErrorCode::of_text(&error.to_string()) != ErrorCode::Exists
    {
        return Err(error).context("cannot create the graph");
    }
    let count = client.call(&Template::new(envelope, 2, "NodeCount", None)?)?;
    count.as_u64().context("NodeCount answered no number")
}

/// Loads a read population into an empty graph; a graph that already holds enough nodes is used as it is.
pub(super) fn ensure(client: &mut Client, envelope: Envelope<'_>, population: Population) -> Result<()> {
    let nodes = open_graph(client, envelope)?;
    if nodes == 0 {
        load(client, envelope, population)?;
    } else if nodes < population.nodes {
        bail!(
            "graph {:?} holds {nodes} nodes, the benchmark wants {}: give another --graph or fewer --nodes",
            envelope.graph,
            population.nodes
        );
    }
    Ok(())
}

/// Fills an empty graph, one BatchUpdate at a time, and returns how long that took. Blocks.
pub(super) fn load(client: &mut Client, envelope: Envelope<'_>, population: Population) -> Result<Duration> {
    let mut random = StdRng::seed_from_u64(population.seed);
    let total = population.nodes + population.edges;
    let style = ProgressStyle::with_template("loading {wide_bar} {pos}/{len} {eta}")?;
    let progress = ProgressBar::new(total).with_style(style);
    let started = Instant::now();
    for first in (0..total).step_by(usize::try_from(population.chunk)?) {
        let chunk = first..total.min(first + population.chunk);
        let mut operations = Message::default();
        operations.array(u32::try_from(chunk.end - chunk.start)?)?;
        for index in chunk.clone() {
            if index < population.nodes {
                add_node(&mut operations, index)?;
            } else {
                let mut end = || random.random_range(0..population.nodes);
                let (source, target) = (end(), end());
                add_edge(&mut operations, source, target)?;
            }
        }
        let params = batch_params(&operations, envelope)?;
        let answer = client.call(&Template::new(envelope, first + 1, "BatchUpdate", Some(&params))?)?;
        if let Some(error) = batch_error_of(&answer)? {
            bail!("BatchUpdate of operations {chunk:?} reports {error}");
        }
        progress.set_position(chunk.end);
    }
    progress.finish_and_clear();
    Ok(started.elapsed())
}

fn add_edge(operations: &mut Message, source: u64, target: u64) -> Result<()> {
    operations.map(4)?;
    operations.str("op")?;
    operations.str("add_edge")?;
    operations.str("source")?;
    operations.numbered(NODE_PREFIX, source)?;
    operations.str("target")?;
    operations.numbered(NODE_PREFIX, target)?;
    operations.str("properties")?;
    operations.map(1)?;
    operations.str("type")?;
    operations.str("calls")
}
