//! What is said of each shard: the row of the list, and the head of its page.

use epistemic_router::status::ShardStatus;
use serde::Serialize;

use super::notes::{Level, Note, Notes};
use crate::Gateway;
use crate::backups::{Backups, Made};
use crate::clock::unix_ms;
use crate::series::Glance;
use crate::watch::Look;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Healthy,
    Attention,
    Unreachable,
    Hung,
    /// It was not looked at yet, or does not answer this gateway.
    Unknown,
}

/// One shard, as last known. What it did not say is null, never 0.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    n: usize,
    endpoint: String,
    pub(super) state: State,
    pub(super) notes: Vec<Note>,
    version: Option<String>,
    pub(super) graphs: Option<u64>,
    pub(super) nodes: Option<u64>,
    pub(super) edges: Option<u64>,
    disk: Disk,
    /// Part, bytes in use, budget.
    memory: Option<Vec<(String, Option<u64>, u64)>>,
    checkpoint: Checkpoint,
    backup: Option<Backup>,
    drill: Option<Drill>,
    quarantined: Option<u64>,
    moves: Option<usize>,
    rps: Option<f64>,
    #[serde(flatten)]
    glance: Glance,
}

#[derive(Debug, Default, Serialize)]
struct Disk {
    store: Option<u64>,
    /// Not known: checkpoints share most of their files with the store.
    checkpoints: Option<u64>,
    free: Option<u64>,
    total: Option<u64>,
    reserve: Option<u64>,
    /// What is added to it in a day, and days until only the reserve is left at that pace; null while it does not grow.
    growth_per_day: Option<u64>,
    days_left: Option<u64>,
}

#[derive(Debug, Default, Serialize)]
struct Checkpoint {
    at_ms: Option<u64>,
    /// 0 when it makes none by itself.
    every_s: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Backup {
    at_ms: Option<u64>,
    every_s: u64,
    verified: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Drill {
    at_ms: Option<u64>,
    every_s: u64,
    equal: Option<bool>,
}

impl Gateway {
    /// The row of the shard at that place of the list.
    pub(super) fn row(&self, place: usize, backups: Option<&Backups>) -> Row {
        let shard = &self.shards[place];
        let (look, known) = (shard.newest(), shard.known());
        let survey = self.owners.latest();
        let ours = self.placement.endpoints();
        let (look, known) = (look.as_deref(), known.as_deref());
        let notes = Notes::of(shard, look, known, ours, backups, survey.as_deref());
        let answer = known.map(|known| &known.answer);
        let status = answer.and_then(|answer| answer.status.as_ref());
        let newest = status.and_then(|status| status.checkpoints.last());
        Row {
            n: place + 1,
            endpoint: shard.endpoint.to_string(),
            state: State::of(look, &notes),
            notes,
            version: answer.map(|answer| answer.health.version.clone()),
            graphs: status.map(|status| status.graphs),
            nodes: status.map(|status| status.nodes),
            edges: status.map(|status| status.edges),
            disk: status.map(|status| Disk::of(status, shard.growth_per_day())).unwrap_or_default(),
            memory: status.and_then(memory),
            checkpoint: Checkpoint {
                at_ms: newest.map(|newest| newest.created_ms),
                every_s: status.map(|status| status.checkpoint_interval_s),
            },
            backup: backups.map(|found| {
                let Made { at_ms, every_s, sound } = found.backup;
                Backup { at_ms, every_s, verified: sound }
            }),
            drill: backups.map(|found| {
                let Made { at_ms, every_s, sound } = found.drill;
                Drill { at_ms, every_s, equal: sound }
            }),
            quarantined: status.and_then(|status| Some(status.damage.as_ref()?.quarantined_graphs)),
            moves: shard.moves().map(|moves| moves.iter().filter(|moved| moved.is_running()).count()),
            rps: look.and_then(|look| look.rate).map(|rate| rate.per_second),
            glance: shard.series().glance(unix_ms()),
        }
    }
}

impl State {
    fn of(look: Option<&Look>, notes: &[Note]) -> Self {
        match look {
            None => State::Unknown,
            Some(look) if look.hung => State::Hung,
            Some(look) => match &look.seen.answer {
                Err(trouble) if trouble.answered => State::Unknown,
                Err(_) => State::Unreachable,
                Ok(_) if notes.is_empty() => State::Healthy,
                Ok(_) => State::Attention,
            },
        }
    }

    /// Whether it serves.
    pub(super) fn is_up(self) -> bool {
        matches!(self, State::Healthy | State::Attention)
    }
}

impl Row {
    /// Whether something is wrong that cannot wait.
    pub(super) fn is_bad(&self) -> bool {
        self.notes.iter().any(|note| note.level == Level::Bad)
    }
}

impl Disk {
    fn of(status: &ShardStatus, growth_per_day: Option<u64>) -> Self {
        let left = status.free_bytes.map(|free| free.saturating_sub(status.reserve_bytes.unwrap_or(0)));
        Self {
            store: Some(status.bytes),
            checkpoints: None,
            free: status.free_bytes,
            total: status.disk_bytes,
            reserve: status.reserve_bytes,
            growth_per_day,
            days_left: left.zip(growth_per_day).and_then(|(left, growth)| left.checked_div(growth)),
        }
    }
}

fn memory(status: &ShardStatus) -> Option<Vec<(String, Option<u64>, u64)>> {
    let parts = &status.memory.as_ref()?.parts;
    Some(parts.iter().map(|(name, part)| (name.replace('_', " "), part.used, part.budget)).collect())
}
