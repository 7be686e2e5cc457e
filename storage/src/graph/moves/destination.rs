//! Steps of a move at its destination: reserve the name, take the copy, replay changes, serve.

use std::sync::Arc;

use crate::{
    graph::{
        catalog::{
            creation::Asking,
            entry::{CatalogEntry, GraphType},
            migration_state::{MigrationState, Origin, RESTORE},
        },
        error::GraphError,
        ledger::record::LedgerRecord,
        load::loaded::LoadedGraph,
        moves::{
            apply::{Agreed, kind_of},
            decisions::Decision,
            outcome::{MoveOutcome, MoveRole},
            step::Rename,
        },
        write::{catalog_changes::Creator, replay, transaction::Transaction},
    },
    keys::GraphId,
};

impl Transaction<'_> {
    pub(crate) fn arrive(&mut self, name: &Arc<str>, move_id: &str, from: &str) -> Result<(), GraphError> {
        match self.outcome(name, move_id)? {
            Some(MoveOutcome::Admitted) => return Ok(()),
            Some(MoveOutcome::Departed) => {
                return Err(GraphError::conflict(name, format!("it left here by move {move_id}")));
            }
            Some(MoveOutcome::Refused) | None => {}
        }
        // A name that begins like this is that of a copy that takes a graph's place; it is asked for when it is admitted.
        if move_id.starts_with(RESTORE) && !name.starts_with(RESTORE) {
            self.check_creation(name, Asking::Import)?;
        }
        let (mut before, mut epoch) = (None, 0);
        let is_empty_commons = self.has_empty_commons(name);
        if let Some(entry) = self.working(name).map(|working| working.entry.clone()) {
            match entry.migration_state {
                Some(MigrationState::Arriving { move_id: here, .. }) if here == move_id => return Ok(()),
                None if is_empty_commons => {
                    self.remove(name, GraphId(entry.id));
                    epoch = entry.epoch;
                }
                None => return Err(GraphError::GraphExists(name.to_string())),
                Some(MigrationState::Moved(redirect)) if redirect.dropped && redirect.move_id != move_id => {
                    self.remove(name, GraphId(entry.id));
                    (before, epoch) = (Some(redirect), entry.epoch);
                }
                Some(other) => return Err(GraphError::unfinished(name, other.move_id())),
            }
        }
        let (move_id, from) = (move_id.to_owned(), from.to_owned());
        let migration_state = MigrationState::Arriving { move_id, from, origin: None, before };
        self.insert_empty(name, GraphType::Agent, Creator::default(), migration_state, epoch)
    }

    pub(crate) fn fill(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        loaded: &LoadedGraph,
        (kind, owner): (GraphType, Option<String>),
        origin: Option<Origin>,
    ) -> Result<(), GraphError> {
        self.outcome(name, move_id)?;
        let working = self.arriving(name, move_id)?;
        let (old, epoch) = (GraphId(working.entry.id), working.entry.epoch);
        let Some(MigrationState::Arriving { move_id, from, before, .. }) =
            working.entry.migration_state.clone()
        else {
            return Ok(());
        };
        self.persist_next_id();
        let (id, records, counters) = loaded.parts();
        self.remove(name, old);
        let kind = kind_of(name, kind);
        let tenant = loaded.tenant().map(str::to_owned);
        let ledger_keep = loaded.ledger_keep();
        self.insert(name, id, kind, Creator { owner, tenant, ledger_keep }, counters);
        self.overlay.append(records);
        self.set_migration_state(
            name,
            Some(MigrationState::Arriving { move_id, from, origin, before }),
            epoch,
        )
    }

    pub(crate) fn replay(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        copy: Option<u64>,
        records: &[(u64, Vec<u8>)],
    ) -> Result<(), GraphError> {
        let outcome = self.outcome(name, move_id)?;
        let working = match outcome {
            Some(MoveOutcome::Departed) => self.kept(name, move_id)?,
            Some(MoveOutcome::Refused | MoveOutcome::Admitted) | None => self.arriving(name, move_id)?,
        };
        working.is_copy(name, copy)?;
        working.ensure_not_quarantined(name)?;
        let newest = working.counters.sequence;
        let behind = records.iter().skip_while(|(sequence, _)| *sequence <= newest);
        let behind = replay::decode(name, newest, behind)?;
        for (sequence, time, record) in behind {
            self.edit_at(name, time)?.replay(sequence, &record)?;
        }
        if self.working(name).is_some_and(|working| working.state_changed) {
            self.put_entry(name);
        }
        Ok(())
    }

    pub(crate) fn admit(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        agreed: &Agreed,
        rename: Option<&Rename>,
    ) -> Result<(), GraphError> {
        if self.outcome(name, move_id)? == Some(MoveOutcome::Admitted) {
            return Ok(());
        }
        let working = self.arriving(name, move_id)?;
        working.is_copy(name, agreed.copy)?;
        working.ensure_not_quarantined(name)?;
        let (expected, found) = (agreed.sequence, working.counters.sequence);
        if found != expected {
            return Err(GraphError::MovedOn { graph: name.to_string(), expected, found });
        }
        let from = match &working.entry.migration_state {
            Some(MigrationState::Arriving { from, .. }) => from.clone(),
            Some(MigrationState::Moved(_)) | None => String::new(),
        };
        let served = rename.map_or(name, |rename| &rename.name);
        match rename.filter(|rename| rename.name != *name) {
            Some(rename) => self.rename(name, rename)?,
            // Where a graph that moves goes is the operator's word; where one is restored is the rule's.
            None if move_id.starts_with(RESTORE) => self.check_creation(name, Asking::Import)?,
            None => {}
        }
        let working = self.working(served).ok_or_else(|| GraphError::GraphNotFound(served.to_string()))?;
        working.entry.arrived = Some(move_id.to_owned());
        let epoch = agreed.epoch.map_or(working.entry.epoch, |epoch| epoch.max(working.entry.epoch));
        self.set_migration_state(served, None, epoch)?;
        let (role, outcome) = (MoveRole::Destination, MoveOutcome::Admitted);
        self.decide(move_id, served, Decision { role, outcome, peer: &from });
        Ok(())
    }

    /// Serves the arriving graph `name` under another name, in place of the graph there.
    fn rename(&mut self, name: &Arc<str>, to: &Rename) -> Result<(), GraphError> {
        let own = self.working(name).and_then(|working| working.entry.tenant.clone());
        let doomed = self.working(&to.name).map(|working| (working.entry.clone(), working.counters.sequence));
        let replace = to.replace || self.has_empty_commons(&to.name);
        let tenant = match doomed {
            None => {
                self.check_creation(&to.name, Asking::Import)?;
                own
            }
            Some(_) if !replace => {
                self.existing(&to.name)?;
                return Err(GraphError::GraphExists(to.name.to_string()));
            }
            Some(_) => {
                self.unfenced(&to.name)?;
                self.may_fill_commons(&to.name, Asking::Import)?;
                self.check_tenant(&to.name, own.as_deref())?
            }
        };
        let working = self.detach(name)?;
        let CatalogEntry { id, kind, owner, ledger_keep, .. } = working.entry;
        let mut counters = working.counters;
        if let Some((doomed, sequence)) = &doomed {
            self.remove(&to.name, GraphId(doomed.id));
            counters.sequence = counters.sequence.max(*sequence);
        }
        let kind = kind_of(&to.name, kind);
        self.insert(&to.name, GraphId(id), kind, Creator { owner, tenant, ledger_keep }, counters);
        if let Some((doomed, _)) = doomed {
            self.keep_tenure(&to.name, doomed.arrived, doomed.epoch)?;
            self.edit(&to.name)?.log_beginning(&LedgerRecord::Replaced);
        }
        Ok(())
    }
}
