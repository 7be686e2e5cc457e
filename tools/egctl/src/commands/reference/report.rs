//! What is printed about graphs that were taken over.

use std::io::{self, Write};

use epistemic_operations::import::{Counts, Stated};
use epistemic_operations::names::shown;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::Report;

/// What became of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// All of it is there.
    Imported,
    /// What could be read of it is there.
    Partial,
    /// It is incomplete or doubtful, and was not taken.
    Refused,
    /// It could not be taken for another reason.
    Failed,
    /// An empty `__commons__`, which every shard has.
    Nothing,
}

/// One graph.
#[derive(Debug, Serialize)]
pub(super) struct GraphReport {
    pub(super) graph: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) owner: Option<String>,
    /// Stem of its files, or the endpoint it comes from.
    pub(super) from: String,
    /// Directory or endpoint it goes to.
    pub(super) place: Option<String>,
    pub(super) outcome: Outcome,
    /// What the input says it has, before the changes of its log.
    pub(super) stated: Option<Stated>,
    /// Changes that were read from its log, and those of them that were made.
    pub(super) log: Option<LogCounts>,
    /// What was read, and is at its place when it was taken.
    pub(super) found: Counts,
    /// SHA-256 of the content, the same here and at its place.
    pub(super) digest: Option<String>,
    /// What is missing or doubtful.
    pub(super) problems: Vec<String>,
    /// What is worth knowing and costs nothing.
    pub(super) notes: Vec<String>,
    /// Why it failed.
    pub(super) error: Option<String>,
}

/// The changes of a log.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct LogCounts {
    pub(super) read: u64,
    pub(super) made: u64,
}

/// All graphs of a run.
#[derive(Debug, Serialize)]
pub(super) struct Graphs {
    pub(super) from: String,
    /// Nothing was changed; outcomes are what would be.
    pub(super) dry_run: bool,
    pub(super) graphs: Vec<GraphReport>,
    /// About the input as a whole.
    pub(super) notes: Vec<String>,
    /// A shard could not be reached.
    #[serde(skip)]
    pub(super) unreachable: bool,
}

impl Graphs {
    /// The error of a run that has printed what it did, unless every graph was taken.
    pub(super) fn failure(&self) -> Result<(), Failure> {
        let count = |outcome| self.graphs.iter().filter(|graph| graph.outcome == outcome).count();
        let (refused, failed) = (count(Outcome::Refused), count(Outcome::Failed));
        let taken = count(Outcome::Imported) + count(Outcome::Partial);
        if refused + failed == 0 {
            return Ok(());
        }
        let exit = match (self.unreachable, taken, failed) {
            (true, ..) => Exit::Unreachable,
            (false, 0, 0) => Exit::Refused,
            (false, 0, _) => Exit::Failed,
            (false, ..) => Exit::Partly,
        };
        let mut message = format!("{} of {} graphs were not taken", refused + failed, self.graphs.len());
        if refused > 0 {
            let them = format!(
                "; {refused} are incomplete or doubtful: --accept-partial takes what can be read of them"
            );
            message.push_str(&them);
        }
        Err(Failure::new(exit, message))
    }
}

impl Report for Graphs {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for note in &self.notes {
            writeln!(out, "{note}")?;
        }
        for graph in &self.graphs {
            let outcome = match (graph.outcome, self.dry_run) {
                (Outcome::Imported, false) => "imported",
                (Outcome::Imported, true) => "would be imported",
                (Outcome::Partial, false) => "imported in part",
                (Outcome::Partial, true) => "would be imported in part",
                (Outcome::Refused, _) => "REFUSED",
                (Outcome::Failed, _) => "FAILED",
                (Outcome::Nothing, _) => "empty, as on every shard",
            };
            let to = graph.place.as_deref().map_or_else(String::new, |place| format!("  -> {place}"));
            writeln!(out, "{}  ({})  {outcome}{to}", shown(&graph.graph), graph.kind)?;
            writeln!(out, "  {}", graph.found)?;
            if let Some(LogCounts { read, made }) = graph.log {
                writeln!(out, "  {made} of {read} changes from the log")?;
            }
            for problem in &graph.problems {
                writeln!(out, "  problem: {problem}")?;
            }
            for note in &graph.notes {
                writeln!(out, "  note: {note}")?;
            }
            if let Some(error) = &graph.error {
                writeln!(out, "  error: {error}")?;
            }
        }
        Ok(())
    }
}
