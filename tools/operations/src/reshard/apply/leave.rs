//! The end of moves: each destination takes one checkpoint for all that came to it, then the sources drop what left.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::super::error::ReshardError;
use super::super::model::Move as Planned;
use super::outcome::Outcome;
use super::places::Parties;
use super::progress::Progress;
use super::run::{Failed, Recorder, Run};
use crate::error::{ErrorKind, kind_of, message_of};
use crate::moves::{BeforeDrop, Move};

/// How often that is done while graphs move: a source has its room back after so long, and a reshard of a thousand graphs
/// takes a few checkpoints.
const EVERY: Duration = Duration::from_secs(60);

/// When moves were ended last.
pub(super) struct Ends(Mutex<Instant>);

impl Default for Ends {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Run<'_> {
    /// Ends those of the moves that are settled, if that has not been done for a while and nobody is at it.
    pub(super) fn leave_at_times(&self, numbers: &[usize], ends: &Ends, progress: &dyn Progress) {
        let Some(mut last) = ends.0.try_lock().filter(|last| last.elapsed() >= EVERY) else { return };
        // What cannot be ended now is tried again at the end, and reported then.
        let _ = self.leave(numbers, progress);
        *last = Instant::now();
    }

    /// Ends those of the moves that are settled: their destinations take a checkpoint each, unless none is wanted, and their
    /// sources drop the records. Returns those that could not be ended.
    pub(super) fn leave(&self, numbers: &[usize], progress: &dyn Progress) -> Vec<Failed> {
        let outcomes = self.state.outcomes();
        let mut parties = self.places.parties();
        let mut taken: HashMap<&str, Result<(), (ErrorKind, String)>> = HashMap::new();
        let mut failed = Vec::new();
        for &number in numbers.iter().filter(|&&number| outcomes.get(number) == Some(&Outcome::Settled)) {
            let Some(graph) = self.state.task.get(number) else { continue };
            let checkpoint = taken.entry(graph.to.as_str()).or_insert_with(|| {
                let done =
                    self.with_move(number, graph, &mut parties, progress, |one| match self.no_checkpoint {
                        true => Ok(()),
                        false => one.checkpoint(),
                    });
                done.map_err(|error| (kind_of(&error), message_of(&error)))
            });
            let done = match checkpoint {
                Ok(()) => self.with_move(number, graph, &mut parties, progress, |one| one.finish()),
                Err((kind, text)) => {
                    Err(ReshardError::NoCheckpoint { kind: *kind, text: text.clone() }.into())
                }
            };
            if let Err(error) = done {
                failed.push(Failed { number, error });
            }
        }
        failed
    }

    /// Calls `act` with the move of a graph, which goes no further than to its receipt by itself.
    pub(super) fn with_move<T>(
        &self,
        number: usize,
        graph: &Planned,
        parties: &mut Parties<'_>,
        progress: &dyn Progress,
        act: impl FnOnce(&Move<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let move_id = self.state.task.move_id(number);
        let (source, destination) = (parties.get(&graph.from)?, parties.get(&graph.to)?);
        act(&Move {
            graph: &graph.graph,
            move_id: &move_id,
            source: &*source,
            destination: &*destination,
            journal: &self.state.journal,
            control: self.control,
            timing: self.timing,
            before_drop: BeforeDrop::Later,
            watch: &Recorder { state: self.state, progress },
        })
    }
}
