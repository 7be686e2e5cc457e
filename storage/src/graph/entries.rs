//! The names of a store whatever their standing, page by page: what stores compare to find names that two of them serve, or
//! none (docs/decisions/0025-one-owner.md).

use std::sync::Arc;

use super::{Graph, GraphReader, LedgerRecord, store::GraphStore};
use crate::{error::Result, keys, space::Space};

/// Some names, in their order.
#[derive(Debug, Clone)]
pub struct Entries {
    /// The graphs, arrivals and signposts.
    pub graphs: Vec<Arc<Graph>>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

impl GraphStore {
    /// Up to `limit` names behind the name `after`, from the first one without it; those that no move, hand-over or restore
    /// has touched only with `all`. Does not block on disk.
    pub fn entries(&self, after: Option<&str>, limit: usize, all: bool) -> Entries {
        self.page(after, limit, |graph| all || graph.has_moved())
    }

    /// The names behind `after` that are wanted, up to `limit` of them.
    pub(super) fn page(&self, after: Option<&str>, limit: usize, wanted: impl Fn(&Graph) -> bool) -> Entries {
        let behind = |graph: &&Arc<Graph>| after.is_none_or(|after| graph.name().as_ref() > after);
        let catalog = self.catalog.read();
        let mut graphs: Vec<_> =
            catalog.values().filter(behind).filter(|graph| wanted(graph)).cloned().collect();
        drop(catalog);
        let by_name = |one: &Arc<Graph>, other: &Arc<Graph>| one.name().cmp(other.name());
        let more = graphs.len() > limit;
        if more {
            graphs.select_nth_unstable_by(limit, by_name);
            graphs.truncate(limit);
        }
        graphs.sort_unstable_by(by_name);
        Entries { graphs, more }
    }

    /// Unix milliseconds of the newest change of a graph, where its ledger tells it.
    ///
    /// # Errors
    /// The store fails, or the records are damaged.
    pub fn changed_ms(&self, graph: &Graph) -> Result<Option<u64>> {
        let view = self.view();
        let sequence = GraphReader::new(&*view, graph).state()?.sequence;
        let record = view.get(Space::Ledger, &keys::ledger(graph.id(), sequence))?;
        record.map(|record| LedgerRecord::decode(&record).map(|(_, time)| time)).transpose()
    }
}
