//! Which state a read sees: the newest one, one view of a graph, one view of several graphs.

use std::sync::Arc;

use crate::{
    error::Result,
    graph::{
        catalog::{
            counters::GraphCounters,
            entry::CatalogEntry,
            graph::{Graph, Published, Versions},
        },
        error::GraphError,
        read::reader::GraphReader,
        store::GraphStore,
    },
    keys::{self, GraphId},
    space::Space,
    store::Read,
};

/// Attempts to find the catalog and a view in agreement before commits are held back for it.
const ATTEMPTS: usize = 8;

/// Graphs by name and the one state that they are read in.
pub struct Together<'s> {
    /// What [`GraphStore::graph`] says of each name, in the order asked for.
    pub graphs: Vec<Result<Arc<Graph>, GraphError>>,
    /// For [`GraphReader::new`].
    pub view: Box<dyn Read + 's>,
}

impl GraphStore {
    /// Reads of the newest committed state, each call for itself: for one record. What needs several takes
    /// [`GraphStore::read_view`].
    pub fn latest<'a>(&'a self, graph: &'a Graph) -> GraphReader<'a> {
        GraphReader::new(self.store(), graph)
    }

    /// A consistent view for [`GraphReader::new`]. Get the graph first, then the view: a graph that is cleared, replaced or
    /// deleted in between is read as it was just before.
    pub fn read_view(&self) -> Box<dyn Read + '_> {
        self.store().read_view()
    }

    /// Counters and versions of the newest state that reads can see, which may be ahead of `Graph::counters` while a commit
    /// is being published. Waits for that, which takes microseconds; asks the store only while a commit of this graph runs.
    pub fn newest(&self, graph: &Graph) -> Result<(GraphCounters, Versions)> {
        loop {
            let Published { counters, versions, committing } = graph.published();
            // While the store says the same, nobody has seen anything newer.
            if !committing || self.latest(graph).counters()? == counters {
                return Ok((counters, versions));
            }
            std::thread::yield_now();
        }
    }

    /// Several graphs in one state: each name belongs to its graph, or to none, in that very state. Blocks on disk.
    ///
    /// # Errors
    /// Those of the store. That a graph is missing is told beside the others.
    pub fn together(&self, names: &[&str]) -> Result<Together<'_>> {
        for _ in 0..ATTEMPTS {
            if let Some(together) = self.try_together(names)? {
                return Ok(together);
            }
            std::thread::yield_now();
        }
        let _one_at_a_time = self.hold_commits();
        let graphs = names.iter().map(|name| self.graph(name)).collect();
        Ok(Together { graphs, view: self.read_view() })
    }

    fn try_together(&self, names: &[&str]) -> Result<Option<Together<'_>>> {
        let found: Vec<_> = names.iter().map(|name| self.graph_in_any_state(name).ok()).collect();
        let view = self.read_view();
        for (name, found) in names.iter().zip(&found) {
            let entry = view.get(Space::Catalog, &keys::name(name))?;
            let entry = entry.map(|bytes| CatalogEntry::decode(name, &bytes)).transpose()?;
            if entry.map(|entry| GraphId(entry.id)) != found.as_ref().map(|graph| graph.id()) {
                return Ok(None);
            }
        }
        let served = |(name, found): (&&str, Option<Arc<Graph>>)| {
            let graph = found.ok_or_else(|| GraphError::GraphNotFound((*name).to_owned()))?;
            graph.served()?;
            Ok(graph)
        };
        let graphs = names.iter().zip(found).map(served).collect();
        Ok(Some(Together { graphs, view }))
    }
}
