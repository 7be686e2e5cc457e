//! `egctl backup list`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::FromArgs;
use crate::backup::{Manifest, PieceKind, Run, load_all, shown_time};
use crate::cli::EXIT_CODES;
use crate::cli::output::{OutputArgs, Report};
use crate::cli::table::{shortened, write_table};

/// List the runs of a backup, oldest first, or with --graph what each has of one graph.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    from: FromArgs,
    /// Exact name of a graph.
    #[arg(long, value_name = "NAME")]
    graph: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ListArgs, runtime: &Runtime) -> Result<()> {
    let runs = load_all(&args.from.open(runtime)?)?;
    match &args.graph {
        None => args.output.print(&Runs { runs: runs.iter().map(RunRow::new).collect() }),
        Some(name) => {
            let intact = runs.iter().filter_map(|run| run.manifest.as_ref().ok());
            let rows = intact.flat_map(|manifest| GraphRow::all(manifest, name)).collect();
            args.output.print(&Graphs { graph: name.clone(), runs: rows })
        }
    }
}

#[derive(Serialize)]
struct Runs {
    runs: Vec<RunRow>,
}

#[derive(Serialize)]
struct RunRow {
    run: String,
    /// Unix milliseconds.
    started_ms: u64,
    source: String,
    /// Whether all graphs were meant.
    all_graphs: bool,
    graphs: usize,
    /// Objects written by this run, and their bytes.
    objects: usize,
    bytes: u64,
    /// Why it cannot be used.
    damage: Option<String>,
}

impl RunRow {
    fn new(run: &Run) -> Self {
        let mut row = Self {
            run: run.name.clone(),
            started_ms: 0,
            source: String::new(),
            all_graphs: false,
            graphs: 0,
            objects: 0,
            bytes: 0,
            damage: None,
        };
        match &run.manifest {
            Ok(manifest) => {
                row.started_ms = manifest.started_ms;
                row.source.clone_from(&manifest.source);
                row.all_graphs = manifest.all_graphs;
                row.graphs = manifest.graphs.len();
                for piece in manifest.pieces().filter(|piece| piece.object.contains(&run.name)) {
                    row.objects += 1;
                    row.bytes += piece.bytes;
                }
            }
            Err(error) => row.damage = Some(error.to_string()),
        }
        row
    }
}

impl Report for Runs {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<_> = self.runs.iter().map(RunRow::cells).collect();
        write_table(out, ["run", "started", "graphs", "objects", "bytes", "source"], &rows)
    }
}

impl RunRow {
    fn cells(&self) -> [String; 6] {
        if let Some(damage) = &self.damage {
            let blank = String::new;
            return [self.run.clone(), blank(), blank(), blank(), blank(), format!("DAMAGED: {damage}")];
        }
        let graphs = if self.all_graphs { "all, " } else { "" };
        [
            self.run.clone(),
            shown_time(self.started_ms),
            format!("{graphs}{}", self.graphs),
            self.objects.to_string(),
            self.bytes.to_string(),
            self.source.clone(),
        ]
    }
}

#[derive(Serialize)]
struct Graphs {
    graph: String,
    runs: Vec<GraphRow>,
}

/// One chain of a run.
#[derive(Serialize)]
struct GraphRow {
    run: String,
    /// Objects of the chain.
    objects: usize,
    increments: usize,
    bytes: u64,
    /// Sequence numbers that can be restored.
    first_sequence: u64,
    last_sequence: u64,
    /// Times that can be restored, Unix milliseconds.
    first_ms: u64,
    last_ms: u64,
    /// At the last sequence number.
    nodes: u64,
    edges: u64,
    digest: String,
}

impl GraphRow {
    fn all(manifest: &Manifest, graph: &str) -> Vec<Self> {
        let Some(entry) = manifest.graph(graph) else { return Vec::new() };
        let chains = [&entry.ended, &entry.chain].into_iter().filter_map(|chain| {
            let (first, last) = (chain.first()?, chain.last()?);
            Some(Self {
                run: manifest.run.clone(),
                objects: chain.len(),
                increments: chain.iter().filter(|piece| piece.kind == PieceKind::Increment).count(),
                bytes: chain.iter().map(|piece| piece.bytes).sum(),
                first_sequence: first.sequence,
                last_sequence: last.sequence,
                first_ms: first.changed_ms,
                last_ms: entry.taken_ms,
                nodes: last.content.nodes,
                edges: last.content.edges,
                digest: last.content.digest.clone(),
            })
        });
        chains.collect()
    }
}

impl Report for Graphs {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "graph {}", shortened(&self.graph))?;
        let rows = self.runs.iter().map(|row| {
            [
                row.run.clone(),
                row.objects.to_string(),
                format!("{} to {}", row.first_sequence, row.last_sequence),
                format!("{} to {}", shown_time(row.first_ms), shown_time(row.last_ms)),
                row.nodes.to_string(),
                row.edges.to_string(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        write_table(out, ["run", "objects", "sequences", "times", "nodes", "edges"], &rows)
    }
}
