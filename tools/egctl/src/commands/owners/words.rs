//! How conflicts are told.

use std::io::{self, Write};

use epistemic_operations::names::shown;
use epistemic_router::owners::{Conflict, Kind, Place, Survey};
use serde::Serialize;

use crate::commands::status::ago;
use crate::exit::{Exit, Failure};
use crate::output::Report;

/// What all shards say together.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Conflicts(pub(in crate::commands) Survey);

impl Report for Conflicts {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for conflict in &self.0.conflicts {
            write_conflict(out, conflict)?;
        }
        Ok(())
    }
}

fn write_conflict(out: &mut dyn Write, conflict: &Conflict) -> io::Result<()> {
    let newest = conflict.newest_owner().map(|newest| &newest.endpoint);
    writeln!(out, "{}: {}", shown(&conflict.graph), conflict.kind)?;
    for owner in &conflict.owners {
        let note = if newest == Some(&owner.endpoint) { ", the newest term" } else { "" };
        writeln!(out, "  served by {} ({}{note})", owner.endpoint, content(owner))?;
    }
    for post in &conflict.signposts {
        let to = post.claim.to.as_deref().unwrap_or_default();
        let kept = if post.claim.dropped { "" } else { ", and has its records still" };
        writeln!(out, "  {} says that it moved to {to} (term {}{kept})", post.endpoint, post.claim.epoch)?;
    }
    for copy in &conflict.copies {
        writeln!(out, "  {} has a copy that was never opened ({})", copy.endpoint, content(copy))?;
    }
    if let Some(at) = conflict.missing_at() {
        writeln!(out, "  {at} does not serve it")?;
    }
    Ok(())
}

/// Term, counts and newest change of a graph at a shard.
pub(super) fn content(place: &Place) -> String {
    let claim = &place.claim;
    let changed = claim.changed_ms.map(|at| format!(", newest change {}", ago(at)));
    format!(
        "term {}, {} nodes, {} edges, sequence {}{}",
        claim.epoch,
        claim.nodes,
        claim.edges,
        claim.sequence,
        changed.unwrap_or_default()
    )
}

/// The error of a command that has printed the conflicts it found; nothing when there are none and all shards answered.
pub(in crate::commands) fn failure(survey: &Survey) -> Result<(), Failure> {
    let count = |kind: Kind| survey.conflicts.iter().filter(|conflict| conflict.kind == kind).count();
    if !survey.conflicts.is_empty() {
        let (two, none) = (count(Kind::TwoOwners), count(Kind::NoOwner));
        let message = format!(
            "{two} graphs have two owners, {none} have none: egctl owners resolve (docs/operations.md, After a restore)"
        );
        return Err(Failure::new(Exit::Conflict, message));
    }
    let Some(first) = survey.unasked.first() else { return Ok(()) };
    let more = match survey.unasked.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let message =
        format!("'{}' was not asked which graphs it serves: {}{more}", first.endpoint, first.reason);
    Err(Failure::new(Exit::Unreachable, message))
}
