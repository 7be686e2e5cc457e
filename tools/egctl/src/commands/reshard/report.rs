//! A plan for people.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use epistemic_operations::reshard::{Counts, Move, Pair, Plan, PlannedShard};
use indicatif::{DecimalBytes, HumanBytes, HumanCount, HumanDuration};
use serde::Serialize;

use crate::output::Report;
use crate::table::{shortened, write_table};

/// Graphs that are listed without `--all`.
const LISTED: usize = 20;

/// What `plan` prints. As JSON it is the plan.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct PlanReport<'p> {
    pub(super) plan: &'p Plan,
    /// List every graph.
    #[serde(skip)]
    pub(super) all: bool,
    /// The file that has it.
    #[serde(skip)]
    pub(super) saved: Option<&'p Path>,
}

impl Report for PlanReport<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Plan { from, to, moving, staying, expected, warnings, pairs, moves, shards, .. } = self.plan;
        writeln!(
            out,
            "{} shards before, {} after: {} of {} graphs move, with {} nodes, {} edges, about {}",
            from.len(),
            to.len(),
            HumanCount(moving.graphs),
            HumanCount(moving.graphs + staying.graphs),
            HumanCount(moving.nodes),
            HumanCount(moving.edges),
            HumanBytes(moving.bytes)
        )?;
        let misplaced = moves.iter().filter(|graph| graph.misplaced.is_some()).count();
        if misplaced > 0 {
            writeln!(out, "{misplaced} of them are not on the shard that the old list gives them to")?;
        }
        for warning in warnings {
            writeln!(out, "warning: {warning}")?;
        }
        if !moves.is_empty() {
            writeln!(
                out,
                "expected time: {} (assumed, not measured: {}/s, and {} s for each graph, one after the other)",
                HumanDuration(Duration::from_secs_f64(expected.seconds.min(u32::MAX.into()))),
                DecimalBytes(expected.bytes_per_second),
                expected.seconds_per_graph
            )?;
            writeln!(out)?;
            write_pairs(out, pairs)?;
            writeln!(out)?;
            write_shards(out, shards)?;
            writeln!(out)?;
            write_moves(out, moves, if self.all { moves.len() } else { LISTED })?;
        }
        self.saved.map_or(Ok(()), |path| writeln!(out, "\nsaved to {}", path.display()))
    }
}

fn cells(counts: &Counts) -> [String; 4] {
    let Counts { graphs, nodes, edges, bytes } = counts;
    [graphs.to_string(), nodes.to_string(), edges.to_string(), HumanBytes(*bytes).to_string()]
}

fn write_pairs(out: &mut dyn Write, pairs: &[Pair]) -> io::Result<()> {
    let row = |pair: &Pair| {
        let [graphs, nodes, edges, size] = cells(&pair.counts);
        [pair.from.clone(), pair.to.clone(), graphs, nodes, edges, size]
    };
    let rows: Vec<_> = pairs.iter().map(row).collect();
    write_table(out, ["from", "to", "graphs", "nodes", "edges", "size"], &rows)
}

fn write_shards(out: &mut dyn Write, shards: &[PlannedShard]) -> io::Result<()> {
    let row = |shard: &PlannedShard| {
        let free =
            shard.free_bytes.map_or_else(|| "not known".to_owned(), |free| HumanBytes(free).to_string());
        let read =
            shard.directory.as_ref().map_or_else(|| "running".to_owned(), |path| path.display().to_string());
        [
            shard.endpoint.clone(),
            shard.outgoing.graphs.to_string(),
            shard.incoming.graphs.to_string(),
            HumanBytes(shard.incoming.bytes).to_string(),
            HumanBytes(shard.needed_bytes).to_string(),
            free,
            read,
        ]
    };
    let rows: Vec<_> = shards.iter().map(row).collect();
    let heading = ["shard", "graphs out", "graphs in", "size in", "needs free", "is free", "read from"];
    write_table(out, heading, &rows)
}

fn write_moves(out: &mut dyn Write, moves: &[Move], most: usize) -> io::Result<()> {
    let row = |graph: &Move| {
        let size = graph.bytes.map_or_else(|| "-".to_owned(), |bytes| HumanBytes(bytes).to_string());
        let mut to = graph.to.clone();
        if let Some(owner) = &graph.misplaced {
            to.push_str(&format!("  (misplaced: the old list gives it to {owner})"));
        }
        [
            shortened(&graph.graph),
            graph.nodes.to_string(),
            graph.edges.to_string(),
            size,
            graph.from.clone(),
            to,
        ]
    };
    let rows: Vec<_> = moves.iter().take(most).map(row).collect();
    write_table(out, ["graph", "nodes", "edges", "size", "from", "to"], &rows)?;
    if moves.len() > most {
        writeln!(out, "and {} more: --all lists them, --json too", HumanCount((moves.len() - most) as u64))?;
    }
    Ok(())
}
