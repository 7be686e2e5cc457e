//! One move, from whatever state the two places are in. `drain` and `settle` have the steps around the commit point.

use std::time::Duration;

use anyhow::Result;
use epistemic_storage::graph::{MoveOutcome, Origin};

use super::{
    compare::same_content,
    control::{Control, Paced},
    error::{At, MoveError, Subject},
    journal::{Journal, Step},
    receipt::Receipt,
    settle::Departed,
    timing::Timing,
};
use crate::hosts::{
    GivenUp, Look, Overtaken, Party, StandingName, Status, is_late, is_overtaken, is_truncated,
};

/// Bytes of ledger records made again at a time.
const SLICE: usize = 4 << 20;
/// With so few changes left to make again, the rest is made while writes are stopped.
const CLOSE: u64 = 500;
/// Rounds of catching up after which writes are stopped although the writers are as fast as the mover.
const ROUNDS: usize = 50;
/// Times that something is tried again because a place was not as it was, or did not answer.
pub(super) const TRIES: u32 = 8;

/// One move. Any number of runs of it, one after the other or at once, each from where the two places are, come to the same
/// end.
pub struct Move<'m> {
    /// Exact graph name.
    pub graph: &'m str,
    /// Names the move to both places; another move needs another one.
    pub move_id: &'m str,
    /// Where the graph is.
    pub source: &'m dyn Party,
    /// Where it goes.
    pub destination: &'m dyn Party,
    /// What was done so far.
    pub journal: &'m Journal,
    /// Pace, pause and stop.
    pub control: &'m Control,
    /// Limits.
    pub timing: Timing,
    /// What happens before the source drops its records.
    pub before_drop: BeforeDrop,
    /// Told what goes on.
    pub watch: &'m dyn Watch,
}

/// What happens between the receipt of a move and the end of the source's records: from then on the destination has the only
/// copy, and a checkpoint of before does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeforeDrop {
    /// The destination takes a checkpoint.
    Checkpoint,
    /// Nothing.
    Nothing,
    /// The move ends here for now: who moves many graphs takes one checkpoint for all of them, and drops then
    /// ([`Move::finish`]).
    Later,
}

/// Sees a move go on.
pub trait Watch: Sync {
    /// A step is about to be noted in the journal and taken. An error ends the run before that.
    fn step(&self, graph: &str, step: &Step) -> Result<()>;
    /// Bytes of the snapshot copied so far.
    fn copied(&self, graph: &str, bytes: u64);
}

/// The two graphs that are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared {
    /// The source's graph.
    pub(super) origin: Origin,
    /// Number of the copy in the destination's store.
    pub(super) copy: u64,
}

impl Move<'_> {
    /// Moves the graph, or finishes its move. Blocks. On return the destination serves the graph, the receipt is in the
    /// journal and the source keeps a signpost, with the records where they are dropped later. After an error the same call goes on.
    ///
    /// # Errors
    /// [`is_aborted`](crate::hosts::is_aborted) when the move was given up: begin another one.
    pub fn run(&self) -> Result<Receipt> {
        use MoveOutcome::{Admitted, Departed as Left, Refused};
        let here = self.source.look(self.graph, self.move_id)?;
        let there = self.destination.look(self.graph, self.move_id)?;
        match (here.decided(), there.decided()) {
            (Some(Left), Some(Refused)) => Err(self.given_up(
                "it left the source, and the destination has refused the move: an abort was cut short. Finish it with \
                 egctl move --abort",
            )),
            (Some(Refused), _) | (_, Some(Refused))
                if there.graph.as_ref().is_some_and(|there| there.arrives_by(self.move_id)) =>
            {
                Err(self.given_up(
                    "it was given up, and the destination has its copy still: finish that with egctl move --abort, then begin \
                     another one",
                ))
            }
            (Some(Refused), _) | (_, Some(Refused)) => Err(self.given_up("it was given up: begin another one")),
            (Some(Left), _) => match here.graph.as_ref() {
                Some(kept) if !kept.dropped && kept.move_id.as_deref() == Some(self.move_id) => {
                    self.settle(self.departed(&here)?)
                }
                Some(_) | None => self.done(),
            },
            (Some(Admitted), _) | (_, Some(Left)) => {
                Err(self.failure("it went the other way: --from and --to have changed places"))
            }
            (None, Some(Admitted)) => Err(self.failure(
                "the destination serves it since this move, and the source does not remember that it left: one of them \
                 was set back to an earlier state. Compare both before anything else is done",
            )),
            (None, None) => {
                let departed = self.hand_over()?;
                self.settle(departed)
            }
        }
    }

    /// Copies, catches up, compares, and has the source hand over; again from the state that is met when that has changed.
    fn hand_over(&self) -> Result<Departed> {
        if self.source.is_guarded()? && !self.destination.is_guarded()? {
            return Err(self.failure(
                "agents are registered at the source and none at the destination, where everybody could use it: register \
                 them there first (egctl identities lists them)",
            ));
        }
        let (mut attempt, mut anew, mut paused) = (0, false, Duration::ZERO);
        loop {
            let mut seen = None;
            let error = match self.attempt(anew, &mut seen, &mut paused) {
                Ok(departed) => return Ok(departed),
                Err(error) => error,
            };
            let here = self.source.look(self.graph, self.move_id)?;
            match here.decided() {
                // The answer got lost.
                Some(MoveOutcome::Departed) => return Ok(Departed { paused, ..self.departed(&here)? }),
                Some(MoveOutcome::Refused) => return Err(self.given_up("it was given up: begin another one")),
                Some(MoveOutcome::Admitted) | None => {}
            }
            anew = is_truncated(&error);
            let replaced = seen.is_some() && seen != here.graph.as_ref().map(Status::as_origin);
            if attempt == TRIES || !(anew || replaced || is_overtaken(&error) || is_late(&error)) {
                return Err(error);
            }
            self.control.wait(self.timing.wait(attempt))?;
            attempt += 1;
        }
    }

    /// One attempt at the handover. `seen` is the source's graph that it was made for.
    fn attempt(&self, anew: bool, seen: &mut Option<Origin>, paused: &mut Duration) -> Result<Departed> {
        let here = self.source.status(self.graph)?;
        let Some(here) = here else {
            return Err(self.failure("the source does not have it"));
        };
        if here.standing != StandingName::Served {
            let place = here.to.or(here.from).unwrap_or_default();
            let other = here.move_id.unwrap_or_default();
            return Err(self.failure(&format!("move {other} has begun with it, it is served by '{place}'")));
        }
        let origin = here.as_origin();
        *seen = Some(origin);
        let there = self.destination.status(self.graph)?.filter(|there| there.arrives_by(self.move_id));
        if there.is_none() {
            self.note(Step::Reserve)?;
            self.destination.arrive(self.graph, self.move_id, self.source.endpoint())?;
        }
        if anew || there.and_then(|there| there.origin()) != Some(origin) {
            self.copy(origin)?;
        }
        self.follow(origin, paused)
    }

    fn copy(&self, origin: Origin) -> Result<()> {
        self.note(Step::Copy)?;
        let export = self.source.export(self.graph)?;
        if export.origin != origin {
            return Err(Overtaken("the source has another graph of the name by now".into()).into());
        }
        let mut input = Paced { input: export.stream, control: self.control };
        let mut copied = |bytes| self.watch.copied(self.graph, bytes);
        self.destination.fill(self.graph, self.move_id, Some(origin), &mut input, &mut copied)
    }

    /// From a filled copy to the handover.
    fn follow(&self, origin: Origin, paused: &mut Duration) -> Result<Departed> {
        self.note(Step::CatchUp)?;
        let there = self.destination.status(self.graph)?.filter(|there| there.arrives_by(self.move_id));
        let Some(there) = there.filter(|there| there.origin() == Some(origin)) else {
            return Err(Overtaken("the destination's copy is of another graph".into()).into());
        };
        let compared = Compared { origin, copy: there.graph_id };
        let at = self.catch_up(compared.copy, there.sequence, None)?;
        let here = self.source.content(self.graph)?;
        compared.is_source(here.graph_id)?;
        let at = self.catch_up(compared.copy, at, Some(here.sequence))?;
        let there = self.destination.content(self.graph)?;
        compared.is_copy(there.graph_id)?;
        same_content(self.graph, &here, &there)?;
        self.note(Step::Equal { content: here.clone(), copy: Some(compared.copy) })?;
        let at = self.catch_up(compared.copy, at, None)?;
        self.drain(&compared, at, &here, paused)
    }

    /// Makes the source's changes behind `at` again on the destination's copy: those up to `until`, or until it is close.
    pub(super) fn catch_up(&self, copy: u64, mut at: u64, until: Option<u64>) -> Result<u64> {
        let last = until.unwrap_or(u64::MAX);
        let mut round = 0;
        while at < last {
            let mut changes = self.source.changes(self.graph, at, SLICE)?;
            changes.records.retain(|(sequence, _)| *sequence <= last);
            if changes.records.is_empty() {
                break;
            }
            let bytes: usize = changes.records.iter().map(|(_, record)| record.len()).sum();
            let reached = self.destination.replay(self.graph, self.move_id, Some(copy), &changes.records)?;
            if reached <= at {
                return Err(Overtaken(format!("the destination's copy stays at {at}")).into());
            }
            at = reached;
            round += 1;
            if until.is_none() {
                self.control.pace(bytes as u64)?;
                if changes.sequence.saturating_sub(at) < CLOSE || round == ROUNDS {
                    break;
                }
            }
        }
        Ok(at)
    }

    /// What the source tells of the departure.
    fn departed(&self, here: &Look) -> Result<Departed> {
        let Some(record) = &here.outcome else {
            return Err(self.failure("the source does not remember that it left"));
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "one kind of line is looked for")]
        let compared = self.journal.lines(self.move_id).into_iter().rev().find_map(|line| match line.step {
            Step::Depart { sequence, copy } if sequence == record.sequence => copy,
            _ => None,
        });
        Ok(Departed {
            graph_id: record.graph_id,
            epoch: record.epoch,
            sequence: record.sequence,
            compared,
            stopped: None,
            paused: Duration::ZERO,
        })
    }

    pub(super) fn note(&self, step: Step) -> Result<()> {
        self.watch.step(self.graph, &step)?;
        self.journal.add(self.graph, self.move_id, step)
    }

    pub(super) fn failure(&self, what: &str) -> anyhow::Error {
        MoveError::Stuck { subject: self.subject(), what: what.to_owned() }.into()
    }

    pub(super) fn given_up(&self, what: &str) -> anyhow::Error {
        GivenUp(self.told(what)).into()
    }

    pub(super) fn told(&self, what: &str) -> String {
        format!("{}: {what}", self.subject())
    }

    /// Names the move in errors.
    pub(super) fn subject(&self) -> Subject {
        Subject {
            graph: self.graph.to_owned(),
            move_id: self.move_id.to_owned(),
            at: At::Between(self.source.endpoint().to_owned(), self.destination.endpoint().to_owned()),
        }
    }
}

impl Compared {
    /// # Errors
    /// [`Overtaken`]: what was told is of another graph.
    pub(super) fn is_source(&self, told: u64) -> Result<()> {
        if told == self.origin.graph_id {
            return Ok(());
        }
        Err(Overtaken("the source has another graph of the name by now".into()).into())
    }

    /// # Errors
    /// [`Overtaken`]: what was told is of another copy.
    pub(super) fn is_copy(&self, told: u64) -> Result<()> {
        if told == self.copy {
            return Ok(());
        }
        Err(Overtaken("the destination's copy was filled anew".into()).into())
    }
}
