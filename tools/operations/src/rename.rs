//! Giving a graph another name, at the place that has it or at the one that owns the new name.
//!
//! A copy arrives under the new name, catches up with its writers and is compared. Then writes are stopped, the last changes
//! made, and the old name is given up if nothing else has happened to the graph: from that commit on it is the new one. These are
//! the steps of a move, but the two ends have names of their own for it, as both may be in one store. Whatever dies on the way,
//! the same rename again goes on.

#[cfg(test)]
mod tests;

use anyhow::Result;
use epistemic_storage::graph::{Departure, MoveOutcome, RESTORE};
use rand::random;

use crate::error::ErrorKind;
use crate::hosts::{Admission, Content, Party, Refusal, StandingName, Status, is_truncated};

/// How the name of a rename begins at the old name; that of the copy begins like that of a restore, so that one that was left is
/// dropped by the next.
const LEAVES: &str = "rename-";
/// Where the copy comes from, as clients are told.
const FROM: &str = "a rename";
/// Bytes of ledger records made again at a time.
const SLICE: usize = 4 << 20;
/// How long writes are stopped at most.
const LEASE_MS: u64 = 30_000;

/// A rename that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// The old name is not served there.
    #[error("graph '{graph}' is not served by '{place}'")]
    NotThere {
        /// The old name.
        graph: String,
        /// Where it was looked for.
        place: String,
    },
    /// The new name is taken.
    #[error("graph '{graph}' already exists at '{place}': delete it, or choose another name")]
    Taken {
        /// The new name.
        graph: String,
        /// Where.
        place: String,
    },
    /// Everybody could use it there.
    #[error(
        "agents are registered at '{from}' and none at '{to}', where everybody could use the graph: copy them first (egctl identity copy)"
    )]
    Unguarded {
        /// Where the graph is.
        from: String,
        /// Where the new name belongs.
        to: String,
    },
    /// The copy is not the graph.
    #[error("the copy of graph '{graph}' differs from it; nothing was renamed, and the copy is dropped")]
    Differs {
        /// The old name.
        graph: String,
    },
    /// Its history cannot be followed.
    #[error(
        "the ledger of graph '{graph}' was cleared or its content replaced while it was copied; nothing was renamed: try again"
    )]
    Replaced {
        /// The old name.
        graph: String,
    },
}

impl RenameError {
    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotThere { .. } | Self::Taken { .. } | Self::Unguarded { .. } | Self::Replaced { .. } => {
                ErrorKind::Failed
            }
            Self::Differs { .. } => ErrorKind::Refused,
        }
    }
}

/// One rename. Blocks.
pub struct Rename<'r> {
    /// The old name.
    pub from: &'r str,
    /// The new one.
    pub to: &'r str,
    /// Where the graph is.
    pub source: &'r dyn Party,
    /// Where the new name belongs; the same place, or another.
    pub destination: &'r dyn Party,
}

impl Rename<'_> {
    /// Renames the graph, or finishes its rename. On return the new name is served and durable, and the old one is a signpost
    /// without records, which the caller removes. Tells the number of the newest change.
    ///
    /// # Errors
    /// [`RenameError`]; as the places. Before the commit point all is as it was, but for a copy that nobody is served.
    pub fn run(&self) -> Result<u64> {
        let here = self.source.status(self.from)?;
        if let Some(id) = here.as_ref().and_then(begun) {
            return self.finish(&id);
        }
        if here.is_none_or(|status| status.standing != StandingName::Served) {
            let (graph, place) = (self.from.to_owned(), self.source.endpoint().to_owned());
            return Err(RenameError::NotThere { graph, place }.into());
        }
        if self.source.is_guarded()? && !self.destination.is_guarded()? {
            let (from, to) = (self.source.endpoint().to_owned(), self.destination.endpoint().to_owned());
            return Err(RenameError::Unguarded { from, to }.into());
        }
        if let Some(id) = self.make_room()? {
            return self.finish(&id);
        }
        let id = format!("{LEAVES}{:016x}", random::<u64>());
        let copy = copy_of(&id);
        let handed_over =
            self.destination.arrive(self.to, &copy, FROM).and_then(|()| self.hand_over(&id, &copy));
        if let Err(error) = handed_over {
            // The answer to the last step may have got lost: the source decides whether it was taken.
            if !self.has_departed(&id)? {
                // The error that led here is told; a copy that stays is dropped by the next attempt.
                let _ = self.destination.refuse(self.to, &copy, Refusal::by_destination(FROM));
                return Err(if is_truncated(&error) { self.replaced().into() } else { error });
            }
        }
        self.finish(&id)
    }

    /// Makes sure that the rename `id` does not go on, unless it is past its commit point; whether it is.
    fn has_departed(&self, id: &str) -> Result<bool> {
        let refusal = Refusal::by_source(self.destination.endpoint());
        let look = self.source.refuse(self.from, id, refusal)?;
        Ok(look.decided() == Some(MoveOutcome::Departed))
    }

    /// Whether the new name is free. A copy that an earlier attempt left is dropped, unless it is the graph by now: then its
    /// rename is told.
    fn make_room(&self) -> Result<Option<String>> {
        let Some(there) = self.destination.status(self.to)? else { return Ok(None) };
        let left = there.move_id.filter(|left| left.starts_with(RESTORE));
        let Some(left) = left.filter(|_| there.standing == StandingName::Arriving) else {
            let (graph, place) = (self.to.to_owned(), self.destination.endpoint().to_owned());
            return Err(RenameError::Taken { graph, place }.into());
        };
        if let Some(id) = left.strip_prefix(RESTORE).filter(|id| id.starts_with(LEAVES))
            && self.has_departed(id)?
        {
            return Ok(Some(id.to_owned()));
        }
        self.destination.refuse(self.to, &left, Refusal::by_destination(FROM))?;
        Ok(None)
    }

    /// Up to the commit that gives the old name up.
    fn hand_over(&self, id: &str, copy: &str) -> Result<()> {
        let mut stream = self.source.export(self.from)?.stream;
        self.destination.fill(self.to, copy, None, &mut stream, &mut |_| {})?;
        let filled = self.destination.status(self.to)?.map_or(0, |filled| filled.sequence);
        let at = self.catch_up(copy, filled, None)?;
        let here = self.source.content(self.from)?;
        let at = self.catch_up(copy, at, Some(here.sequence))?;
        let there = self.destination.content(self.to)?;
        if !is_same(&here, &there) {
            return Err(RenameError::Differs { graph: self.from.to_owned() }.into());
        }
        let at = self.catch_up(copy, at, None)?;
        let fenced = self.source.fence(self.from, id, self.destination.endpoint(), LEASE_MS)?;
        let departure = Departure {
            to: self.destination.endpoint().to_owned(),
            token: fenced.token,
            graph_id: fenced.graph_id,
            epoch: fenced.epoch,
            sequence: fenced.sequence,
        };
        // Should it fail, the source is asked to refuse the rename, which lets writes through again.
        self.catch_up(copy, at, Some(fenced.sequence)).and_then(|_| {
            let (here, there) = (self.source.changed(self.from, at)?, self.destination.changed(self.to, at)?);
            let is_same = (here.sequence, &here.digest) == (there.sequence, &there.digest);
            if !is_same || here.graph_id != fenced.graph_id {
                return Err(RenameError::Differs { graph: self.from.to_owned() }.into());
            }
            self.source.depart(self.from, id, &departure)
        })
    }

    /// Makes the changes behind `at` again on the copy: those up to `until`, or as many as there are.
    fn catch_up(&self, copy: &str, mut at: u64, until: Option<u64>) -> Result<u64> {
        let last = until.unwrap_or(u64::MAX);
        while at < last {
            let mut changes = self.source.changes(self.from, at, SLICE)?;
            changes.records.retain(|(sequence, _)| *sequence <= last);
            if changes.records.is_empty() {
                break;
            }
            at = self.destination.replay(self.to, copy, None, &changes.records)?;
        }
        Ok(at)
    }

    /// Behind the commit point: the copy is served, the old records go.
    fn finish(&self, id: &str) -> Result<u64> {
        let copy = copy_of(id);
        if let Some(there) = self.destination.status(self.to)?.filter(|there| there.arrives_by(&copy)) {
            let agreed = Admission { copy: None, sequence: there.sequence, epoch: None };
            self.destination.admit(self.to, &copy, &agreed)?;
        }
        let served = self.destination.status(self.to)?;
        let served =
            served.filter(|there| there.arrived.as_ref() == Some(&copy)).ok_or_else(|| self.replaced())?;
        self.source.drop_records(self.from, id)?;
        Ok(served.sequence)
    }

    fn replaced(&self) -> RenameError {
        RenameError::Replaced { graph: self.from.to_owned() }
    }
}

/// The rename that a name was given up by.
fn begun(status: &Status) -> Option<String> {
    let id = status.move_id.as_ref().filter(|id| id.starts_with(LEAVES))?;
    (status.standing == StandingName::Moved).then(|| id.clone())
}

/// What the rename is called at the new name.
fn copy_of(id: &str) -> String {
    format!("{RESTORE}{id}")
}

fn is_same(here: &Content, there: &Content) -> bool {
    let of = |content: &Content| {
        (content.sequence, content.nodes, content.edges, content.vectors, content.digest.clone())
    };
    of(here) == of(there)
}
