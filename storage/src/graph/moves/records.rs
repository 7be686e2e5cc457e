//! Reads what became of moves at this store.

use std::sync::Arc;

use crate::{
    error::{Result, StoreError},
    graph::{catalog::graph::Graph, error::GraphError, moves::outcome::MoveRecord, store::GraphStore},
    keys,
    space::Space,
    store::{KeyRange, ScanOptions},
};

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
