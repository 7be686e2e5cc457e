//! Removing the signposts of graphs that moved long ago.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use epistemic_operations::hosts::{StandingName, Status};
use epistemic_operations::remote::call;
use epistemic_router::ErrorCode;
use epistemic_storage::clock;
use epistemic_storage::graph::COMMONS;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::shards::ShardArgs;

/// Moves that are asked about at once.
const AT_ONCE: usize = 1_000;

/// A signpost that was removed.
#[derive(Debug, Serialize)]
pub(super) struct Signpost {
    graph: String,
    /// Endpoint that had it.
    place: String,
    /// Endpoint that it named.
    to: Option<String>,
    /// When the graph left, Unix milliseconds.
    at_ms: u64,
}

#[derive(Serialize)]
struct Asked<'a> {
    move_ids: &'a [&'a str],
}

#[derive(Deserialize)]
struct Outcome {
    move_id: String,
    at_ms: u64,
}

/// Removes the signposts of all shards whose graphs left longer ago, one after another, and returns them.
///
/// # Errors
/// Of the first shard or signpost that fails. Those before it are gone; the same call goes on.
pub(super) async fn forget_older_than(shards: &ShardArgs, age: Duration) -> Result<Vec<Signpost>> {
    let before = clock::unix_ms().saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let mut forgotten = Vec::new();
    for endpoint in shards.list()?.as_slice() {
        let client = shards.connect(endpoint).await?;
        let standing: Vec<Status> = call(&client, COMMONS, "MoveStatus", &()).await?;
        let is_signpost = |status: &&Status| status.standing == StandingName::Moved && status.dropped;
        let signposts: Vec<_> = standing.iter().filter(is_signpost).collect();
        let move_ids: Vec<_> = signposts.iter().filter_map(|status| status.move_id.as_deref()).collect();
        let mut left = HashMap::new();
        for move_ids in move_ids.chunks(AT_ONCE) {
            let told: Vec<Outcome> = call(&client, COMMONS, "MoveOutcomes", &Asked { move_ids }).await?;
            left.extend(told.into_iter().map(|outcome| (outcome.move_id, outcome.at_ms)));
        }
        for status in signposts {
            let at_ms = status.move_id.as_ref().and_then(|move_id| left.get(move_id));
            let Some(&at_ms) = at_ms.filter(|at_ms| **at_ms < before) else { continue };
            match call::<IgnoredAny, _>(&client, &status.name, "MoveForget", &()).await {
                Ok(_) => {}
                // The graph came back meanwhile, or arrives again.
                Err(error) if error.code() == ErrorCode::MoveConflict => continue,
                Err(error) => return Err(error.into()),
            }
            let (graph, place) = (status.name.clone(), endpoint.to_string());
            forgotten.push(Signpost { graph, place, to: status.to.clone(), at_ms });
        }
    }
    Ok(forgotten)
}
