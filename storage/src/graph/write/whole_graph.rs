//! Mutations of whole graphs: create, delete, clear, replace, install.

use std::sync::Arc;

use crate::{
    graph::{
        catalog::{
            counters::GraphCounters,
            creation::Asking,
            entry::{COMMONS, GraphType},
        },
        error::GraphError,
        ledger::record::LedgerRecord,
        load::loaded::LoadedGraph,
        write::{catalog_changes::Creator, transaction::Transaction},
    },
    keys::GraphId,
    limits,
};

impl Transaction<'_> {
    pub(crate) fn create(
        &mut self,
        name: &Arc<str>,
        kind: GraphType,
        owner: Option<&str>,
        tenant: Option<&str>,
    ) -> Result<(), GraphError> {
        if self.working(name).is_some() {
            // It is on every store, wherever its content is.
            if **name == *COMMONS {
                return Err(GraphError::GraphExists(name.to_string()));
            }
            self.existing(name)?;
            self.check_tenant(name, tenant)?;
            return Err(GraphError::GraphExists(name.to_string()));
        }
        self.check_creation(name, Asking::Client)?;
        owner.iter().try_for_each(|owner| limits::check_name("agent_id", owner))?;
        tenant.iter().try_for_each(|tenant| limits::check_name("tenant", tenant))?;
        self.has_room(name, tenant, owner, &GraphCounters::default())?;
        let id = self.allocate_id();
        let (owner, tenant) = (owner.map(str::to_owned), tenant.map(str::to_owned));
        let creator = Creator { owner, tenant, ..Creator::default() };
        self.insert(name, id, kind, creator, GraphCounters::default());
        self.has_change_at(name, 0);
        self.edit(name)?.log_beginning(&LedgerRecord::Created);
        Ok(())
    }

    pub(crate) fn delete(&mut self, name: &Arc<str>) -> Result<(), GraphError> {
        if **name == *COMMONS {
            return Err(GraphError::CannotDeleteCommons);
        }
        let id = GraphId(self.unfenced(name)?.entry.id);
        self.remove(name, id);
        Ok(())
    }

    pub(crate) fn clear(&mut self, name: &Arc<str>) -> Result<(), GraphError> {
        let sequence = self.edit(name)?.working.counters.sequence;
        let id = self.allocate_id();
        self.swap(name, id, GraphCounters { sequence, ..GraphCounters::default() })?;
        self.edit(name)?.log_beginning(&LedgerRecord::Cleared);
        Ok(())
    }

    /// Gives the graph another owner. One that it has already is no change.
    pub(crate) fn set_owner(&mut self, name: &Arc<str>, owner: &str) -> Result<(), GraphError> {
        limits::check_name("agent_id", owner)?;
        let mut edit = self.edit_upkeep(name)?;
        if edit.working.entry.owner.as_deref().unwrap_or_default() != owner {
            edit.set_owner(owner);
            self.put_entry(name);
        }
        Ok(())
    }

    /// Puts loaded records in place of those of a graph that is there.
    pub(crate) fn replace(&mut self, name: &Arc<str>, loaded: &LoadedGraph) -> Result<(), GraphError> {
        let (id, records, counters) = loaded.parts();
        let edit = self.edit(name)?;
        edit.room.as_ref().map_or(Ok(()), |room| room.check_graph(&counters))?;
        let old = edit.working.counters.sequence;
        self.persist_next_id();
        self.swap(name, id, GraphCounters { sequence: counters.sequence.max(old), ..counters })?;
        self.overlay.append(records);
        self.has_change_at(name, loaded.newest_ms());
        self.edit(name)?.log_beginning(&LedgerRecord::Replaced);
        Ok(())
    }

    /// Makes loaded records a graph, in place of one that is there only with `replace`.
    pub(crate) fn install(
        &mut self,
        name: &Arc<str>,
        loaded: &LoadedGraph,
        kind: GraphType,
        owner: Option<&str>,
        replace: bool,
    ) -> Result<(), GraphError> {
        let doomed = self.working(name).map(|working| (working.entry.clone(), working.counters.sequence));
        if doomed.is_some() && !replace && !self.has_empty_commons(name) {
            self.existing(name)?;
            return Err(GraphError::GraphExists(name.to_string()));
        }
        let tenant = match doomed {
            Some(_) => {
                self.unfenced(name)?;
                self.may_fill_commons(name, Asking::Import)?;
                self.check_tenant(name, loaded.tenant())?
            }
            None => {
                self.check_creation(name, Asking::Import)?;
                loaded.tenant().map(str::to_owned)
            }
        };
        let (id, records, mut counters) = loaded.parts();
        self.has_room(name, tenant.as_deref(), owner, &counters)?;
        self.persist_next_id();
        if let Some((doomed, sequence)) = &doomed {
            self.remove(name, GraphId(doomed.id));
            counters.sequence = counters.sequence.max(*sequence);
        }
        let kind = if **name == *COMMONS { GraphType::Commons } else { kind };
        let kept = doomed.as_ref().and_then(|(doomed, _)| doomed.ledger_keep);
        let ledger_keep = loaded.ledger_keep().or(kept);
        let creator = Creator { owner: owner.map(str::to_owned), tenant, ledger_keep };
        self.insert(name, id, kind, creator, counters);
        self.overlay.append(records);
        self.has_change_at(name, loaded.newest_ms());
        if let Some((doomed, _)) = doomed {
            self.keep_tenure(name, doomed.arrived, doomed.epoch)?;
            self.edit(name)?.log_beginning(&LedgerRecord::Replaced);
        }
        Ok(())
    }
}
