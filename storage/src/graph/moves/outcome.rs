//! What became of moves at this store. A move that was decided on stays decided, whatever becomes of the name: a message
//! of it that comes late or twice meets its outcome.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Result, StoreError},
    graph::catalog::{entry::CatalogEntry, migration_state::MigrationState},
    space::Space,
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
