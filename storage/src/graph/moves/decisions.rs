//! Decisions on moves inside a commit group.

use std::sync::Arc;

use crate::{
    error::Result as StoreResult,
    graph::{
        error::GraphError,
        moves::outcome::{MoveOutcome, MoveRecord, MoveRole},
        write::transaction::Transaction,
    },
    keys,
    space::Space,
};

/// What a move came to.
pub(crate) struct Decision<'d> {
    pub(crate) role: MoveRole,
    pub(crate) outcome: MoveOutcome,
    pub(crate) peer: &'d str,
}

impl<'s> Transaction<'s> {
    /// What became of a move, the group's decisions included.
    pub(crate) fn decided(&mut self, name: &Arc<str>, move_id: &str) -> StoreResult<Option<MoveRecord>> {
        if let Some(record) = self.decided.get(move_id) {
            return Ok(Some(record.clone()));
        }
        match self.overlay.stored_in_catalog(&keys::move_outcome(move_id))? {
            Some(bytes) => MoveRecord::decode(move_id, &bytes).map(Some),
            None => Ok(self.working(name).and_then(|working| {
                MoveRecord::of_entry(name, &working.entry, working.counters.sequence, move_id)
            })),
        }
    }

    /// Records what became of a move of the graph, as it stands now.
    pub(crate) fn decide(&mut self, move_id: &str, name: &Arc<str>, decision: Decision<'_>) {
        let Decision { role, outcome, peer } = decision;
        let now = self.now_ms;
        let (graph_id, epoch, sequence) = self
            .working(name)
            .map_or((0, 0, 0), |working| (working.entry.id, working.entry.epoch, working.counters.sequence));
        let record = MoveRecord {
            graph: name.to_string(),
            role,
            outcome,
            epoch,
            peer: peer.to_owned(),
            graph_id,
            sequence,
            at_ms: now,
        };
        self.overlay.put(Space::Catalog, &keys::move_outcome(move_id), &record.encode());
        self.decided.insert(move_id.to_owned(), record);
    }

    /// Lets writes through again that this move stops.
    pub(crate) fn unfence(&mut self, name: &Arc<str>, move_id: &str) {
        if let Some(graph) = self.working(name).and_then(|working| working.base.as_ref()) {
            graph.fence().lower_of(move_id);
        }
    }

    /// Whether the fence of the token has stood since it was raised.
    pub(crate) fn fence_stands(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        to: &str,
        token: u64,
    ) -> Result<(), GraphError> {
        let now = self.leases.now();
        match self.working(name).and_then(|working| working.base.as_ref()) {
            Some(graph) => graph.fence().stands(name, move_id, to, token, now),
            // It was replaced by this very group.
            None => Err(GraphError::overtaken(name, "it is another graph by now".into())),
        }
    }
}
