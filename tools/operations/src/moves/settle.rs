//! Behind the commit point: the destination serves the graph and proves what it serves, the receipt is written, and the
//! source drops its records. From any state that a death leaves; nothing waits long for a shard that stalls.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use epistemic_storage::{
    clock,
    graph::{MoveOutcome, Origin},
};

use super::{
    compare::{same_content, same_graph},
    error::MoveError,
    journal::Step,
    mover::{BeforeDrop, Compared, Move, TRIES},
    receipt::{Receipt, VERSION},
};
use crate::error::{ErrorKind, kind_of, message_of};
use crate::hosts::{
    Admission, Content, Look, Overtaken, StandingName, is_overtaken, is_silent, is_truncated,
};

/// Bytes of ledger records made again at a time.
const SLICE: usize = 4 << 20;

/// A graph that left its source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Departed {
    /// Its number in the source's store.
    pub(super) graph_id: u64,
    /// The ownership term that was handed over.
    pub(super) epoch: u64,
    /// Number of its newest change.
    pub(super) sequence: u64,
    /// The copy that was compared with it, if that is known.
    pub(super) compared: Option<u64>,
    /// When writes were stopped, if this program did so.
    pub(super) stopped: Option<Instant>,
    /// For how long writes were refused by attempts before that.
    pub(super) paused: Duration,
}

/// What became of the proof that the destination serves what left.
enum Proof {
    /// Both sides had this content.
    Equal(Content),
    /// Clients did something to the graph that leaves nothing to compare; what.
    Gone(String),
}

impl Move<'_> {
    /// From the departure to the end of the move.
    pub(super) fn settle(&self, departed: Departed) -> Result<Receipt> {
        self.persist(|| self.admit(&departed)).map_err(|error| self.not_open(error))?;
        let pause = departed.stopped.map(|stopped| departed.paused + stopped.elapsed());
        let receipt = match self.journal.receipt(self.move_id) {
            Some(receipt) => receipt,
            None => {
                let admitted_ms = clock::unix_ms();
                let proof = self.persist(|| self.prove(&departed)).with_context(|| {
                    self.told(
                        "the destination serves it, and the source keeps its records until that is proved. The same \
                         command goes on",
                    )
                })?;
                let receipt = self.receipt(&departed, proof, admitted_ms, pause);
                self.note(Step::Receipt { receipt: Box::new(receipt.clone()) })?;
                receipt
            }
        };
        match self.before_drop {
            BeforeDrop::Checkpoint => self.checkpoint()?,
            BeforeDrop::Nothing => {}
            BeforeDrop::Later => return Ok(receipt),
        }
        self.finish()?;
        Ok(receipt)
    }

    /// Has the destination take a checkpoint, which has the graph then.
    pub fn checkpoint(&self) -> Result<()> {
        self.persist(|| self.destination.checkpoint()).with_context(|| {
            self.told(
                "the destination serves it and cannot take a checkpoint, so the source keeps its records. The same command \
                 goes on, with --no-checkpoint without one",
            )
        })
    }

    /// The last step of a move whose receipt is in the journal: the source drops its records. May be repeated.
    pub fn finish(&self) -> Result<()> {
        self.persist(|| self.source.drop_records(self.graph, self.move_id))?;
        self.note(Step::Done)
    }

    /// The receipt of a move whose last step was taken.
    pub(super) fn done(&self) -> Result<Receipt> {
        let Some(receipt) = self.journal.receipt(self.move_id) else {
            return Err(self.failure("it has moved, and its receipt is not in this journal"));
        };
        let noted = self.journal.lines(self.move_id).iter().any(|line| matches!(line.step, Step::Done));
        if !noted {
            self.note(Step::Done)?;
        }
        Ok(receipt)
    }

    /// Has the destination serve the copy, with what it may have lost in a power cut. Nobody serves the graph until then.
    fn admit(&self, departed: &Departed) -> Result<()> {
        let Look { graph, outcome } = self.destination.look(self.graph, self.move_id)?;
        match outcome.map(|decided| decided.outcome) {
            Some(MoveOutcome::Admitted) => return Ok(()),
            Some(MoveOutcome::Refused) => {
                return Err(self.given_up(
                    "the destination has refused it since: somebody gives it up. Finish that with egctl move --abort",
                ));
            }
            Some(MoveOutcome::Departed) | None => {}
        }
        let copy = graph.filter(|there| there.arrives_by(self.move_id));
        // A copy of an older version of this program does not tell what it is of.
        let copy =
            copy.filter(|copy| copy.origin().is_none_or(|origin| origin.graph_id == departed.graph_id));
        let Some(copy) = copy else {
            return Err(self.failure(
                "it left the source, and the destination has no copy of it any more. With --abort the source serves it again",
            ));
        };
        if departed.compared == Some(copy.graph_id) {
            self.catch_up(copy.graph_id, copy.sequence, Some(departed.sequence))?;
        } else {
            self.compare_before(departed, copy.graph_id, copy.sequence)?;
        }
        self.note(Step::Admit { sequence: departed.sequence })?;
        let (copy, epoch) = (Some(copy.graph_id), Some(departed.epoch));
        self.destination.admit(
            self.graph,
            self.move_id,
            &Admission { copy, sequence: departed.sequence, epoch },
        )
    }

    /// Compares a copy that was not compared before the graph left: another mover has filled it since.
    fn compare_before(&self, departed: &Departed, copy: u64, at: u64) -> Result<()> {
        self.catch_up(copy, at, Some(departed.sequence))?;
        let here = self.source.content(self.graph)?;
        let there = self.destination.content(self.graph)?;
        if (here.graph_id, there.graph_id) != (departed.graph_id, copy) {
            return Err(Overtaken("a place has another graph of the name by now".into()).into());
        }
        same_content(self.graph, &here, &there)
    }

    /// Compares what the destination serves, at whatever change it is by now, with what left. The source makes the
    /// destination's changes again on the records that it keeps; nothing stops for it.
    fn prove(&self, departed: &Departed) -> Result<Proof> {
        let Look { graph, outcome } = self.destination.look(self.graph, self.move_id)?;
        let Some(admitted) = outcome.filter(|decided| decided.outcome == MoveOutcome::Admitted) else {
            return Err(self.failure(
                "the destination served it and does not remember that: it was set back to an earlier state. Nothing was \
                 dropped at the source; with --abort --destination-is-gone the source serves it again",
            ));
        };
        let same = graph.as_ref().is_some_and(|graph| graph.graph_id == admitted.graph_id);
        let served = graph.as_ref().map(|graph| graph.standing);
        let gone = match (graph, same) {
            (None, _) => Some("it was deleted at the destination".to_owned()),
            (Some(graph), false) if served == Some(StandingName::Moved) => {
                Some(format!("it moved on to '{}'", graph.to.unwrap_or_default()))
            }
            (Some(_), false) => {
                Some("its content was cleared or replaced as a whole at the destination".to_owned())
            }
            (Some(_), true) => None,
        };
        if let Some(gone) = gone {
            return Ok(Proof::Gone(gone));
        }
        let compared = Compared {
            origin: Origin { graph_id: departed.graph_id, epoch: departed.epoch },
            copy: admitted.graph_id,
        };
        let proof = self.compare_served(departed, &compared);
        if !matches!(proof, Ok(Proof::Equal(_))) && self.is_dropped()? {
            let gone = "another run of this move has proved it and dropped what it is compared with: that one has the receipt";
            return Ok(Proof::Gone(gone.into()));
        }
        proof
    }

    fn compare_served(&self, departed: &Departed, compared: &Compared) -> Result<Proof> {
        let there = self.destination.content(self.graph)?;
        compared.is_copy(there.graph_id)?;
        if let Err(error) = self.follow_back(departed, there.sequence) {
            let gone = "its ledger does not tell all changes since the handover at the destination";
            return if is_truncated(&error) { Ok(Proof::Gone(gone.into())) } else { Err(error) };
        }
        let here = self.source.content(self.graph)?;
        compared.is_source(here.graph_id)?;
        same_graph(self.graph, &here, &there)?;
        Ok(Proof::Equal(there))
    }

    /// Whether the source has no records of what left by this move any more.
    fn is_dropped(&self) -> Result<bool> {
        let kept = self.source.status(self.graph)?;
        Ok(kept.is_some_and(|kept| kept.dropped && kept.move_id.as_deref() == Some(self.move_id)))
    }

    /// Makes the destination's changes up to `until` again on what the source keeps.
    fn follow_back(&self, departed: &Departed, until: u64) -> Result<()> {
        let kept = self.source.status(self.graph)?;
        let mut at = kept.map_or(0, |kept| kept.sequence);
        while at < until {
            let mut changes = self.destination.changes(self.graph, at, SLICE)?;
            changes.records.retain(|(sequence, _)| *sequence <= until);
            let reached =
                self.source.replay(self.graph, self.move_id, Some(departed.graph_id), &changes.records)?;
            if reached <= at {
                return Err(Overtaken(format!("the source's records stay at {at}")).into());
            }
            at = reached;
        }
        Ok(())
    }

    /// Tries again what met another state than it was made for, or a place that does not answer.
    fn persist<T>(&self, act: impl Fn() -> Result<T>) -> Result<T> {
        for attempt in 0..TRIES {
            match act() {
                Err(error) if is_overtaken(&error) || is_silent(&error) => {
                    self.control.wait(self.timing.wait(attempt))?;
                }
                done => return done,
            }
        }
        act()
    }

    fn receipt(
        &self,
        departed: &Departed,
        proof: Proof,
        admitted_ms: u64,
        pause: Option<Duration>,
    ) -> Receipt {
        let (content, unproven) = match proof {
            Proof::Equal(content) => (Some(content), None),
            Proof::Gone(reason) => (None, Some(reason)),
        };
        let count = |of: fn(&Content) -> u64| content.as_ref().map_or(0, of);
        let mut receipt = Receipt {
            version: VERSION,
            move_id: self.move_id.to_owned(),
            graph: self.graph.to_owned(),
            source: self.source.endpoint().to_owned(),
            destination: self.destination.endpoint().to_owned(),
            epoch: departed.epoch,
            sequence: departed.sequence,
            nodes: count(|content| content.nodes),
            edges: count(|content| content.edges),
            vectors: count(|content| content.vectors),
            ledger: count(|content| content.ledger),
            bytes: count(|content| content.bytes),
            digest_at: content.as_ref().map(|content| content.sequence),
            digest: content.map(|content| content.digest),
            unproven,
            compared_at: None,
            compared_digest: None,
            tail_digest: None,
            started_ms: admitted_ms,
            departed_ms: admitted_ms,
            admitted_ms,
            pause_ms: pause.map(|pause| pause.as_micros() as f64 / 1000.0),
        };
        let mut last_fence = false;
        for line in self.journal.lines(self.move_id).into_iter().rev() {
            #[expect(clippy::wildcard_enum_match_arm, reason = "these kinds of lines are looked for")]
            match line.step {
                Step::Equal { content, copy }
                    if receipt.compared_at.is_none() && copy == departed.compared =>
                {
                    receipt.compared_at = Some(content.sequence);
                    receipt.compared_digest = Some(content.digest);
                }
                Step::TailEqual(changed) if !last_fence && changed.sequence == departed.sequence => {
                    receipt.tail_digest = Some(changed.digest);
                }
                Step::Fence => last_fence = true,
                Step::Depart { .. } if receipt.departed_ms == admitted_ms => receipt.departed_ms = line.at_ms,
                _ => {}
            }
            receipt.started_ms = line.at_ms;
        }
        receipt
    }

    /// Nobody serves the graph: what to do about it.
    fn not_open(&self, error: anyhow::Error) -> anyhow::Error {
        if !is_silent(&error) && !is_overtaken(&error) {
            return error;
        }
        MoveError::NotOpen {
            subject: self.subject(),
            reason: message_of(&error),
            unreachable: kind_of(&error) == ErrorKind::Unreachable,
            destination: self.destination.endpoint().to_owned(),
        }
        .into()
    }
}
