//! Steps of a move at its source, and giving a move up on either side.

use std::sync::Arc;

use crate::{
    graph::{
        catalog::migration_state::{MigrationState, Redirect},
        error::GraphError,
        moves::{
            apply::arrived_by,
            decisions::Decision,
            outcome::{MoveOutcome, MoveRole},
            step::{Departure, NameAfter},
        },
        write::{catalog_changes::Creator, transaction::Transaction},
    },
    keys::GraphId,
};

impl Transaction<'_> {
    pub(crate) fn depart(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        departure: &Departure,
    ) -> Result<(), GraphError> {
        match self.outcome(name, move_id)? {
            Some(MoveOutcome::Departed) => return Ok(()),
            Some(MoveOutcome::Admitted) => return Err(arrived_by(name, move_id)),
            Some(MoveOutcome::Refused) | None => {}
        }
        let Departure { to, token, graph_id, epoch, sequence } = departure;
        let working = self.existing(name)?;
        if (working.entry.id, working.entry.epoch) != (*graph_id, *epoch) {
            return Err(GraphError::overtaken(name, "it is another graph by now".into()));
        }
        let found = working.counters.sequence;
        if found != *sequence {
            return Err(GraphError::MovedOn { graph: name.to_string(), expected: *sequence, found });
        }
        self.fence_stands(name, move_id, to, *token)?;
        let redirect = Redirect { move_id: move_id.to_owned(), to: to.clone(), dropped: false };
        self.set_migration_state(name, Some(MigrationState::Moved(redirect)), epoch + 1)?;
        self.decide(
            move_id,
            name,
            Decision { role: MoveRole::Source, outcome: MoveOutcome::Departed, peer: to },
        );
        Ok(())
    }

    pub(crate) fn drop_records(&mut self, name: &Arc<str>, move_id: &str) -> Result<(), GraphError> {
        match self.outcome(name, move_id)? {
            Some(MoveOutcome::Departed) => {}
            Some(MoveOutcome::Admitted) => return Err(arrived_by(name, move_id)),
            Some(MoveOutcome::Refused) | None => {
                return Err(GraphError::conflict(name, format!("it has not left by move {move_id}")));
            }
        }
        let Some(entry) = self.working(name).map(|working| working.entry.clone()) else { return Ok(()) };
        let Some(MigrationState::Moved(redirect)) = entry.migration_state else { return Ok(()) };
        if redirect.dropped || redirect.move_id != move_id {
            return Ok(());
        }
        self.remove(name, GraphId(entry.id));
        let creator = Creator { owner: entry.owner, tenant: entry.tenant, ledger_keep: entry.ledger_keep };
        let redirect = Redirect { dropped: true, ..redirect };
        self.insert_empty(name, entry.kind, creator, MigrationState::Moved(redirect), entry.epoch)
    }

    pub(crate) fn refuse(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        name_after: NameAfter,
        (role, peer): (MoveRole, &str),
    ) -> Result<(), GraphError> {
        let decided = self.decided(name, move_id)?.map(|record| record.outcome);
        if matches!(decided, Some(MoveOutcome::Departed | MoveOutcome::Admitted)) {
            return Ok(());
        }
        let entry = self.working(name).map(|working| working.entry.clone());
        match entry.as_ref().and_then(|entry| entry.migration_state.as_ref()) {
            Some(MigrationState::Arriving { move_id: here, before, .. }) if here == move_id => {
                if role == MoveRole::Source {
                    let detail = format!("it arrives here by move {move_id}: this is its destination");
                    return Err(GraphError::conflict(name, detail));
                }
                let sent_back = (decided.is_some() && name_after == NameAfter::SentBack).then(|| Redirect {
                    move_id: move_id.to_owned(),
                    to: peer.to_owned(),
                    dropped: true,
                });
                if name_after != NameAfter::Held {
                    self.drop_copy(name, before.clone().or(sent_back))?;
                }
            }
            Some(_) | None => self.unfence(name, move_id),
        }
        if decided.is_some() {
            return Ok(());
        }
        self.decide(move_id, name, Decision { role, outcome: MoveOutcome::Refused, peer });
        Ok(())
    }

    /// Removes an arriving graph, leaving what was there before.
    fn drop_copy(&mut self, name: &Arc<str>, before: Option<Redirect>) -> Result<(), GraphError> {
        let Some(entry) = self.working(name).map(|working| working.entry.clone()) else { return Ok(()) };
        self.remove(name, GraphId(entry.id));
        let Some(redirect) = before else { return self.leave_commons(name, entry.epoch) };
        self.insert_empty(name, entry.kind, Creator::default(), MigrationState::Moved(redirect), entry.epoch)
    }

    pub(crate) fn come_back(&mut self, name: &Arc<str>, move_id: &str) -> Result<(), GraphError> {
        match self.decided(name, move_id)?.map(|record| (record.outcome, record.peer)) {
            Some((MoveOutcome::Refused, _)) => Ok(()),
            Some((MoveOutcome::Departed, to)) => {
                let epoch = self.kept(name, move_id)?.entry.epoch;
                self.unfence(name, move_id);
                self.set_migration_state(name, None, epoch + 1)?;
                let (role, outcome) = (MoveRole::Source, MoveOutcome::Refused);
                self.decide(move_id, name, Decision { role, outcome, peer: &to });
                Ok(())
            }
            Some((MoveOutcome::Admitted, _)) => Err(arrived_by(name, move_id)),
            None => Err(GraphError::conflict(name, format!("it has not left by move {move_id}"))),
        }
    }

    pub(crate) fn forget(&mut self, name: &Arc<str>) -> Result<(), GraphError> {
        let Some(entry) = self.working(name).map(|working| working.entry.clone()) else { return Ok(()) };
        match entry.migration_state {
            Some(MigrationState::Moved(redirect)) if redirect.dropped => {
                self.remove(name, GraphId(entry.id));
                self.leave_commons(name, 0)
            }
            Some(migration_state) if migration_state.is_restore() => {
                self.refuse(name, migration_state.move_id(), NameAfter::Free, (MoveRole::Destination, ""))
            }
            Some(migration_state) => Err(GraphError::unfinished(name, migration_state.move_id())),
            None => Err(GraphError::conflict(name, "it is served here: there is no signpost".into())),
        }
    }
}
