//! `egctl digest`: what copies of a graph are compared by.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use epistemic_storage::graph::{Graph, GraphError};
use epistemic_storage::snapshot::{Header, SnapshotError, Totals, content_digest_of};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::directory::Directory;
use super::exit::EXIT_CODES;
use super::output::{OutputArgs, Report};
use super::place::PlaceArgs;
use super::snapshot::verified;
use super::table::{shortened, write_table};
use crate::remote::{GraphStats, content};

/// Compute the content digest of graphs: of shards, of a directory, or of snapshot files.
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "endpoint", "endpoints"])]
    file: Vec<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Digests {
    graphs: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    graph: String,
    /// Endpoint, directory or file.
    place: String,
    /// Number of the newest change in it.
    sequence: u64,
    nodes: u64,
    edges: u64,
    /// Ledger records; not part of the digest.
    ledger: u64,
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
            ledger: totals.ledger,
            vectors: totals.vectors,
            digest: totals.digest,
        }
    }
}

pub(super) fn run(args: &DigestArgs, runtime: &Runtime) -> Result<()> {
    let graphs = match (&args.place.dir, args.file.as_slice()) {
        (None, []) => runtime.block_on(online(args))?,
        (Some(dir), _) => offline(dir, &args.graphs)?,
        (None, files) => files.iter().map(|file| of_file(file)).collect::<Result<_>>()?,
    };
    args.output.print(&Digests { graphs })
}

fn of_file(path: &Path) -> Result<Row> {
    let (_, header, totals) = verified(path)?;
    Ok(Row::new(path.display(), (header, totals)))
}

fn offline(dir: &Path, names: &[String]) -> Result<Vec<Row>> {
    let directory = Directory::open_read_only(dir)?;
    let graphs = &directory.graphs;
    let chosen = if names.is_empty() {
        graphs.graphs()
    } else {
        names.iter().map(|name| graphs.graph(name)).collect::<Result<_, _>>()?
    };
    let digest =
        |graph: &Graph| content_digest_of(graphs, graph).map_err(|error| named(&directory, graph, error));
    chosen.iter().map(|graph| Ok(Row::new(dir.display(), digest(graph)?))).collect()
}

/// Names the graph in an error about its records.
pub(super) fn named(directory: &Directory, graph: &Graph, error: SnapshotError) -> SnapshotError {
    match error {
        SnapshotError::Graph(GraphError::Store(error)) => directory.graphs.damage(graph.name(), error).into(),
        other @ (SnapshotError::Graph(_) | SnapshotError::Refused { .. } | SnapshotError::Stream(_)) => other,
    }
}

async fn online(args: &DigestArgs) -> Result<Vec<Row>> {
    let shards = &args.place.shards;
    let mut rows = Vec::new();
    for name in &args.graphs {
        let client = shards.owner_of(name).await?;
        rows.push(Row::new(client.endpoint().clone(), content(client, name).await?));
    }
    if args.graphs.is_empty() {
        let answers = shards.ask_all::<Vec<GraphStats>>("GraphStats").await?;
        answers.failure()?;
        for (endpoint, graphs) in answers.0 {
            for graph in graphs? {
                // A connection of its own: it holds the shard's view of the graph until it is closed.
                let client = shards.connect(&endpoint).await?;
                rows.push(Row::new(&endpoint, content(client, &graph.name).await?));
            }
        }
    }
    Ok(rows)
}

impl Report for Digests {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let row = |row: &Row| {
            let Row { graph, place, sequence, nodes, edges, ledger, vectors, digest } = row;
            let [sequence, nodes, edges, ledger, vectors] =
                [sequence, nodes, edges, ledger, vectors].map(ToString::to_string);
            [shortened(graph), nodes, edges, vectors, ledger, sequence, digest.clone(), place.clone()]
        };
        let rows: Vec<_> = self.graphs.iter().map(row).collect();
        let heading = ["graph", "nodes", "edges", "embeddings", "ledger", "sequence", "digest", "place"];
        write_table(out, heading, &rows)
    }
}
