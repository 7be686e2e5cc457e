//! Applies the steps of a move to the running group.

use std::sync::Arc;

use crate::graph::{
    catalog::{
        counters::GraphCounters,
        entry::{COMMONS, GraphType},
        migration_state::MigrationState,
    },
    error::GraphError,
    ledger::record::LedgerRecord,
    moves::{
        outcome::MoveOutcome,
        step::{MoveOp, check_texts},
    },
    write::{catalog_changes::Creator, transaction::Transaction, working_graph::WorkingGraph},
};

/// What an admission was agreed upon.
pub(crate) struct Agreed {
    pub(crate) copy: Option<u64>,
    pub(crate) sequence: u64,
    pub(crate) epoch: Option<u64>,
}

impl Transaction<'_> {
    pub(crate) fn apply_move(&mut self, name: &Arc<str>, op: &MoveOp) -> Result<(), GraphError> {
        check_texts(name, op)?;
        match op {
            MoveOp::Arrive { move_id, from } => self.arrive(name, move_id, from),
            MoveOp::Fill { move_id, loaded, kind, owner, origin } => {
                self.fill(name, move_id, loaded, (*kind, owner.clone()), *origin)
            }
            MoveOp::Replay { move_id, copy, records } => self.replay(name, move_id, *copy, records),
            MoveOp::Admit { move_id, copy, sequence, epoch, rename } => {
                let agreed = Agreed { copy: *copy, sequence: *sequence, epoch: *epoch };
                self.admit(name, move_id, &agreed, rename.as_ref())
            }
            MoveOp::Depart { move_id, departure } => self.depart(name, move_id, departure),
            MoveOp::Drop { move_id } => self.drop_records(name, move_id),
            MoveOp::Refuse { move_id, role, peer, name_after } => {
                self.refuse(name, move_id, *name_after, (*role, peer))
            }
            MoveOp::Return { move_id } => self.come_back(name, move_id),
            MoveOp::Hold { move_id, holding } => self.hold(name, move_id, holding),
            MoveOp::GiveWay { move_id, giving } => self.give_way(name, move_id, giving),
            MoveOp::Forget => self.forget(name),
        }
    }

    /// What became of the move, which was not given up.
    pub(crate) fn outcome(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
    ) -> Result<Option<MoveOutcome>, GraphError> {
        match self.decided(name, move_id)?.map(|record| record.outcome) {
            Some(MoveOutcome::Refused) => Err(GraphError::aborted(name, move_id)),
            outcome => Ok(outcome),
        }
    }

    /// The graph, which arrives by this move.
    pub(crate) fn arriving(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
    ) -> Result<&mut WorkingGraph, GraphError> {
        let working = self.working(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        match &working.entry.migration_state {
            Some(MigrationState::Arriving { move_id: here, .. }) if here == move_id => Ok(working),
            Some(migration_state) => Err(GraphError::unfinished(name, migration_state.move_id())),
            None => Err(GraphError::conflict(name, "it is served here: it does not arrive".into())),
        }
    }

    /// The graph, which departed by this move and whose records are here still.
    pub(crate) fn kept(&mut self, name: &Arc<str>, move_id: &str) -> Result<&mut WorkingGraph, GraphError> {
        let working = self.working(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        match &working.entry.migration_state {
            Some(MigrationState::Moved(redirect)) if redirect.move_id == move_id && redirect.dropped => {
                Err(GraphError::conflict(name, format!("its records were dropped by move {move_id}")))
            }
            Some(MigrationState::Moved(redirect)) if redirect.move_id == move_id => Ok(working),
            Some(migration_state) => Err(GraphError::unfinished(name, migration_state.move_id())),
            None => Err(GraphError::conflict(name, "it is served here again".into())),
        }
    }

    /// Of a name that was removed: an empty `__commons__`, which every store has.
    pub(crate) fn leave_commons(&mut self, name: &Arc<str>, epoch: u64) -> Result<(), GraphError> {
        if **name != *COMMONS {
            return Ok(());
        }
        let id = self.allocate_id();
        self.insert(name, id, GraphType::Commons, Creator::default(), GraphCounters::default());
        self.set_migration_state(name, None, epoch)?;
        self.has_change_at(name, 0);
        self.edit_upkeep(name)?.log_beginning(&LedgerRecord::Created);
        Ok(())
    }

    pub(crate) fn insert_empty(
        &mut self,
        name: &Arc<str>,
        kind: GraphType,
        creator: Creator,
        migration_state: MigrationState,
        epoch: u64,
    ) -> Result<(), GraphError> {
        let id = self.allocate_id();
        let kind = kind_of(name, kind);
        self.insert(name, id, kind, creator, GraphCounters::default());
        self.set_migration_state(name, Some(migration_state), epoch)
    }
}

/// The type of a graph of this name.
pub(crate) fn kind_of(name: &str, kind: GraphType) -> GraphType {
    if name == COMMONS { GraphType::Commons } else { kind }
}

pub(crate) fn arrived_by(name: &str, move_id: &str) -> GraphError {
    GraphError::conflict(name, format!("it is served here since move {move_id}"))
}
