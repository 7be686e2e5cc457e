//! Ending a move whose other place is gone for good. Only what is left is asked; the operator's word replaces the other's.

use anyhow::{Context, Result};
use epistemic_storage::graph::MoveOutcome;
use serde::Serialize;

use super::error::{At, MoveError, Subject};
use crate::hosts::{Admission, Look, Party, Refusal, StandingName, Status, is_silent};

/// What the place that is left had of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Number of the newest change in it.
    pub sequence: u64,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Content digest, as snapshots and receipts have it; none if it cannot be read.
    pub digest: Option<String>,
}

/// One move, of which one place is left.
pub struct Rest<'m> {
    /// Exact graph name.
    pub graph: &'m str,
    /// The move.
    pub move_id: &'m str,
    /// The place that is left.
    pub left: &'m dyn Party,
    /// The place that is gone.
    pub gone: &'m dyn Party,
}

impl Rest<'_> {
    /// The source is gone: drops the copy that was arriving, and frees its name. Tells what the copy held.
    ///
    /// # Errors
    /// The source answers; the destination serves the graph already.
    pub fn drop_copy(&self) -> Result<Option<Held>> {
        self.must_be_gone()?;
        let there = self.left.look(self.graph, self.move_id)?;
        let held = self.held(&there)?;
        let refusal = Refusal::by_destination(self.gone.endpoint());
        let there = self.left.refuse(self.graph, self.move_id, refusal)?;
        match there.decided() {
            Some(MoveOutcome::Refused) => Ok(held),
            Some(MoveOutcome::Admitted) => {
                Err(self.failed("it serves the graph: there is nothing to give up"))
            }
            Some(MoveOutcome::Departed) | None => Err(self.failed("it is the source of this move")),
        }
    }

    /// The source is gone, and the copy is the best there is: serves it as it is.
    ///
    /// # Errors
    /// The source answers; no copy has arrived, or it is damaged.
    pub fn adopt_copy(&self) -> Result<Held> {
        self.must_be_gone()?;
        let there = self.left.look(self.graph, self.move_id)?;
        match there.decided() {
            Some(MoveOutcome::Refused) => {
                return Err(self.failed("it has refused the move, its copy is dropped"));
            }
            Some(MoveOutcome::Departed) => return Err(self.failed("it is the source of this move")),
            Some(MoveOutcome::Admitted) => return Err(self.failed("it serves the graph already")),
            None => {}
        }
        let copy = self.copy(&there).filter(|copy| copy.sequence > 0);
        let Some(copy) = copy else {
            return Err(self.failed("it has only the name, no copy has arrived: give it up with --abort"));
        };
        let (copy, sequence) = (copy.clone(), copy.sequence);
        let held = self.held(&there)?.context("the copy is gone")?;
        let epoch = copy.origin_epoch.map(|epoch| epoch + 1);
        let agreed = Admission { copy: Some(copy.graph_id), sequence, epoch };
        self.left.admit(self.graph, self.move_id, &agreed)?;
        Ok(held)
    }

    /// The destination is gone: the source serves the graph, from now on or again. Tells how it stands there.
    ///
    /// # Errors
    /// The destination answers; the source has dropped its records.
    pub fn take_back(&self) -> Result<Look> {
        self.must_be_gone()?;
        let refusal = Refusal::by_source(self.gone.endpoint());
        let here = self.left.refuse(self.graph, self.move_id, refusal)?;
        match here.decided() {
            Some(MoveOutcome::Refused) => return Ok(here),
            Some(MoveOutcome::Departed) => {}
            Some(MoveOutcome::Admitted) | None => {
                return Err(self.failed("it is the destination of this move"));
            }
        }
        if here.graph.as_ref().is_none_or(|kept| kept.standing == StandingName::Moved && kept.dropped) {
            return Err(self.failed(
                "its records are dropped, because the move was complete: remove the signpost with egctl moves --forget and \
                 restore the graph from a backup",
            ));
        }
        self.left.come_back(self.graph, self.move_id)?;
        self.left.look(self.graph, self.move_id)
    }

    fn copy<'l>(&self, there: &'l Look) -> Option<&'l Status> {
        there.graph.as_ref().filter(|there| there.arrives_by(self.move_id))
    }

    fn held(&self, there: &Look) -> Result<Option<Held>> {
        let Some(copy) = self.copy(there) else { return Ok(None) };
        // A copy too damaged to be read is dropped all the same.
        let content = self.left.content(self.graph).ok().filter(|content| content.graph_id == copy.graph_id);
        let digest = content.map(|content| content.digest);
        let Status { sequence, nodes, edges, .. } = *copy;
        Ok(Some(Held { sequence, nodes, edges, digest }))
    }

    /// A place that answers decides for itself.
    fn must_be_gone(&self) -> Result<()> {
        let answer = self.gone.status(self.graph);
        if answer.as_ref().err().is_some_and(is_silent) {
            return Ok(());
        }
        let endpoint = self.gone.endpoint().to_owned();
        let answer = answer.err().map(|error| format!(" ({error:#})")).unwrap_or_default();
        Err(MoveError::NotGone { endpoint, answer }.into())
    }

    fn failed(&self, what: &str) -> anyhow::Error {
        let at = At::One(self.left.endpoint().to_owned());
        let subject = Subject { graph: self.graph.to_owned(), move_id: self.move_id.to_owned(), at };
        MoveError::Stuck { subject, what: what.to_owned() }.into()
    }
}
