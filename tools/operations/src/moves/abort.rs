//! Giving a move up for good: the graph stays, or is again, where it was, and no step of the move is ever taken again.

use anyhow::{Context, Result};
use epistemic_storage::graph::{MoveOutcome, NameAfter};

use super::{
    error::{At, MoveError, Subject},
    journal::{Journal, Step},
};
use crate::hosts::{Look, Party, Refusal, StandingName};

/// Gives a move up. May be repeated, by any number of programs at once and beside movers. On return both places have
/// refused the move durably, and the source is as told.
///
/// The source decides first. If it has the graph still, its refusal is final, and the copy is dropped. If the graph has
/// left, the destination decides: once that has refused the move, nobody else can come to serve the graph, and the source
/// takes it back. The destination holds the name until then, and has a signpost afterwards: clients whom the source's
/// signpost has led there must not create another graph.
///
/// # Errors
/// The destination serves the graph already: then the move has to be finished. A place does not answer: the text tells
/// what is decided by then.
pub fn abort(
    graph: &str,
    move_id: &str,
    source: &dyn Party,
    destination: &dyn Party,
    journal: Option<&Journal>,
) -> Result<Look> {
    let (from, to) = (source.endpoint(), destination.endpoint());
    let failed = |what: String| -> anyhow::Error {
        let subject = Subject { graph: graph.to_owned(), move_id: move_id.to_owned(), at: At::Anywhere };
        MoveError::Stuck { subject, what }.into()
    };
    let note = |step| journal.map_or(Ok(()), |journal| journal.add(graph, move_id, step));
    note(Step::Abort)?;
    let here = source.refuse(graph, move_id, Refusal::by_source(to)).with_context(|| {
        format!("the source '{from}' decides first: if it is gone for good, see --source-is-gone")
    })?;
    let left = match here.decided() {
        Some(MoveOutcome::Refused) => false,
        Some(MoveOutcome::Departed) => true,
        Some(MoveOutcome::Admitted) | None => {
            return Err(failed(format!("'{from}' is its destination: --from and --to have changed places")));
        }
    };
    let kept = |here: &Look| {
        let kept = here.graph.as_ref().filter(|kept| kept.standing == StandingName::Moved && !kept.dropped);
        kept.is_some_and(|kept| kept.move_id.as_deref() == Some(move_id))
    };
    if left && !kept(&here) {
        let finished =
            format!("it is complete, '{from}' has dropped its records: to have it back there, move it back");
        return Err(failed(finished));
    }
    let name_after = if left { NameAfter::Held } else { NameAfter::SentBack };
    let refused = destination.refuse(graph, move_id, Refusal::by_destination(from).and(name_after));
    let there = refused.with_context(|| match left {
        false => format!(
            "'{from}' has refused the move for good and keeps the graph; what '{to}' has of it is not dropped yet. Give the \
             same command again when it answers, or with --destination-is-gone if it never will"
        ),
        true => format!(
            "the graph has left '{from}', and '{to}' has to say first that it does not serve it. Give the same command \
             again when it answers, or with --destination-is-gone if it never will"
        ),
    })?;
    match (there.decided(), left) {
        (Some(MoveOutcome::Refused), false) => {}
        (Some(MoveOutcome::Refused), true) => {
            if there
                .graph
                .is_some_and(|other| other.standing == StandingName::Served && !other.is_empty_commons())
            {
                return Err(failed(format!(
                    "'{to}' has another graph of this name, created there since. Delete it there to have this one back at \
                     '{from}' by the same command"
                )));
            }
            source.come_back(graph, move_id).with_context(|| {
                format!("'{to}' has refused the move for good; '{from}' has to take the graph back: give the same command again")
            })?;
            let refusal = Refusal::by_destination(from).and(NameAfter::SentBack);
            destination.refuse(graph, move_id, refusal).with_context(|| {
                format!("'{from}' serves the graph again, '{to}' holds its name still: give the same command again")
            })?;
        }
        (Some(MoveOutcome::Admitted), true) => {
            return Err(failed(format!(
                "'{to}' serves the graph since: resume the move to finish it, or move it back"
            )));
        }
        (Some(MoveOutcome::Admitted), false) => {
            return Err(failed(format!(
                "'{to}' serves the graph since, and '{from}' did not remember that it had left: one of them was set back to an \
                 earlier state"
            )));
        }
        (Some(MoveOutcome::Departed) | None, _) => {
            return Err(failed(format!("'{to}' is its source: --from and --to have changed places")));
        }
    }
    let here = if left { source.look(graph, move_id)? } else { here };
    note(Step::Aborted)?;
    Ok(here)
}
