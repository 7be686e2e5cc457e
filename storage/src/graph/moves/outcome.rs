//! What became of moves at this store. A move that was decided on stays decided, whatever becomes of the name: a message
//! of it that comes late or twice meets its outcome.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    error::{Result, StoreError},
    graph::{
        catalog::{entry::CatalogEntry, graph::Graph, migration_state::MigrationState},
        error::GraphError,
        store::GraphStore,
    },
    keys,
    space::Space,
    store::{KeyRange, ScanOptions},
};

/// What was decided on a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveOutcome {
    /// It was given up: no step of it is taken here any more.
    Refused,
    /// The graph left here by it. [`MoveOutcome::Refused`] follows if it comes back.
    Departed,
    /// The graph is served here since it, or was until clients or another move did something else with the name.
    Admitted,
}

impl MoveOutcome {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            MoveOutcome::Refused => "refused",
            MoveOutcome::Departed => "departed",
            MoveOutcome::Admitted => "admitted",
        }
    }
}

/// What this store is to a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveRole {
    /// The graph leaves here.
    Source,
    /// The graph arrives here.
    Destination,
}

impl MoveRole {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            MoveRole::Source => "source",
            MoveRole::Destination => "destination",
        }
    }
}

/// The memory of a move, one record per move id, a MessagePack map in the catalog so that fields can be added. It is
/// committed with the step that it speaks of, and never removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRecord {
    /// Exact name of the graph; at the destination the one under which it was served first.
    pub graph: String,
    /// What this store is to it.
    pub role: MoveRole,
    /// What was decided.
    pub outcome: MoveOutcome,
    /// Ownership term of the name by this: the one that was handed over, or, refused, that of the graph here then.
    pub epoch: u64,
    /// The other endpoint, as the step named it.
    pub peer: String,
    /// The graph's number in this store then; 0 when there was none.
    #[serde(default)]
    pub graph_id: u64,
    /// Sequence number of its newest change then.
    #[serde(default)]
    pub sequence: u64,
    /// Unix milliseconds.
    pub at_ms: u64,
}

impl MoveRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("plain fields always encode")
    }

    pub(crate) fn decode(move_id: &str, bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes).map_err(|error| {
            StoreError::corrupt(Space::Catalog, format!("outcome of move '{move_id}': {error}"))
        })
    }

    /// What a catalog entry tells of a move. Entries that were written before there were records have none beside them.
    pub(crate) fn of_entry(name: &str, entry: &CatalogEntry, sequence: u64, move_id: &str) -> Option<Self> {
        let (role, outcome, peer) = match &entry.migration_state {
            Some(MigrationState::Moved(redirect)) if redirect.move_id == move_id => {
                (MoveRole::Source, MoveOutcome::Departed, redirect.to.clone())
            }
            None if entry.arrived.as_deref() == Some(move_id) => {
                (MoveRole::Destination, MoveOutcome::Admitted, String::new())
            }
            Some(_) | None => return None,
        };
        let CatalogEntry { id: graph_id, epoch, .. } = *entry;
        Some(Self { graph: name.to_owned(), role, outcome, epoch, peer, graph_id, sequence, at_ms: 0 })
    }
}

/// A name and a move at one instant.
#[derive(Debug, Clone)]
pub struct MoveView {
    /// The graph of that name, whether it is served here or not.
    pub graph: Option<Arc<Graph>>,
    /// What became of the move, if that is decided.
    pub record: Option<MoveRecord>,
}

impl GraphStore {
    /// What became of a move here, if that is decided. Reads the store; does not wait for commits.
    pub fn move_record(&self, move_id: &str) -> Result<Option<MoveRecord>> {
        let stored = self.store().get(Space::Catalog, &keys::move_outcome(move_id))?;
        stored.map(|bytes| MoveRecord::decode(move_id, &bytes)).transpose()
    }

    /// Decided moves in the order of their ids, from the one behind `after` on, at most `limit`.
    pub fn move_records(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, MoveRecord)>> {
        let mut range = keys::move_outcomes();
        if let Some(after) = after {
            range = KeyRange { start: [&keys::move_outcome(after)[..], &[0]].concat(), ..range };
        }
        let mut records = Vec::new();
        let mut cursor = self.store().scan(Space::Catalog, range, ScanOptions::FORWARD)?;
        while records.len() < limit
            && let Some((key, value)) = cursor.next()?
        {
            let move_id =
                keys::name_of(key).ok_or_else(|| StoreError::corrupt(Space::Catalog, "key of a move"))?;
            records.push((move_id.to_owned(), MoveRecord::decode(move_id, value)?));
        }
        Ok(records)
    }

    /// The graph and the move at one instant, between two commits: waits for the running one.
    pub fn look_at_move(&self, graph: &str, move_id: &str) -> Result<MoveView, GraphError> {
        let _between_commits = self.commits();
        let graph = self.graph_in_any_state(graph).ok();
        let record = match self.move_record(move_id)? {
            None => graph.as_ref().and_then(|graph| {
                MoveRecord::of_entry(graph.name(), &graph.entry(), graph.counters().sequence, move_id)
            }),
            stored => stored,
        };
        Ok(MoveView { graph, record })
    }
}
