//! Working copy of a graph inside the running commit group.

use std::sync::Arc;

use crate::graph::{
    catalog::{
        counters::GraphCounters,
        entry::{COMMONS, CatalogEntry},
        graph::{Graph, Versions},
        tenant::tenant_of,
    },
    error::GraphError,
    reclaim::emptied::Removal,
};

/// Working copy of a graph inside the running commit group.
pub(crate) struct WorkingGraph {
    pub(crate) entry: CatalogEntry,
    pub(crate) counters: GraphCounters,
    pub(crate) versions: Versions,
    /// The published graph of the same id, if any.
    pub(crate) base: Option<Arc<Graph>>,
    pub(crate) changed: bool,
    /// The migration state changed.
    pub(crate) state_changed: bool,
    /// The time of its newest change, once that was looked up.
    pub(crate) newest_ms: Option<u64>,
    /// Records of its ledger were removed.
    pub(crate) ledger_cut: Option<Removal>,
}

impl WorkingGraph {
    /// Whose the graph of this name is.
    pub(crate) fn tenant<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        tenant_of(self.entry.tenant.as_deref(), name, self.entry.owner.as_deref())
    }

    /// [`Graph::is_empty_commons`], as the group sees it.
    pub(crate) fn is_empty_commons(&self, name: &str) -> bool {
        let is_sound = self.base.as_ref().is_none_or(|graph| graph.quarantined().is_none());
        let is_empty = self.counters.nodes == 0 && self.counters.edges == 0 && is_sound;
        name == COMMONS && self.entry.migration_state.is_none() && is_empty
    }

    /// Refuses a graph with damaged records.
    pub(crate) fn ensure_not_quarantined(&self, name: &str) -> Result<(), GraphError> {
        match self.base.as_ref().and_then(|graph| graph.quarantined()) {
            Some(reason) => {
                Err(GraphError::Quarantined { graph: name.to_owned(), reason: reason.to_owned() })
            }
            None => Ok(()),
        }
    }

    /// Fails unless it is the copy that a step means.
    pub(crate) fn is_copy(&self, name: &str, copy: Option<u64>) -> Result<(), GraphError> {
        if copy.is_none_or(|copy| copy == self.entry.id) {
            return Ok(());
        }
        Err(GraphError::overtaken(name, "the copy was filled anew since".into()))
    }
}
