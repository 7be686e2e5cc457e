//! Quarantine: damaged records cost the graphs that they belong to their writes, and no other graph anything.

use std::sync::Arc;

use crate::{
    error::{Result, StoreError},
    graph::{catalog::graph::Graph, error::GraphError, store::GraphStore},
    keys,
    scrub::DamagedPart,
    space::Space,
    store::{KeyRange, ScanOptions},
};

impl GraphStore {
    /// Turns an error of the store into one of the graph it struck, and quarantines that graph on damage.
    pub fn quarantine_if_corrupt(&self, graph: &str, error: StoreError) -> GraphError {
        if !error.is_corruption() {
            return GraphError::Store(error);
        }
        if let Some(damaged) = self.lookup(graph) {
            damaged.quarantine(&error.to_string());
        }
        GraphError::Corrupt { graph: graph.to_owned(), error }
    }

    /// [`GraphStore::quarantine_if_corrupt`] for an error that may be one of the store.
    pub(crate) fn quarantine_for(&self, graph: &str, error: GraphError) -> GraphError {
        if let GraphError::Store(error) = error {
            return self.quarantine_if_corrupt(graph, error);
        }
        error
    }

    /// The quarantined graphs, by name; those that are not served here too.
    pub fn quarantined(&self) -> Vec<Arc<Graph>> {
        let catalog = self.catalog.read();
        let mut damaged: Vec<_> =
            catalog.values().filter(|graph| graph.quarantined().is_some()).cloned().collect();
        damaged.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        damaged
    }

    /// Notes that a part of a table is damaged, and quarantines the graphs whose records cannot be read for it. Returns
    /// their names. A graph whose records are also in a cache goes on until they are read from the disk.
    pub fn contain(&self, part: &DamagedPart) -> Vec<String> {
        self.store().note_damage(&part.error);
        if !Space::OF_GRAPHS.contains(&part.space) {
            return Vec::new();
        }
        let first = keys::graph_of(&part.keys.start);
        let last = part.keys.end.as_deref().and_then(keys::graph_of);
        let graphs: Vec<Arc<Graph>> = self
            .catalog
            .read()
            .values()
            .filter(|graph| first.is_none_or(|first| first <= graph.id()))
            .filter(|graph| last.is_none_or(|last| graph.id() <= last))
            .cloned()
            .collect();
        let mut struck: Vec<_> = graphs
            .into_iter()
            .filter(|graph| self.is_struck(graph, part))
            .map(|graph| graph.name().to_string())
            .collect();
        struck.sort_unstable();
        struck
    }

    /// Whether the records of `graph` between the keys of `part` cannot be read; it is quarantined then.
    fn is_struck(&self, graph: &Graph, part: &DamagedPart) -> bool {
        let KeyRange { start, end, .. } = keys::graph(graph.id());
        let keys = KeyRange {
            start: start.max(part.keys.start.clone()),
            end: match (end, part.keys.end.clone()) {
                (Some(own), Some(others)) => Some(own.min(others)),
                (own, others) => own.or(others),
            },
        };
        if keys.end.as_ref().is_some_and(|end| *end <= keys.start) {
            return false;
        }
        let read = || -> Result<()> {
            let mut cursor = self.store().scan(part.space, keys, ScanOptions::SWEEP)?;
            while cursor.next()?.is_some() {}
            Ok(())
        };
        match read() {
            Err(error) if error.is_corruption() => {
                graph.quarantine(&error.to_string());
                true
            }
            Ok(()) | Err(_) => false,
        }
    }
}
