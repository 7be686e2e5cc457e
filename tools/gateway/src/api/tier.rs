//! `GET /api/tier`: all shards.

use axum::Extension;
use axum::extract::State;
use serde::Serialize;

use super::row::Row;
use super::{Answer, Answered, ApiError};
use crate::access::{Access, Role};
use crate::clock::unix_ms;
use crate::moves::Moved;
use crate::server::Shared;
use crate::watch::Watched;
use crate::{Gateway, series::Event};

/// Events that are shown.
const NEWEST: usize = 5;
/// Of so long ago at most.
const LATELY_MS: u64 = 3_600_000;

#[derive(Debug, Serialize)]
pub(crate) struct Tier {
    role: Role,
    /// Whether the content of graphs may be looked at.
    explore: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    explore_why: Option<&'static str>,
    /// Whose eyes the content is seen with.
    agent: Option<String>,
    default_graph: String,
    kept_since_ms: u64,
    totals: Totals,
    /// Graphs that this gateway may not see.
    hidden_graphs: u64,
    moves: Moves,
    newest: Vec<Newest>,
    shards: Vec<Row>,
}

/// Of the shards as last known.
#[derive(Debug, Default, Serialize)]
struct Totals {
    graphs: u64,
    nodes: u64,
    edges: u64,
    /// Those of shards that do not answer now.
    stale_graphs: u64,
    shards_up: usize,
    shards_bad: usize,
}

#[derive(Debug, Default, Serialize)]
struct Moves {
    running: usize,
}

#[derive(Debug, Serialize)]
struct Newest {
    at_ms: u64,
    shard: usize,
    #[serde(flatten)]
    event: Event,
}

pub(crate) async fn tier(
    State((gateway, access)): Shared,
    Extension(role): Extension<Role>,
) -> Answered<Tier> {
    gateway.first_looks().await;
    let explore_why = gateway.explorer_is_off(&access);
    let tier = tokio::task::spawn_blocking(move || gateway.tier(role, explore_why)).await;
    tier.map_err(ApiError::internal)
}

impl Gateway {
    /// Waits until every shard was looked at once, or for the longest that a look takes.
    pub(super) async fn first_looks(&self) {
        for shard in &self.shards {
            shard.latest().await;
        }
    }

    fn tier(&self, role: Role, explore_why: Option<&'static str>) -> Answer<Tier> {
        let backups = self.backups.as_ref().map(|file| file.read());
        let shards: Vec<_> = (0..self.shards.len()).map(|place| self.row(place, backups.as_ref())).collect();
        let mut totals = Totals::default();
        for row in &shards {
            totals.graphs += row.graphs.unwrap_or(0);
            totals.nodes += row.nodes.unwrap_or(0);
            totals.edges += row.edges.unwrap_or(0);
            totals.shards_bad += usize::from(row.is_bad());
            if row.state.is_up() {
                totals.shards_up += 1;
            } else {
                totals.stale_graphs += row.graphs.unwrap_or(0);
            }
        }
        let running = self.shards.iter().filter_map(|shard| shard.moves());
        let running =
            running.map(|moves| moves.iter().filter(|moved| Moved::is_running(moved)).count()).sum();
        let tier = Tier {
            role,
            explore: explore_why.is_none(),
            explore_why,
            agent: self.agent_id.clone(),
            default_graph: self.default_graph.clone(),
            kept_since_ms: self.started_ms.max(unix_ms().saturating_sub(LATELY_MS)),
            totals,
            hidden_graphs: self.shards.iter().map(|shard| shard.hidden_graphs()).sum(),
            moves: Moves { running },
            newest: self.newest_events(),
            shards,
        };
        self.answer(0..self.shards.len(), tier)
    }

    /// Why the content of graphs is not shown, if it is not.
    pub(super) fn explorer_is_off(&self, access: &Access) -> Option<&'static str> {
        match (self.explore, access.has_token()) {
            (false, _) => Some("the gateway was started without --explore"),
            (true, false) => Some("the gateway was started without a token"),
            (true, true) => None,
        }
    }

    fn newest_events(&self) -> Vec<Newest> {
        let since = unix_ms().saturating_sub(LATELY_MS);
        let of = |(place, shard): (usize, &std::sync::Arc<Watched>)| {
            let events = shard.series().events_behind(since);
            events.into_iter().map(move |event| Newest { at_ms: event.at_ms(), shard: place + 1, event })
        };
        let mut all: Vec<_> = self.shards.iter().enumerate().flat_map(of).collect();
        all.sort_by_key(|newest| std::cmp::Reverse(newest.at_ms));
        all.truncate(NEWEST);
        all
    }
}
