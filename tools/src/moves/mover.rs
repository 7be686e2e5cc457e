//! The steps of one move.

use std::time::Instant;

use anyhow::{Result, bail};
use epistemic_storage::clock;

use super::{
    compare::{both, same_changes, same_content},
    control::{Control, Paced},
    journal::{Journal, Step},
    party::{Content, Party, StandingName, Status, is_overtaken, is_truncated},
    receipt::{Receipt, VERSION},
};
use crate::cli::{Exit, Failure};

/// Bytes of ledger records made again at a time.
const SLICE: usize = 4 << 20;
/// With so few changes left to make again, the rest is made while writes are stopped.
const CLOSE: u64 = 500;
/// Rounds of catching up after which writes are stopped although the writers are as fast as the mover.
const ROUNDS: usize = 50;
/// Writes are stopped for so long at most, if the mover dies.
const LEASE_MS: u64 = 5_000;
/// Times that a copy begins anew, or a handover is tried again, because the graph was changed meanwhile.
const TRIES: usize = 8;

/// One move. Any number of runs of it, one after the other, each from where the two places are, come to the same end.
pub(crate) struct Move<'m> {
    /// Exact graph name.
    pub(crate) graph: &'m str,
    /// Names the move to both places; another move needs another one.
    pub(crate) move_id: &'m str,
    /// Where the graph is.
    pub(crate) source: &'m dyn Party,
    /// Where it goes.
    pub(crate) destination: &'m dyn Party,
    /// What was done so far.
    pub(crate) journal: &'m Journal,
    /// Pace, pause and stop.
    pub(crate) control: &'m Control,
    /// Told what goes on.
    pub(crate) watch: &'m dyn Watch,
}

/// Sees a move go on.
pub(crate) trait Watch: Sync {
    /// A step is about to be noted in the journal and taken. An error ends the run before that.
    fn step(&self, graph: &str, step: &Step) -> Result<()>;
    /// Bytes of the snapshot copied so far.
    fn copied(&self, graph: &str, bytes: u64);
}

impl Move<'_> {
    /// Moves the graph, or finishes its move. Blocks. On return the destination serves the graph, the receipt is in the
    /// journal and the source keeps a signpost. After an error the same call goes on.
    pub(crate) fn run(&self) -> Result<Receipt> {
        let here = self.source.status(self.graph)?;
        let there = self.destination.status(self.graph)?;
        let Some(here) = here else {
            return Err(self.failure("the source does not have it"));
        };
        let arrived = there.as_ref().is_some_and(|there| there.arrived.as_deref() == Some(self.move_id));
        match (here.standing, here.move_id.as_deref() == Some(self.move_id)) {
            (StandingName::Served, _) if arrived => Err(self.failure("source and destination both serve it")),
            (StandingName::Served, _) => {
                let (stopped, sequence) = self.hand_over(there)?;
                self.admit(sequence, Some(stopped))
            }
            (StandingName::Moved, true) if here.dropped => self.done(),
            (StandingName::Moved, true) if arrived => self.finish(None),
            (StandingName::Moved, true) => self.admit(here.sequence, None),
            (StandingName::Moved | StandingName::Arriving, _) => {
                let place = here.to.or(here.from).unwrap_or_default();
                Err(self.failure(&format!(
                    "move {} has begun with it, it is served by '{place}'",
                    here.move_id.unwrap_or_default()
                )))
            }
        }
    }

    /// Copies, catches up, compares, and has the source hand over. Returns when writes were stopped, and the sequence number.
    fn hand_over(&self, there: Option<Status>) -> Result<(Instant, u64)> {
        if self.source.is_guarded()? && !self.destination.is_guarded()? {
            return Err(self.failure(
                "agents are registered at the source and none at the destination, where everybody could use it: register \
                 them there first (egctl identities lists them)",
            ));
        }
        let mut copy = true;
        match there {
            Some(there) if there.move_id.as_deref() == Some(self.move_id) => copy = there.sequence == 0,
            Some(_) | None => {
                self.note(Step::Reserve)?;
                self.destination.arrive(self.graph, self.move_id, self.source.endpoint())?;
            }
        }
        let mut tries = 0;
        loop {
            let done = match copy {
                true => self.copy().and_then(|()| self.follow()),
                false => self.follow(),
            };
            let error = match done {
                Ok(handed_over) => return Ok(handed_over),
                Err(error) => error,
            };
            tries += 1;
            copy = is_truncated(&error);
            if tries == TRIES || !(copy || is_overtaken(&error)) {
                return Err(error);
            }
        }
    }

    fn copy(&self) -> Result<()> {
        self.note(Step::Copy)?;
        let input = self.source.export(self.graph)?;
        let mut input = Paced { input, control: self.control };
        let mut copied = |bytes| self.watch.copied(self.graph, bytes);
        self.destination.fill(self.graph, self.move_id, &mut input, &mut copied)
    }

    /// From a filled copy to the handover.
    fn follow(&self) -> Result<(Instant, u64)> {
        self.note(Step::CatchUp)?;
        let at = self.newest_there()?;
        let at = self.catch_up(at, None)?;
        let here = self.source.content(self.graph)?;
        let at = self.catch_up(at, Some(here.sequence))?;
        let there = self.destination.content(self.graph)?;
        same_content(self.graph, &here, &there)?;
        debug_assert_eq!(at, here.sequence);
        self.note(Step::Equal(here.clone()))?;
        let at = self.catch_up(at, None)?;
        self.note(Step::Fence)?;
        let stopped = Instant::now();
        let done = self.drain(at, &here);
        if done.is_err() {
            // The lease ends by itself if this does not get through.
            let _ = self.source.release(self.graph, self.move_id);
        }
        done.map(|sequence| (stopped, sequence))
    }

    /// While writes are stopped: makes the last changes, compares them, and has the source hand over.
    fn drain(&self, at: u64, equal: &Content) -> Result<u64> {
        let fence = || self.source.fence(self.graph, self.move_id, self.destination.endpoint(), LEASE_MS);
        let newest = fence()?;
        let at = self.catch_up(at, Some(newest))?;
        if at != newest {
            bail!("the destination is at {at}, the source at {newest}");
        }
        // Also when nothing changed: it tells a graph of the same name and number of changes from the one that was compared.
        let (here, there) =
            both(self.source, self.destination, |party| party.changed(self.graph, equal.sequence))?;
        same_changes(self.graph, &here, &there)?;
        self.note(Step::TailEqual(here))?;
        self.note(Step::Depart { sequence: newest })?;
        self.source.depart(self.graph, self.move_id, self.destination.endpoint(), newest)?;
        Ok(newest)
    }

    /// Makes the source's changes behind `at` again at the destination: those up to `until`, or until it is close.
    fn catch_up(&self, mut at: u64, until: Option<u64>) -> Result<u64> {
        let last = until.unwrap_or(u64::MAX);
        let mut round = 0;
        while at < last {
            let mut changes = self.source.changes(self.graph, at, SLICE)?;
            changes.records.retain(|(sequence, _)| *sequence <= last);
            if changes.records.is_empty() {
                break;
            }
            let bytes: usize = changes.records.iter().map(|(_, record)| record.len()).sum();
            at = self.destination.replay(self.graph, self.move_id, &changes.records)?;
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

    /// Behind the commit point: the destination gets what it may have lost in a power cut, and serves the graph.
    fn admit(&self, sequence: u64, stopped: Option<Instant>) -> Result<Receipt> {
        let there = self.destination.status(self.graph)?;
        let Some(there) = there.filter(|there| there.move_id.as_deref() == Some(self.move_id)) else {
            return Err(self.failure("the destination has no copy of it any more: abort the move"));
        };
        self.note(Step::Admit { sequence })?;
        self.catch_up(there.sequence, Some(sequence))?;
        self.destination.admit(self.graph, self.move_id, sequence)?;
        self.finish(stopped.map(|stopped| stopped.elapsed().as_micros() as f64 / 1000.0))
    }

    /// The destination serves the graph: the receipt, then the records of the source go.
    fn finish(&self, pause_ms: Option<f64>) -> Result<Receipt> {
        let receipt = match self.journal.receipt(self.move_id) {
            Some(receipt) => receipt,
            None => {
                let receipt = self.receipt(pause_ms)?;
                self.note(Step::Receipt { receipt: Box::new(receipt.clone()) })?;
                receipt
            }
        };
        self.source.drop_records(self.graph, self.move_id)?;
        self.note(Step::Done)?;
        Ok(receipt)
    }

    /// The receipt of a move whose last step was taken.
    fn done(&self) -> Result<Receipt> {
        let Some(receipt) = self.journal.receipt(self.move_id) else {
            return Err(self.failure("it has moved, and its receipt is not in this journal"));
        };
        let noted = self.journal.lines(self.move_id).iter().any(|line| matches!(line.step, Step::Done));
        if !noted {
            self.note(Step::Done)?;
        }
        Ok(receipt)
    }

    fn receipt(&self, pause_ms: Option<f64>) -> Result<Receipt> {
        let admitted_ms = clock::unix_ms();
        // The source still has what it handed over, and nobody changes it there.
        let content = self.source.content(self.graph)?;
        let mut receipt = Receipt {
            version: VERSION,
            move_id: self.move_id.to_owned(),
            graph: self.graph.to_owned(),
            source: self.source.endpoint().to_owned(),
            destination: self.destination.endpoint().to_owned(),
            sequence: content.sequence,
            nodes: content.nodes,
            edges: content.edges,
            vectors: content.vectors,
            ledger: content.ledger,
            bytes: content.bytes,
            digest: content.digest,
            compared_at: None,
            compared_digest: None,
            tail_digest: None,
            started_ms: admitted_ms,
            departed_ms: admitted_ms,
            admitted_ms,
            pause_ms,
        };
        for line in self.journal.lines(self.move_id).into_iter().rev() {
            #[expect(clippy::wildcard_enum_match_arm, reason = "these kinds of lines are looked for")]
            match line.step {
                Step::Equal(content) if receipt.compared_at.is_none() => {
                    receipt.compared_at = Some(content.sequence);
                    receipt.compared_digest = Some(content.digest);
                }
                Step::TailEqual(changed)
                    if receipt.compared_at.is_none() && receipt.tail_digest.is_none() =>
                {
                    receipt.tail_digest = Some(changed.digest);
                }
                Step::Depart { .. } if receipt.departed_ms == admitted_ms => receipt.departed_ms = line.at_ms,
                _ => {}
            }
            receipt.started_ms = line.at_ms;
        }
        Ok(receipt)
    }

    fn newest_there(&self) -> Result<u64> {
        let there = self.destination.status(self.graph)?;
        there.map(|there| there.sequence).ok_or_else(|| self.failure("the destination lost its copy"))
    }

    fn note(&self, step: Step) -> Result<()> {
        self.watch.step(self.graph, &step)?;
        self.journal.add(self.graph, self.move_id, step)
    }

    fn failure(&self, what: &str) -> anyhow::Error {
        let (source, destination) = (self.source.endpoint(), self.destination.endpoint());
        let message = format!(
            "graph '{}', move {} from '{source}' to '{destination}': {what}",
            self.graph, self.move_id
        );
        Failure::new(Exit::Failed, message).into()
    }
}
