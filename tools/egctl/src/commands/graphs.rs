//! `egctl graphs`: the graphs of shards, of a stopped directory or of a checkpoint.

mod choice;

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::{Directory, StorePlace, stats_of};
use epistemic_router::owners::Scope;
use epistemic_router::status::{BaseNames, GraphSizes, GraphStats, GraphStatsParams};
use epistemic_router::{Affinity, EndpointList, default_graph, hrw};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;
use tokio::runtime::Runtime;

use self::choice::ChoiceArgs;
use super::owners::{Conflicts, failure};
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::place::ReadPlaceArgs;
use crate::shards::{Answers, affinity};
use crate::table::{shortened, write_table};

/// List graphs with their counts: of all shards, of one, of a directory, or of an object store.
///
/// With several shards, a graph on a shard that does not own it is marked: clients look for it elsewhere. Graphs that two
/// shards serve, or none, are told behind the list (see egctl owners), and it ends with 7 then.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct GraphsArgs {
    #[command(flatten)]
    place: ReadPlaceArgs,
    /// Also estimate how much room each graph takes, and its nodes, edges, label index, ledger and embeddings; this looks at
    /// the tables of all of them.
    #[arg(long)]
    sizes: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// The base name of graphs that clients use; data under the other well-known one is warned about. Default:
    /// KG_DEFAULT_GRAPH, else __bus__.
    #[arg(long, value_name = "NAME")]
    default_graph: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Graphs {
    graphs: Vec<Row>,
    /// What all graphs are that match, those included that --limit leaves out.
    total: Total,
    #[serde(flatten)]
    base_names: BaseNames,
    /// Graphs that two shards serve, or none; of several shards.
    #[serde(flatten)]
    owners: Option<Conflicts>,
}

#[derive(Serialize, Default)]
struct Total {
    graphs: u64,
    nodes: u64,
    edges: u64,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    graph: GraphStats,
    /// Endpoint or directory that holds it.
    place: String,
    /// The shard that owns it instead, when it lies on another.
    belongs_on: Option<String>,
    /// The base name that it stands under, when it has content and another base name is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_base: Option<&'static str>,
}

/// Prints the graphs. When a shard fails, those of the others are printed before the error.
pub(super) fn run(args: &GraphsArgs, runtime: &Runtime) -> Result<()> {
    let base = args.default_graph.clone().unwrap_or_else(|| default_graph(|name| std::env::var(name).ok()));
    let sizes = args.sizes || args.choice.needs_sizes();
    if let Some(store) = args.place.store() {
        return args.output.print(&offline(&store, sizes, &base, &args.choice)?);
    }
    let (shards, affinity) = (args.place.shards().list()?, affinity()?);
    let answers: Answers<Vec<GraphStats>> =
        runtime.block_on(args.place.shards().ask_all_with("GraphStats", GraphStatsParams { sizes }))?;
    let all = || {
        answers
            .0
            .iter()
            .flat_map(|(endpoint, answer)| answer.iter().flatten().map(move |graph| (endpoint, graph)))
    };
    let base_names = BaseNames::of(all().map(|(_, graph)| graph), &base);
    let chosen = all().filter(|(_, graph)| args.choice.wants(graph));
    let mut graphs: Vec<_> = chosen
        .map(|(endpoint, graph)| Row {
            belongs_on: belongs_on(&shards, &affinity, graph).filter(|owner| owner != endpoint.as_str()),
            other_base: graph.other_base(&base),
            graph: graph.clone(),
            place: endpoint.to_string(),
        })
        .collect();
    let total = Total::of(&graphs);
    args.choice.arrange(&mut graphs);
    let owners = if shards.is_sharded() {
        Some(runtime.block_on(args.place.shards().survey(Scope::All))?)
    } else {
        None
    };
    let report = Graphs { graphs, total, base_names, owners: owners.map(Conflicts) };
    args.output.print(&report)?;
    answers.failure()?;
    let Some(Conflicts(survey)) = &report.owners else { return Ok(()) };
    // Shards of an earlier version, and those whose caller may not ask, list their graphs all the same.
    for silent in &survey.unasked {
        eprintln!("owners were not compared with {}: {}", silent.endpoint, silent.reason);
    }
    if survey.conflicts.is_empty() { Ok(()) } else { Ok(failure(survey)?) }
}

/// The owner of a graph among several shards; an empty `__commons__` is on every one.
fn belongs_on(shards: &EndpointList, affinity: &Affinity, graph: &GraphStats) -> Option<String> {
    let placed = shards.is_sharded() && !graph.is_empty_commons();
    placed.then(|| hrw::owner(shards, affinity.anchor(&graph.name)).to_string())
}

impl Total {
    fn of(rows: &[Row]) -> Self {
        let mut total = Self::default();
        for Row { graph, .. } in rows {
            total.graphs += 1;
            total.nodes += graph.nodes;
            total.edges += graph.edges;
        }
        total
    }
}

fn offline(store: &StorePlace, sizes: bool, base: &str, choice: &ChoiceArgs) -> Result<Graphs> {
    let directory = Directory::open_place(store)?;
    let row = |graph: &epistemic_storage::graph::Graph| {
        let graph = stats_of(&directory.graphs, graph, sizes);
        let other_base = graph.other_base(base);
        Row { graph, place: store.to_string(), belongs_on: None, other_base }
    };
    let mut graphs: Vec<_> = directory.graphs.graphs().iter().map(|graph| row(graph)).collect();
    let base_names = BaseNames::of(graphs.iter().map(|row| &row.graph), base);
    graphs.retain(|row| choice.wants(&row.graph));
    let total = Total::of(&graphs);
    choice.arrange(&mut graphs);
    Ok(Graphs { graphs, total, base_names, owners: None })
}

impl Report for Graphs {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.graphs.is_empty() {
            return self.write_notices(out);
        }
        if self.graphs.iter().all(|row| row.graph.sizes.is_none()) {
            let rows: Vec<_> = self.graphs.iter().map(Row::cells).collect();
            write_table(out, ["graph", "type", "nodes", "edges", "sequence", "size", "place"], &rows)?;
            return self.write_notices(out);
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
        self.write_notices(out)
    }
}

impl Graphs {
    fn write_notices(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.graphs.is_empty() {
            let Total { graphs, nodes, edges } = &self.total;
            let shown = match self.graphs.len() as u64 {
                shown if shown < *graphs => format!("{} of ", HumanCount(shown)),
                _ => String::new(),
            };
            let [graphs, nodes, edges] = [graphs, nodes, edges].map(|count| HumanCount(*count));
            writeln!(out, "\ngraphs: {shown}{graphs}, nodes: {nodes}, edges: {edges}")?;
            self.base_names.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        self.owners.as_ref().map_or(Ok(()), |owners| owners.write_text(out))
    }
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let GraphStats { name, kind, nodes, edges, sequence, quarantined, bytes, .. } = &self.graph;
        let mut place = self.place.clone();
        if let Some(owner) = &self.belongs_on {
            place.push_str(&format!("  (belongs on {owner})"));
        }
        if let Some(base) = self.other_base {
            place.push_str(&format!("  (base name {base})"));
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
