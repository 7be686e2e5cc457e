//! `egctl graphs`: the graphs of shards, of a stopped directory or of a checkpoint.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use clap::Args;
use epistemic_router::owners::Scope;
use epistemic_router::{Affinity, EndpointList, hrw};
use epistemic_storage::graph::{COMMONS, GraphSizes};
use indicatif::HumanBytes;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::directory::Directory;
use super::exit::EXIT_CODES;
use super::output::{OutputArgs, Report};
use super::owners::{Conflicts, failure};
use super::place::PlaceArgs;
use super::shards::{Answers, affinity};
use super::table::{shortened, write_table};
use crate::remote::{GraphStats, GraphStatsParams};

/// List graphs with their counts: of all configured shards, of one, or of a directory.
///
/// With several shards, a graph on a shard that does not own it is marked: clients look for it elsewhere. Graphs that two
/// shards serve, or none, are told behind the list (see egctl owners), and it ends with 7 then.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct GraphsArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Also estimate how much room each graph takes, and its nodes, edges, label index, ledger and embeddings; this looks at
    /// the tables of all of them.
    #[arg(long)]
    sizes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Graphs {
    graphs: Vec<Row>,
    /// Graphs that two shards serve, or none; of several shards.
    #[serde(flatten)]
    owners: Option<Conflicts>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    graph: GraphStats,
    /// Endpoint or directory that holds it.
    place: String,
    /// The shard that owns it instead, when it lies on another.
    belongs_on: Option<String>,
}

/// Prints the graphs. When a shard fails, those of the others are printed before the error.
pub(super) fn run(args: &GraphsArgs, runtime: &Runtime) -> Result<()> {
    if let Some(path) = &args.place.dir {
        return args.output.print(&offline(path, args.sizes)?);
    }
    let (shards, affinity) = (args.place.shards.list()?, affinity()?);
    let answers: Answers<Vec<GraphStats>> = runtime
        .block_on(args.place.shards.ask_all_with("GraphStats", GraphStatsParams { sizes: args.sizes }))?;
    let mut graphs = Vec::new();
    for (endpoint, answer) in &answers.0 {
        for graph in answer.iter().flatten() {
            graphs.push(Row {
                belongs_on: belongs_on(&shards, &affinity, &graph.name)
                    .filter(|owner| owner != endpoint.as_str()),
                graph: graph.clone(),
                place: endpoint.to_string(),
            });
        }
    }
    let owners = if shards.is_sharded() {
        Some(runtime.block_on(args.place.shards.survey(Scope::All))?)
    } else {
        None
    };
    let report = Graphs { graphs, owners: owners.map(Conflicts) };
    args.output.print(&report)?;
    answers.failure()?;
    let Some(Conflicts(survey)) = &report.owners else { return Ok(()) };
    // Shards of an earlier version, and those whose caller may not ask, list their graphs all the same.
    for silent in &survey.unasked {
        eprintln!("owners were not compared with {}: {}", silent.endpoint, silent.reason);
    }
    if survey.conflicts.is_empty() { Ok(()) } else { Ok(failure(survey)?) }
}

/// The owner of a graph among several shards; every shard has its own `__commons__`.
fn belongs_on(shards: &EndpointList, affinity: &Affinity, graph: &str) -> Option<String> {
    let placed = shards.is_sharded() && graph != COMMONS;
    placed.then(|| hrw::owner(shards, affinity.anchor(graph)).to_string())
}

fn offline(path: &Path, sizes: bool) -> Result<Graphs> {
    let directory = Directory::open_read_only(path)?;
    let row = |graph: &epistemic_storage::graph::Graph| Row {
        graph: GraphStats::of(&directory.graphs, graph, sizes),
        place: path.display().to_string(),
        belongs_on: None,
    };
    let graphs = directory.graphs.graphs().iter().map(|graph| row(graph)).collect();
    Ok(Graphs { graphs, owners: None })
}

impl Report for Graphs {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let owners = self.owners.as_ref();
        if self.graphs.is_empty() {
            return owners.map_or(Ok(()), |owners| owners.write_text(out));
        }
        if self.graphs.iter().all(|row| row.graph.sizes.is_none()) {
            let rows: Vec<_> = self.graphs.iter().map(Row::cells).collect();
            write_table(out, ["graph", "type", "nodes", "edges", "sequence", "size", "place"], &rows)?;
            return owners.map_or(Ok(()), |owners| owners.write_text(out));
        }
        let rows: Vec<_> = self.graphs.iter().map(Row::cells_with_sizes).collect();
        let heading = [
            "graph",
            "type",
            "nodes",
            "edges",
            "sequence",
            "size about",
            "of nodes",
            "of edges",
            "of labels",
            "of ledger",
            "of embeddings",
            "place",
        ];
        write_table(out, heading, &rows)?;
        owners.map_or(Ok(()), |owners| owners.write_text(out))
    }
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let GraphStats { name, kind, nodes, edges, sequence, quarantined, bytes, .. } = &self.graph;
        let mut place = self.place.clone();
        if let Some(owner) = &self.belongs_on {
            place.push_str(&format!("  (belongs on {owner})"));
        }
        if let Some(reason) = quarantined {
            place.push_str(&format!("  QUARANTINED: {reason}"));
        }
        let size = size(*bytes);
        let [nodes, edges, sequence] = [nodes, edges, sequence].map(ToString::to_string);
        [shortened(name), kind.clone(), nodes, edges, sequence, size, place]
    }

    fn cells_with_sizes(&self) -> [String; 12] {
        let [name, kind, nodes, edges, sequence, all, place] = self.cells();
        let of = |kind: fn(&GraphSizes) -> u64| size(self.graph.sizes.as_ref().map(kind));
        [
            name,
            kind,
            nodes,
            edges,
            sequence,
            all,
            of(|sizes| sizes.nodes),
            of(|sizes| sizes.edges),
            of(|sizes| sizes.labels),
            of(|sizes| sizes.ledger),
            of(|sizes| sizes.vectors),
            place,
        ]
    }
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| HumanBytes(bytes).to_string())
}
