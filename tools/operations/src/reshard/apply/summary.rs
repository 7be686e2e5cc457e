//! What a reshard came to, or how far it is.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::outcome::Outcome;
use super::state::{self, Seen, State, Task};
use crate::moves::Receipt;

/// Counts, sums over the receipts, and what is to be done next.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Begins the ids of the moves.
    pub id: String,
    /// The list from now on.
    pub to: Vec<String>,
    /// Graphs of the task: those of the plan and those found later.
    pub graphs: usize,
    /// Those found later.
    pub found_later: usize,
    /// Moved, each with a receipt.
    pub moved: usize,
    /// Given up.
    pub given_up: usize,
    /// Deleted before they moved.
    pub gone: usize,
    /// Still to be moved.
    pub left: usize,
    /// Those of them that failed.
    pub failed: Vec<FailedMove>,
    /// Nodes of all receipts.
    pub nodes: u64,
    /// Edges of all receipts.
    pub edges: u64,
    /// Embeddings of all receipts.
    pub vectors: u64,
    /// Bytes of all receipts.
    pub bytes: u64,
    /// From the first step to the last.
    pub seconds: f64,
    /// For how long writes of one graph were refused, in milliseconds, as far as it is known.
    pub pause_ms: Option<Pauses>,
    /// A process carries it out.
    pub running: bool,
    /// It is to pause.
    pub paused: bool,
    /// What is to be done next.
    pub next: String,
}

/// A move that failed.
#[derive(Debug, Serialize)]
pub struct FailedMove {
    /// Exact graph name.
    pub graph: String,
    /// Its source.
    pub from: String,
    /// Its destination.
    pub to: String,
    /// Why.
    pub error: String,
}

/// Milliseconds for which writes of one graph were refused.
#[derive(Debug, Serialize)]
pub struct Pauses {
    /// Of half of the graphs at most.
    pub p50: f64,
    /// Of 99 of 100 graphs at most.
    pub p99: f64,
    /// The longest.
    pub max: f64,
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

    /// Of the task in a state directory, whether or not this process has it.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn read(dir: &Path) -> Result<Self> {
        let Seen { task, lines, running, paused } = state::look(dir)?;
        Self::new(dir, &task, &task.outcomes(&lines), running, paused)
    }

    /// Of the task that this process has, and saves it.
    ///
    /// # Errors
    /// The directory fails.
    pub fn save(state: &State) -> Result<Self> {
        let summary = Self::new(state.dir(), &state.task, &state.outcomes(), false, false)?;
        state.save_summary(&summary)?;
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
