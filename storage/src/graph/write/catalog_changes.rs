//! Changes of the catalog inside a commit group: names, ids, migration states.

use std::sync::Arc;

use crate::{
    graph::{
        catalog::{
            counters::GraphState,
            entry::{CatalogEntry, GraphType},
            graph::{Graph, Versions},
            migration_state::Standing,
        },
        error::GraphError,
        ledger::retention::LedgerKeep,
        reclaim::emptied::Retired,
        write::{
            transaction::{Publish, Transaction},
            working_graph::Live,
        },
    },
    keys::{self, GraphId},
    space::Space,
};

/// Whose a new graph is, and how much of its ledger it keeps.
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
        state: GraphState,
    ) {
        let created_ms = self.now_ms;
        let (standing, arrived, epoch) = (None, None, 0);
        let entry =
            CatalogEntry { id: id.0, kind, owner, tenant, created_ms, standing, arrived, epoch, ledger_keep };
        self.overlay.put(Space::Catalog, &keys::name(name), &entry.encode());
        let versions = Versions::at(state.sequence);
        let (base, newest_ms, ledger_cut) = (None, None, None);
        let live = Live { entry, state, versions, base, changed: true, restood: true, newest_ms, ledger_cut };
        self.graphs.insert(Arc::clone(name), Some(live));
    }

    /// Gives the graph a standing and an ownership term.
    pub(crate) fn stand(
        &mut self,
        name: &Arc<str>,
        standing: Option<Standing>,
        epoch: u64,
    ) -> Result<(), GraphError> {
        let live = self.live(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        (live.entry.standing, live.entry.epoch) = (standing, epoch);
        (live.changed, live.restood) = (true, true);
        let entry = live.entry.encode();
        self.overlay.put(Space::Catalog, &keys::name(name), &entry);
        Ok(())
    }

    /// Other records under the name do not change whose it is: the new entry goes on with what the old one had.
    pub(crate) fn keep_tenure(
        &mut self,
        name: &Arc<str>,
        arrived: Option<String>,
        epoch: u64,
    ) -> Result<(), GraphError> {
        if let Some(live) = self.live(name) {
            live.entry.arrived = arrived;
        }
        self.stand(name, None, epoch)
    }

    /// Takes the name out of the catalog; the records stay, for another name.
    pub(crate) fn take_out(&mut self, name: &Arc<str>) -> Result<Live, GraphError> {
        self.live(name);
        let live = self.graphs.insert(Arc::clone(name), None).flatten();
        self.overlay.delete(Space::Catalog, &keys::name(name));
        live.ok_or_else(|| GraphError::GraphNotFound(name.to_string()))
    }

    /// Takes the graph out of the catalog.
    pub(crate) fn remove(&mut self, name: &Arc<str>, id: GraphId) {
        self.overlay.delete(Space::Catalog, &keys::name(name));
        match self.graphs.insert(Arc::clone(name), None).flatten() {
            Some(Live { base, state, versions, .. }) => self.retire(name, id, base, state, versions),
            None => self.retire(name, id, None, GraphState::default(), Versions::at(0)),
        }
    }

    /// Puts the records of `id` in place of the graph's own.
    pub(crate) fn swap(&mut self, name: &Arc<str>, id: GraphId, state: GraphState) -> Result<(), GraphError> {
        let live = self.edit(name)?.live;
        let old = GraphId(live.entry.id);
        let (readers, last_state, versions) = (live.base.take(), live.state, live.versions);
        live.entry.id = id.0;
        live.state = state;
        let entry = live.entry.encode();
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
        state: GraphState,
        versions: Versions,
    ) {
        self.overlay.put(Space::Catalog, &keys::state(id), &state.encode());
        self.overlay.put(Space::Catalog, &keys::reclaim(id), &[]);
        if let Some(graph) = &readers {
            self.last_states.push((Arc::clone(name), Publish::State(Arc::clone(graph), state, versions)));
        }
        self.retired.push(Retired { id, readers });
    }
}
