//! Which move of a graph has begun.

use anyhow::Result;

use super::party::{Party, StandingName, Status};

/// The move from `source` to `destination` that has begun, if any. A place that is not given is not asked.
pub(crate) fn begun(
    graph: &str,
    source: (&str, Option<&dyn Party>),
    destination: (&str, Option<&dyn Party>),
) -> Result<Option<String>> {
    let ask = |party: Option<&dyn Party>| party.map_or(Ok(None), |party| party.status(graph));
    if let Some(here) = ask(source.1)?
        && let Some(move_id) = leaves(&here, destination.0)
    {
        return Ok(Some(move_id));
    }
    let there = ask(destination.1)?
        .filter(|there| there.standing == StandingName::Arriving && there.from.as_deref() == Some(source.0));
    Ok(there.and_then(|there| there.move_id))
}

/// The move by which a graph left, or is about to leave, for `to`.
fn leaves(here: &Status, to: &str) -> Option<String> {
    let move_id = match here.standing {
        StandingName::Moved => &here.move_id,
        StandingName::Served => &here.fenced_by,
        StandingName::Arriving => &None,
    };
    move_id.clone().filter(|_| here.to.as_deref() == Some(to))
}
