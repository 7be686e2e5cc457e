//! Changes of the catalog inside a commit group: names, ids, migration states.

use std::sync::Arc;

use crate::{
    graph::{
        catalog::{
            counters::GraphCounters,
            entry::{CatalogEntry, GraphType},
            graph::{Graph, Versions},
            migration_state::MigrationState,
        },
        error::GraphError,
        ledger::retention::LedgerKeep,
        reclaim::emptied::Retired,
        write::{
            transaction::{Publish, Transaction},
            working_graph::WorkingGraph,
        },
    },
    keys::{self, GraphId},
    space::Space,
};

/// Owner and tenant of a new graph, and how much of its ledger it keeps.
#[derive(Default)]
pub(crate) struct Creator {
    pub(crate) owner: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) ledger_keep: Option<LedgerKeep>,
}

impl<'s> Transaction<'s> {
    pub(crate) fn insert(
        &mut self,
        name: &Arc<str>,
        id: GraphId,
        kind: GraphType,
        Creator { owner, tenant, ledger_keep }: Creator,
        counters: GraphCounters,
    ) {
        let created_ms = self.now_ms;
        let (migration_state, arrived, epoch) = (None, None, 0);
        let entry = CatalogEntry {
            id: id.0,
            kind,
            owner,
            tenant,
            created_ms,
            migration_state,
            arrived,
            epoch,
            ledger_keep,
        };
        self.overlay.put(Space::Catalog, &keys::name(name), &entry.encode());
        let versions = Versions::at(counters.sequence);
        let (base, newest_ms, ledger_cut) = (None, None, None);
        let working = WorkingGraph {
            entry,
            counters,
            versions,
            base,
            changed: true,
            state_changed: true,
            newest_ms,
            ledger_cut,
        };
        self.graphs.insert(Arc::clone(name), Some(working));
    }

    /// Sets the migration state and the ownership term of a graph.
    pub(crate) fn set_migration_state(
        &mut self,
        name: &Arc<str>,
        migration_state: Option<MigrationState>,
        epoch: u64,
    ) -> Result<(), GraphError> {
        let working = self.working(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        (working.entry.migration_state, working.entry.epoch) = (migration_state, epoch);
        self.put_entry(name);
        Ok(())
    }

    /// Writes the entry of a graph as it is in the group, if there is one.
    pub(crate) fn put_entry(&mut self, name: &Arc<str>) {
        let Some(working) = self.working(name) else { return };
        (working.changed, working.state_changed) = (true, true);
        let entry = working.entry.encode();
        self.overlay.put(Space::Catalog, &keys::name(name), &entry);
    }

    /// Other records under the name do not change whose it is: the new entry goes on with what the old one had.
    pub(crate) fn keep_tenure(
        &mut self,
        name: &Arc<str>,
        arrived: Option<String>,
        epoch: u64,
    ) -> Result<(), GraphError> {
        if let Some(working) = self.working(name) {
            working.entry.arrived = arrived;
        }
        self.set_migration_state(name, None, epoch)
    }

    /// Detaches the records from their name, which leaves the catalog: for another name.
    pub(crate) fn detach(&mut self, name: &Arc<str>) -> Result<WorkingGraph, GraphError> {
        self.working(name);
        let working = self.graphs.insert(Arc::clone(name), None).flatten();
        self.overlay.delete(Space::Catalog, &keys::name(name));
        working.ok_or_else(|| GraphError::GraphNotFound(name.to_string()))
    }

    /// Takes the graph out of the catalog.
    pub(crate) fn remove(&mut self, name: &Arc<str>, id: GraphId) {
        self.overlay.delete(Space::Catalog, &keys::name(name));
        match self.graphs.insert(Arc::clone(name), None).flatten() {
            Some(WorkingGraph { base, counters, versions, .. }) => {
                self.retire(name, id, base, counters, versions)
            }
            None => self.retire(name, id, None, GraphCounters::default(), Versions::at(0)),
        }
    }

    /// Puts the records of `id` in place of the graph's own.
    pub(crate) fn swap(
        &mut self,
        name: &Arc<str>,
        id: GraphId,
        counters: GraphCounters,
    ) -> Result<(), GraphError> {
        let working = self.edit(name)?.working;
        let old = GraphId(working.entry.id);
        let (readers, last_state, versions) = (working.base.take(), working.counters, working.versions);
        working.entry.id = id.0;
        working.counters = counters;
        let entry = working.entry.encode();
        self.overlay.put(Space::Catalog, &keys::name(name), &entry);
        self.retire(name, old, readers, last_state, versions);
        Ok(())
    }

    /// Gives up records, which stay with their counters for those who read them, until they are reclaimed.
    pub(crate) fn retire(
        &mut self,
        name: &Arc<str>,
        id: GraphId,
        readers: Option<Arc<Graph>>,
        counters: GraphCounters,
        versions: Versions,
    ) {
        self.overlay.put(Space::Catalog, &keys::state(id), &counters.encode());
        self.overlay.put(Space::Catalog, &keys::reclaim(id), &[]);
        if let Some(graph) = &readers {
            self.last_states.push((Arc::clone(name), Publish::State(Arc::clone(graph), counters, versions)));
        }
        self.retired.push(Retired { id, readers });
    }
}
