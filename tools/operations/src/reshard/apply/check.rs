//! The plan against what is there.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::super::error::ReshardError;
use super::super::inventory::{Change, Shard};
use super::super::plan::plan;
use super::super::refusal::Refusal;
use super::outcome::Outcome;
use super::state::Task;

/// Why a task cannot go on.
pub(super) enum Objection {
    /// The shards are not those of the plan.
    Other(ReshardError),
    /// There would be no plan.
    Refused(Vec<Refusal>),
}

/// The numbers of the moves that are to be made. Graphs that have to move and are not in the task are added to it; those
/// that were given up stay out of it.
pub(super) fn check(
    task: &mut Task,
    outcomes: &[Outcome],
    change: &Change,
    mut shards: Vec<Shard>,
) -> Result<Vec<usize>, Objection> {
    same_stores(task, &shards).map_err(Objection::Other)?;
    for shard in &mut shards {
        // What this task has on the move is no obstacle to it.
        shard.on_the_move.retain(|graph| !graph.move_id.as_deref().is_some_and(|id| task.owns(id)));
    }
    let now = plan(change, &shards, None).map_err(Objection::Refused)?;
    let involved: HashSet<&str> =
        now.moves.iter().flat_map(|graph| [graph.from.as_str(), graph.to.as_str()]).collect();
    let checkpoint =
        shards.iter().find(|shard| shard.checkpoint && involved.contains(shard.endpoint.as_str()));
    if let Some(Shard { endpoint, directory, .. }) = checkpoint {
        let directory = directory.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let endpoint = endpoint.to_string();
        return Err(Objection::Other(ReshardError::Checkpoint { directory, endpoint }));
    }

    let mut known: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, graph) in task.moves().enumerate() {
        known.entry(&graph.graph).or_default().push(number);
    }
    let mut found = Vec::new();
    for graph in now.moves {
        let same = |&number: &usize| {
            let to_do = outcomes.get(number).is_some_and(Outcome::is_open);
            let planned = task.get(number);
            outcomes.get(number) == Some(&Outcome::GivenUp)
                || to_do
                    && planned.is_some_and(|planned| planned.from == graph.from && planned.to == graph.to)
        };
        if !known.get(graph.graph.as_str()).is_some_and(|numbers| numbers.iter().any(same)) {
            found.push(graph);
        }
    }
    let mut to_do: Vec<usize> = outcomes
        .iter()
        .enumerate()
        .filter_map(|(number, outcome)| outcome.is_open().then_some(number))
        .collect();
    to_do.extend((0..found.len()).map(|more| outcomes.len() + more));
    task.found_later.extend(found);
    Ok(to_do)
}

/// Whether the stores are those of the plan.
fn same_stores(task: &Task, shards: &[Shard]) -> Result<(), ReshardError> {
    for planned in &task.plan.shards {
        let now = shards.iter().find(|shard| shard.endpoint.as_str() == planned.endpoint);
        let now = now.and_then(|shard| shard.store_id.as_ref());
        if planned.store_id.is_some() && now != planned.store_id.as_ref() {
            return Err(ReshardError::OtherStore {
                endpoint: planned.endpoint.clone(),
                now: now.map_or("none", String::as_str).to_owned(),
                planned: planned.store_id.as_deref().unwrap_or("none").to_owned(),
            });
        }
    }
    Ok(())
}
