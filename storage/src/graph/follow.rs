//! Following a store that another process writes: what is in memory of its graphs is brought up to a newer state.

use std::{collections::HashSet, sync::Arc};

use crate::{
    error::Result,
    graph::{
        catalog::{
            counters::GraphCounters,
            entry::CatalogEntry,
            graph::{Graph, Published, Versions},
        },
        store::{GraphStore, stored_catalog},
        write::{commit::Committing, transaction::Publish},
    },
    keys::GraphId,
    store::Read,
};

impl GraphStore {
    /// Goes on to a newer state of the store, for one that takes no writes. `newer` reads that state; `publish` makes it the one that all
    /// reads are of from then on, and is told the graphs whose records need not be there any more though somebody may hold them. Reads the
    /// whole catalog; blocks. Returns how many graphs have changed.
    ///
    /// What is kept of a graph that has changed counts as changed altogether ([`Graph::versions`]): the state does not tell what was.
    ///
    /// # Errors
    /// The store fails, or the catalog is damaged. Nothing is published then.
    pub fn follow(&self, newer: &dyn Read, publish: impl FnOnce(&[Arc<Graph>])) -> Result<usize> {
        let (changes, gone) = self.changes_to(newer)?;
        // Nobody commits here. Who looks at several graphs in one state may wait for this.
        let _one_at_a_time = self.hold_commits();
        let committing = Committing::begin(&changes);
        publish(&gone);
        let changed = changes.len();
        self.publish(changes);
        drop(committing);
        Ok(changed)
    }

    /// What is to be published, and the graphs that are gone.
    #[expect(clippy::type_complexity, reason = "two lists that one caller takes apart")]
    fn changes_to(&self, newer: &dyn Read) -> Result<(Vec<(Arc<str>, Publish)>, Vec<Arc<Graph>>)> {
        let stored = stored_catalog(newer)?;
        let ids: HashSet<GraphId> = stored.values().map(|(entry, _)| GraphId(entry.id)).collect();
        let known: Vec<_> = self.catalog.read().values().cloned().collect();
        let gone = known.iter().filter(|graph| !ids.contains(&graph.id())).cloned().collect();
        let nameless = known.iter().filter(|graph| !stored.contains_key(graph.name()));
        let mut changes: Vec<_> = nameless.map(|graph| (Arc::clone(graph.name()), Publish::Gone)).collect();
        for (name, (entry, counters)) in stored {
            let same = self.lookup(&name).filter(|graph| is_of(graph, &entry));
            let change = match same {
                Some(graph) => change_of(graph, entry, counters),
                None => Some(Publish::Graph(Graph::stored(&name, entry, counters))),
            };
            changes.extend(change.map(|change| (name, change)));
        }
        Ok((changes, gone))
    }
}

/// Whether these are the records of the graph, whatever has changed in them.
fn is_of(graph: &Graph, entry: &CatalogEntry) -> bool {
    graph.id() == GraphId(entry.id)
        && graph.kind() == entry.kind
        && graph.tenant() == entry.tenant.as_deref()
        && graph.created_ms() == entry.created_ms
}

fn change_of(graph: Arc<Graph>, entry: CatalogEntry, counters: Option<GraphCounters>) -> Option<Publish> {
    let Some(counters) = counters else {
        graph.quarantine("its counters are missing");
        return None;
    };
    let Published { counters: before, versions, .. } = graph.published();
    let versions =
        if counters.sequence == before.sequence { versions } else { Versions::at(counters.sequence) };
    if graph.entry() != entry {
        return Some(Publish::Entry(graph, Box::new(entry), counters, versions));
    }
    (counters != before).then_some(Publish::State(graph, counters, versions))
}
