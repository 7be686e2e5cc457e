//! Giving a move up: the graph stays, or is again, where it was.

use anyhow::Result;

use super::{
    journal::{Journal, Step},
    party::{Party, StandingName},
};
use crate::cli::{Exit, Failure};

/// Gives a move up. May be repeated. The graph is served by the source on return, and the copy is gone.
///
/// # Errors
/// The destination serves the graph already: then the move has to be finished.
pub(crate) fn abort(
    graph: &str,
    move_id: &str,
    source: &dyn Party,
    destination: &dyn Party,
    journal: &Journal,
) -> Result<()> {
    journal.add(graph, move_id, Step::Abort)?;
    let there = destination.status(graph)?;
    let arrived = there.is_some_and(|there| {
        there.standing == StandingName::Served && there.arrived.as_deref() == Some(move_id)
    });
    if arrived {
        let message = format!(
            "graph '{graph}' is served by '{}' since move {move_id}: resume the move to finish it, or move it back",
            destination.endpoint()
        );
        return Err(Failure::new(Exit::Failed, message).into());
    }
    // First the copy, then the original: never are both served.
    destination.drop_records(graph, move_id)?;
    if let Some(here) = source.status(graph)? {
        match here.standing {
            StandingName::Served => source.release(graph, move_id)?,
            StandingName::Arriving | StandingName::Moved => source.come_back(graph, move_id)?,
        }
    }
    journal.add(graph, move_id, Step::Aborted)
}
