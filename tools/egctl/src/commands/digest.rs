//! `egctl digest`: what copies of a graph are compared by.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use epistemic_operations::encryption::Keys;
use epistemic_operations::error::message_of;
use epistemic_operations::hosts::{Directory, StorePlace};
use epistemic_operations::remote::{content, content_without_ledger};
use epistemic_router::Endpoint;
use epistemic_router::status::GraphStats;
use epistemic_storage::graph::Graph;
use epistemic_storage::snapshot::{Header, Ledger, Totals, export, export_parts};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::snapshot::{Verified, verified};
use crate::encryption::IdentityArgs;
use crate::exit::{EXIT_CODES, Exit, Failure, exit_of};
use crate::output::{OutputArgs, Report};
use crate::place::ReadPlaceArgs;
use crate::progress::{Progress, Total};
use crate::shards::ShardArgs;
use crate::table::{shortened, write_table};

/// Compute the digest of what graphs hold: of shards, directories, object stores, or snapshot files.
///
/// Equal digests mean equal nodes, edges and embeddings, with their properties and numbers; the name and the ledger do not
/// count. Reads every record of the graphs; of a running shard, each as one consistent state.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct DigestArgs {
    /// Exact names. Default: all graphs of the shards or of the directory.
    #[arg(value_name = "GRAPH", conflicts_with = "file")]
    graphs: Vec<String>,
    /// A snapshot file instead; may be repeated.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "store", "endpoint", "endpoints"])]
    file: Vec<PathBuf>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    place: ReadPlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// How many records of all graphs were read. Clones are the same.
#[derive(Clone)]
struct Meter(Arc<Mutex<Read>>);

struct Read {
    shown: Progress,
    /// Records of the graphs that are done.
    done: u64,
}

impl Meter {
    fn new(total: Total) -> Self {
        Self(Arc::new(Mutex::new(Read { shown: Progress::new("digest", total), done: 0 })))
    }

    /// So many records of the graph that is read were read.
    fn update(&self, records: u64) {
        let Read { shown, done } = &mut *self.0.lock();
        shown.update(0, *done + records);
    }

    /// A graph of so many records was read.
    fn finish(&self, records: u64) {
        self.0.lock().done += records;
        self.update(0);
    }
}

/// Records of a graph of these counts, whose ledger tells the changes from one on.
fn records(nodes: u64, edges: u64, sequence: u64, ledger_from: u64) -> u64 {
    nodes + edges + (sequence + 1).saturating_sub(ledger_from)
}

#[derive(Serialize, Default)]
struct Digests {
    graphs: Vec<Row>,
    /// Graphs that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    graph: String,
    reason: String,
    #[serde(skip)]
    exit: Exit,
}

#[derive(Serialize)]
struct Row {
    graph: String,
    /// Endpoint, directory, URL or file.
    place: String,
    /// Number of the newest change in it.
    sequence: u64,
    nodes: u64,
    edges: u64,
    /// Ledger records; not part of the digest. None when the ledger is damaged.
    ledger: Option<u64>,
    /// Embeddings.
    vectors: u64,
    /// SHA-256 of the content.
    digest: String,
}

impl Row {
    fn new(place: impl ToString, (header, totals): (Header, Totals)) -> Self {
        Self {
            graph: header.graph,
            place: place.to_string(),
            sequence: header.sequence,
            nodes: totals.nodes,
            edges: totals.edges,
            ledger: Some(totals.ledger),
            vectors: totals.vectors,
            digest: totals.digest,
        }
    }

    fn with_damaged_ledger(self) -> Self {
        Self { ledger: None, ..self }
    }
}

impl Digests {
    fn add(&mut self, graph: &str, row: Result<Row>, meter: &Meter) {
        match row {
            Ok(row) => {
                meter.finish(row.nodes + row.edges + row.ledger.unwrap_or(0));
                self.graphs.push(row);
            }
            Err(error) => {
                let (reason, exit) = (message_of(&error), exit_of(&error));
                self.failed.push(Failed { graph: graph.to_owned(), reason, exit });
            }
        }
    }

    fn failure(&self) -> Result<()> {
        let Some(first) = self.failed.first() else { return Ok(()) };
        let message = match self.failed.len() {
            1 => first.reason.clone(),
            count => format!("{count} graphs cannot be read; the first: {}", first.reason),
        };
        Err(Failure::new(first.exit, message).into())
    }
}

/// Prints the digests. When a graph cannot be read, those of the others are printed before the error.
pub(super) fn run(args: &DigestArgs, runtime: &Runtime) -> Result<()> {
    let digests = match (args.place.store(), args.file.as_slice()) {
        (None, []) => runtime.block_on(online(args))?,
        (Some(store), _) => offline(&store, &args.graphs)?,
        (None, files) => {
            let keys = args.identity.keys()?;
            let graphs = files.iter().map(|file| of_file(file, &keys)).collect::<Result<_>>()?;
            Digests { graphs, ..Digests::default() }
        }
    };
    args.output.print(&digests)?;
    digests.failure()
}

fn of_file(path: &Path, keys: &Keys) -> Result<Row> {
    let Verified { header, totals, .. } = verified(path, keys)?;
    Ok(Row::new(path.display(), (header, totals)))
}

fn offline(store: &StorePlace, names: &[String]) -> Result<Digests> {
    let directory = Directory::open_place(store)?;
    let graphs = &directory.graphs;
    let chosen = if names.is_empty() {
        graphs.graphs()
    } else {
        names.iter().map(|name| graphs.graph(name)).collect::<Result<_, _>>()?
    };
    let total = chosen.iter().map(|graph| {
        let counters = graph.counters();
        records(counters.nodes, counters.edges, counters.sequence, counters.complete_from)
    });
    let meter = Meter::new(Total::Records(total.sum()));
    let mut digests = Digests::default();
    for graph in &chosen {
        digests.add(graph.name(), digest_in(&directory, graph, store, &meter), &meter);
    }
    Ok(digests)
}

fn digest_in(directory: &Directory, graph: &Graph, store: &StorePlace, meter: &Meter) -> Result<Row> {
    let graphs = &directory.graphs;
    let mut update = |records| meter.update(records);
    let error = match export(graphs, graph, io::sink(), &mut update) {
        Ok(content) => return Ok(Row::new(store, content)),
        Err(error) => error,
    };
    // The ledger is no part of the digest: it may be damaged.
    match export_parts(graphs, graph, Ledger::LeftOut, io::sink(), &mut update) {
        Ok(content) => Ok(Row::new(store, content).with_damaged_ledger()),
        Err(_) => Err(error.into()),
    }
}

async fn online(args: &DigestArgs) -> Result<Digests> {
    let shards = args.place.shards();
    let mut digests = Digests::default();
    if !args.graphs.is_empty() {
        let meter = Meter::new(Total::Unknown);
        for name in &args.graphs {
            let client = shards.owner_of(name).await?;
            digests.add(name, digest_at(shards, client.endpoint(), name, &meter).await, &meter);
        }
        return Ok(digests);
    }
    let answers = shards.ask_all::<Vec<GraphStats>>("GraphStats").await?;
    answers.failure()?;
    let all = answers.0.iter().flat_map(|(_, graphs)| graphs.iter().flatten());
    let total = all.map(|graph| {
        let ledger_from = graph.ledger_from.unwrap_or(graph.sequence + 1);
        records(graph.nodes, graph.edges, graph.sequence, ledger_from)
    });
    let meter = Meter::new(Total::Records(total.sum()));
    for (endpoint, graphs) in answers.0 {
        for graph in graphs? {
            digests.add(&graph.name, digest_at(shards, &endpoint, &graph.name, &meter).await, &meter);
        }
    }
    Ok(digests)
}

/// Reads a graph on a connection of its own: it holds the shard's view of the graph until it is closed.
async fn digest_at(shards: &ShardArgs, endpoint: &Endpoint, graph: &str, meter: &Meter) -> Result<Row> {
    let update = || {
        let meter = meter.clone();
        move |records| meter.update(records)
    };
    let error = match content(shards.connect(endpoint).await?, graph, update()).await {
        Ok(content) => return Ok(Row::new(endpoint, content)),
        Err(error) => error,
    };
    let error = anyhow::Error::from(error);
    if exit_of(&error) == Exit::Unreachable {
        return Err(error);
    }
    // The ledger is no part of the digest: it may be damaged.
    match content_without_ledger(shards.connect(endpoint).await?, graph, update()).await {
        Ok(content) => Ok(Row::new(endpoint, content).with_damaged_ledger()),
        Err(_) => Err(error),
    }
}

impl Report for Digests {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let row = |row: &Row| {
            let Row { graph, place, sequence, nodes, edges, ledger, vectors, digest } = row;
            let ledger = ledger.map_or_else(|| "damaged".to_owned(), |ledger| ledger.to_string());
            let [sequence, nodes, edges, vectors] =
                [sequence, nodes, edges, vectors].map(ToString::to_string);
            [shortened(graph), nodes, edges, vectors, ledger, sequence, digest.clone(), place.clone()]
        };
        let rows: Vec<_> = self.graphs.iter().map(row).collect();
        let heading = ["graph", "nodes", "edges", "embeddings", "ledger", "sequence", "digest", "place"];
        write_table(out, heading, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_all_graphs_are_counted_and_those_of_the_one_that_is_read() {
        let meter = Meter::new(Total::Records(records(10, 5, 20, 1) + records(3, 0, 7, 8)));
        meter.clone().update(12);
        assert_eq!(meter.0.lock().done, 0, "it is not done yet");
        meter.finish(35);
        meter.update(1);
        assert_eq!(meter.0.lock().done, 35);
        assert_eq!((records(10, 5, 20, 1), records(3, 0, 7, 8)), (35, 3), "an empty ledger");
    }
}
