//! What a reshard came to, or how far it is.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use serde::Serialize;

use super::outcome::Outcome;
use super::state::{self, Task};
use crate::cli::{Report, shown};
use crate::moves::Receipt;

/// Failures that people are shown.
const SHOWN: usize = 20;

/// Counts, sums over the receipts, and what is to be done next.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Begins the ids of the moves.
    id: String,
    /// The list from now on.
    to: Vec<String>,
    /// Graphs of the task: those of the plan and those found later.
    graphs: usize,
    found_later: usize,
    /// Moved, each with a receipt.
    pub(super) moved: usize,
    /// Given up.
    pub(super) given_up: usize,
    /// Deleted before they moved.
    gone: usize,
    /// Still to be moved.
    pub(super) left: usize,
    /// Those of them that failed.
    failed: Vec<FailedMove>,
    nodes: u64,
    edges: u64,
    vectors: u64,
    bytes: u64,
    /// From the first step to the last.
    seconds: f64,
    /// For how long writes of one graph were refused, in milliseconds, as far as it is known.
    pause_ms: Option<Pauses>,
    running: bool,
    paused: bool,
    next: String,
}

#[derive(Debug, Serialize)]
struct FailedMove {
    graph: String,
    from: String,
    to: String,
    error: String,
}

#[derive(Debug, Serialize)]
struct Pauses {
    p50: f64,
    p99: f64,
    max: f64,
}

impl Summary {
    /// Of a task whose receipts are in `dir`.
    pub(super) fn new(
        dir: &Path,
        task: &Task,
        outcomes: &[Outcome],
        running: bool,
        paused: bool,
    ) -> Result<Self> {
        let receipts = state::receipts(dir)?;
        let count = |wanted: &Outcome| outcomes.iter().filter(|outcome| *outcome == wanted).count();
        let left = outcomes.iter().filter(|outcome| outcome.is_open()).count();
        // Whoever moves them ends them as well.
        let settled = if running { count(&Outcome::Settled) } else { 0 };
        let failed = task.moves().zip(outcomes).filter_map(|(graph, outcome)| match outcome {
            Outcome::Failed(error) => Some(FailedMove {
                graph: graph.graph.clone(),
                from: graph.from.clone(),
                to: graph.to.clone(),
                error: error.clone(),
            }),
            Outcome::Waiting
            | Outcome::Begun
            | Outcome::Settled
            | Outcome::Moved
            | Outcome::GivenUp
            | Outcome::Gone => None,
        });
        let sum = |field: fn(&Receipt) -> u64| receipts.iter().map(field).sum();
        let begun = receipts.iter().map(|receipt| receipt.started_ms).min();
        let ended = receipts.iter().map(|receipt| receipt.admitted_ms).max();
        let mut summary = Self {
            id: task.id.clone(),
            to: task.plan.to.clone(),
            graphs: outcomes.len(),
            found_later: task.found_later.len(),
            moved: count(&Outcome::Moved) + settled,
            given_up: count(&Outcome::GivenUp),
            gone: count(&Outcome::Gone),
            left: left - settled,
            failed: failed.collect(),
            nodes: sum(|receipt| receipt.nodes),
            edges: sum(|receipt| receipt.edges),
            vectors: sum(|receipt| receipt.vectors),
            bytes: sum(|receipt| receipt.bytes),
            seconds: ended
                .zip(begun)
                .map_or(0.0, |(ended, begun)| ended.saturating_sub(begun) as f64 / 1000.0),
            pause_ms: Pauses::of(&receipts),
            running,
            paused,
            next: String::new(),
        };
        summary.next = summary.next(dir, task);
        Ok(summary)
    }

    fn next(&self, dir: &Path, task: &Task) -> String {
        let dir = dir.display();
        match (self.left, self.running, self.paused) {
            (_, true, true) => format!("it is paused; let it go on with: egctl reshard resume --state '{dir}'"),
            (_, true, false) => "it is running".to_owned(),
            (0, false, _) if self.given_up > 0 => {
                "graphs that were given up are on the shards that they were on: clients with the new list do not find them. \
                 Plan again before you change the list anywhere"
                    .to_owned()
            }
            (0, false, _) => {
                let mut text = format!("restart all shards and clients with\n  GRAPH_SERVICE_ENDPOINTS={}", list(&self.to));
                for leaving in task.plan.from.iter().filter(|endpoint| !self.to.contains(endpoint)) {
                    text.push_str(&format!(
                        "\n{leaving} has no graphs left but signposts and an empty __commons__: stop it when no client has the \
                         old list any more"
                    ));
                }
                text
            }
            (_, false, _) => format!("go on with: egctl reshard resume --state '{dir}'"),
        }
    }
}

/// The text that clients have to have, letter by letter.
fn list(endpoints: &[String]) -> String {
    match endpoints.iter().any(|endpoint| endpoint.contains(',')) {
        true => serde_json::Value::from(endpoints).to_string(),
        false => endpoints.join(","),
    }
}

impl Pauses {
    fn of(receipts: &[Receipt]) -> Option<Self> {
        let mut pauses: Vec<f64> = receipts.iter().filter_map(|receipt| receipt.pause_ms).collect();
        pauses.sort_by(f64::total_cmp);
        let at =
            |percent: usize| pauses.get((pauses.len() * percent / 100).min(pauses.len().saturating_sub(1)));
        Some(Self { p50: *at(50)?, p99: *at(99)?, max: *pauses.last()? })
    }
}

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { graphs, found_later, moved, given_up, gone, left, failed, nodes, edges, .. } = self;
        write!(out, "{} of {} graphs moved", HumanCount(*moved as u64), HumanCount(*graphs as u64))?;
        for (count, what) in [
            (found_later, "not in the plan"),
            (given_up, "given up"),
            (gone, "deleted meanwhile"),
            (left, "left"),
            (&failed.len(), "failed"),
        ] {
            if *count > 0 {
                write!(out, ", {} {what}", HumanCount(*count as u64))?;
            }
        }
        writeln!(out)?;
        if *moved > 0 {
            writeln!(
                out,
                "receipts: {} nodes, {} edges, {} embeddings, {}, in {}",
                HumanCount(*nodes),
                HumanCount(*edges),
                HumanCount(self.vectors),
                HumanBytes(self.bytes),
                HumanDuration(Duration::from_secs_f64(self.seconds))
            )?;
        }
        if let Some(Pauses { p50, p99, max }) = self.pause_ms {
            writeln!(
                out,
                "writes of a graph were refused for {p50:.1} ms (p50), {p99:.1} ms (p99), {max:.1} ms (most)"
            )?;
        }
        for FailedMove { graph, from, to, error } in failed.iter().take(SHOWN) {
            writeln!(out, "failed: {} from {from} to {to}: {error}", shown(graph))?;
        }
        if failed.len() > SHOWN {
            writeln!(out, "and {} more: --json shows all", failed.len() - SHOWN)?;
        }
        writeln!(out, "{}", self.next)
    }
}
