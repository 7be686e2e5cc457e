//! Moves graphs, several at a time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use epistemic_router::Endpoint;
use parking_lot::Mutex;

use super::super::model::Move as Planned;
use super::leave::Ends;
use super::places::{Parties, Places};
use super::progress::Progress;
use super::queue::{Next, Queue};
use super::state::State;
use crate::error::{ErrorKind, kind_of, message_of};
use crate::hosts::{Party, Refusal, StandingName, is_aborted};
use crate::moves::{Control, Rest, Step, Timing, Watch, abort};

/// Names that are reserved, or moves that are given up, at the same time.
const AT_ONCE: usize = 8;
/// Times that a graph is tried.
const TRIES: u32 = 6;
/// Wait before the second; doubled for each further one.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// How often the pause file is looked for.
const LOOK: Duration = Duration::from_millis(200);

/// A run over some moves of a task.
pub(super) struct Run<'r> {
    pub(super) state: &'r State,
    pub(super) places: &'r Places,
    pub(super) control: &'r Control,
    /// Graphs that move at the same time.
    pub(super) parallel: usize,
    /// Limits of each move.
    pub(super) timing: Timing,
    /// Whether destinations take no checkpoints before sources drop what left.
    pub(super) no_checkpoint: bool,
}

/// A graph that did not move, and why.
pub struct Failed {
    /// Number of its move; see [`super::Task::get`].
    pub number: usize,
    /// Why.
    pub error: anyhow::Error,
}

impl Run<'_> {
    /// Reserves the names of graphs at their destinations, so that clients with the new list are told where a graph still
    /// is and create no empty one. A name that cannot be reserved is left to the move of its graph, which tells why.
    pub(super) fn reserve(&self, numbers: &[usize]) -> Result<()> {
        self.all_at_once(numbers, |number, graph, parties| {
            let arrive =
                |there: &dyn Party| there.arrive(&graph.graph, &self.state.task.move_id(number), &graph.from);
            // See above.
            let _ = parties.get(&graph.to).and_then(|there| arrive(&*there));
        })
    }

    /// Gives moves up; returns those that could not be. Of endpoints that are `gone` for good the other one alone is asked.
    pub(super) fn abort(&self, numbers: &[usize], gone: &[Endpoint]) -> Result<Vec<Failed>> {
        let failed = Mutex::new(Vec::new());
        self.all_at_once(numbers, |number, graph, parties| {
            let done = self.abort_one(number, graph, parties, gone);
            if let Err(error) = done {
                failed.lock().push(Failed { number, error });
            }
        })?;
        Ok(failed.into_inner())
    }

    fn abort_one(
        &self,
        number: usize,
        graph: &Planned,
        parties: &mut Parties<'_>,
        gone: &[Endpoint],
    ) -> Result<()> {
        let (source, destination) = (parties.get(&graph.from)?, parties.get(&graph.to)?);
        let (name, move_id, journal) = (&graph.graph, self.state.task.move_id(number), &self.state.journal);
        let is_gone = |endpoint: &str| gone.iter().any(|gone| gone.as_str() == endpoint);
        match (is_gone(&graph.from), is_gone(&graph.to)) {
            (false, false) => abort(name, &move_id, &*source, &*destination, Some(journal)).map(drop),
            (true, true) => journal.add(name, &move_id, Step::Aborted),
            (true, false) => {
                Rest { graph: name, move_id: &move_id, left: &*destination, gone: &*source }.drop_copy()?;
                journal.add(name, &move_id, Step::Aborted)
            }
            (false, true) => {
                Rest { graph: name, move_id: &move_id, left: &*source, gone: &*destination }.take_back()?;
                journal.add(name, &move_id, Step::Aborted)
            }
        }
    }

    /// Moves graphs. One that fails is tried again a few times, while others go on. Returns those that failed for good;
    /// when the moves are stopped, some are just left. Those that came to their receipt are ended all the same.
    pub(super) fn move_all(&self, numbers: &[usize], progress: &dyn Progress) -> Result<Vec<Failed>> {
        let graphs = numbers.iter().filter_map(|&number| Some((number, self.state.task.get(number)?)));
        let queue = Queue::new(graphs);
        let (failed, over, ends) = (Mutex::new(Vec::new()), AtomicBool::new(false), Ends::default());
        std::thread::scope(|scope| {
            let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
            let look = named("pause").spawn_scoped(scope, || {
                while !over.load(Ordering::Relaxed) {
                    let paused = self.state.is_paused();
                    self.control.pause(paused);
                    progress.tick(paused);
                    std::thread::park_timeout(LOOK);
                }
            })?;
            let mut workers = Vec::new();
            for _ in 0..self.parallel {
                let work = || {
                    let _stop = StopAtPanic(self.control);
                    let mut parties = self.places.parties();
                    while let Some(next) = queue.take(self.control) {
                        self.attempt(next, &queue, &mut parties, progress, &failed);
                        self.leave_at_times(numbers, &ends, progress);
                    }
                };
                workers.push(named("move").spawn_scoped(scope, work));
            }
            let ended =
                workers.into_iter().map(|worker| Ok(worker?.join().is_ok())).collect::<Result<Vec<_>>>();
            over.store(true, Ordering::Relaxed);
            look.thread().unpark();
            if ended?.contains(&false) {
                bail!("a worker panicked");
            }
            Ok(())
        })?;
        let mut failed = failed.into_inner();
        let left = self.leave(numbers, progress);
        if !self.control.is_stopped() {
            failed.extend(left);
        }
        Ok(failed)
    }

    fn attempt(
        &self,
        next: Next,
        queue: &Queue,
        parties: &mut Parties<'_>,
        progress: &dyn Progress,
        failed: &Mutex<Vec<Failed>>,
    ) {
        let Some(graph) = self.state.task.get(next.number) else {
            return queue.put_back(next, None);
        };
        progress.begin(graph);
        let done = self.control.pace(0).and_then(|()| self.move_one(next.number, graph, parties, progress));
        let stopped = self.control.is_stopped();
        let Err(error) = done else {
            progress.end(graph, None, false);
            return queue.put_back(next, None);
        };
        let given_up = is_aborted(&error);
        let again =
            !stopped && !given_up && next.failures + 1 < TRIES && kind_of(&error) != ErrorKind::Refused;
        let message = message_of(&error);
        progress.end(graph, (!stopped).then_some(message.as_str()), again);
        if stopped {
            return queue.put_back(next, None);
        }
        let move_id = self.state.task.move_id(next.number);
        // Who gave the move up meanwhile, with egctl move --abort, wants the graph to stay.
        let step = if given_up { Step::Aborted } else { Step::Failed { error: message } };
        // The failure is reported; a journal that cannot be written stops the next step.
        let _ = self.state.journal.add(&graph.graph, &move_id, step);
        let delay = again.then(|| FIRST_DELAY * 2_u32.pow(next.failures));
        if !again {
            failed.lock().push(Failed { number: next.number, error });
        }
        queue.put_back(next, delay);
    }

    fn move_one(
        &self,
        number: usize,
        graph: &Planned,
        parties: &mut Parties<'_>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let move_id = self.state.task.move_id(number);
        let (source, destination) = (parties.get(&graph.from)?, parties.get(&graph.to)?);
        if source.status(&graph.graph)?.is_none() && self.was_deleted(graph, &move_id, &*destination)? {
            return Ok(());
        }
        self.with_move(number, graph, parties, progress, |one| one.run().map(drop))
    }

    /// The source does not have the graph. Frees its name at the destination, if nothing but the name is there.
    fn was_deleted(&self, graph: &Planned, move_id: &str, destination: &dyn Party) -> Result<bool> {
        let there = destination.status(&graph.graph)?;
        let ours =
            there.filter(|there| there.arrives_by(move_id) || there.arrived.as_deref() == Some(move_id));
        if ours.as_ref().is_some_and(|there| there.standing == StandingName::Served) {
            return Ok(false);
        }
        if let Some(copy) = ours.filter(|copy| copy.sequence > 0) {
            bail!(
                "'{}' does not have the graph any more, and '{}' has a copy of it up to sequence {}: if it was deleted, give \
                 its move up with egctl reshard abort --state '{}' --graph '{}'",
                graph.from,
                graph.to,
                copy.sequence,
                self.state.dir().display(),
                graph.graph
            );
        }
        destination.refuse(&graph.graph, move_id, Refusal::by_destination(&graph.from))?;
        self.state.journal.add(&graph.graph, move_id, Step::Gone)?;
        Ok(true)
    }

    /// Does something short for each of some moves, several at a time.
    fn all_at_once(
        &self,
        numbers: &[usize],
        act: impl Fn(usize, &Planned, &mut Parties<'_>) + Sync,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(numbers.len()) {
                let work = || {
                    let mut parties = self.places.parties();
                    while let Some(&number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if self.control.is_stopped() {
                            break;
                        }
                        if let Some(graph) = self.state.task.get(number) {
                            act(number, graph, &mut parties);
                        }
                    }
                };
                std::thread::Builder::new().name("step".into()).spawn_scoped(scope, work)?;
            }
            Ok(())
        })
    }
}

/// The others do not wait for the graph that a panicking worker has in hand.
struct StopAtPanic<'c>(&'c Control);

impl Drop for StopAtPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

/// Sees that a receipt is a file before the journal has it, and so before the source drops anything.
pub(super) struct Recorder<'r> {
    pub(super) state: &'r State,
    pub(super) progress: &'r dyn Progress,
}

impl Watch for Recorder<'_> {
    fn step(&self, graph: &str, step: &Step) -> Result<()> {
        self.progress.step(graph, step);
        #[expect(clippy::wildcard_enum_match_arm, reason = "one step is looked for")]
        match step {
            Step::Receipt { receipt } => self.state.save_receipt(receipt),
            _ => Ok(()),
        }
    }

    fn copied(&self, graph: &str, bytes: u64) {
        self.progress.copied(graph, bytes);
    }
}
