//! Which move of a graph has begun.

use anyhow::Result;

use crate::hosts::{Party, StandingName, Status};

/// The move from `source` to `destination` that has begun, if any: one that is not done before one that is. A place that is
/// not given is not asked.
pub fn begun(
    graph: &str,
    source: (&str, Option<&dyn Party>),
    destination: (&str, Option<&dyn Party>),
) -> Result<Option<String>> {
    let ask = |party: Option<&dyn Party>| party.map_or(Ok(None), |party| party.status(graph));
    let here = ask(source.1)?;
    let left = here.as_ref().and_then(|here| leaves(here, destination.0));
    if left.is_some() && here.is_some_and(|here| here.standing == StandingName::Moved && !here.dropped) {
        return Ok(left);
    }
    let there = ask(destination.1)?
        .filter(|there| there.standing == StandingName::Arriving && there.from.as_deref() == Some(source.0));
    Ok(there.and_then(|there| there.move_id).or(left))
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
