//! Lists of graphs: all of them, pages by name, and the newest change of each.

use std::sync::Arc;

use crate::{
    error::{Result, StoreError},
    graph::{
        catalog::{counters::GraphCounters, graph::Graph},
        error::GraphError,
        ledger::{reader::record_digest, record::LedgerRecord},
        read::reader::GraphReader,
        store::GraphStore,
    },
    keys,
    space::Space,
};

impl GraphStore {
    /// All graphs that are served here, oldest first.
    pub fn graphs(&self) -> Vec<Arc<Graph>> {
        self.graphs_where(Graph::is_served)
    }

    /// The graphs that arrive and the redirects of those that moved, oldest first.
    pub fn migrating_graphs(&self) -> Vec<Arc<Graph>> {
        self.graphs_where(|graph| !graph.is_served())
    }

    fn graphs_where(&self, keep: impl Fn(&Graph) -> bool) -> Vec<Arc<Graph>> {
        let mut graphs: Vec<_> = self.catalog.read().values().filter(|graph| keep(graph)).cloned().collect();
        graphs.sort_by_key(|graph| (graph.created_ms(), graph.id()));
        graphs
    }

    /// Number of graphs that are served here.
    pub fn graph_count(&self) -> usize {
        self.catalog.read().values().filter(|graph| graph.is_served()).count()
    }

    /// The graphs that are served here and were brought by a move, oldest first.
    pub fn graphs_that_arrived(&self) -> Vec<Arc<Graph>> {
        let mut graphs = self.graphs();
        graphs.retain(|graph| graph.arrived().is_some());
        graphs
    }

    /// Up to `limit` names behind the name `after`, from the first one without it; those that no move, hand-over or restore
    /// has touched only with `all`. Does not block on disk.
    pub fn entries(&self, after: Option<&str>, limit: usize, all: bool) -> Entries {
        self.page(after, limit, |graph| all || graph.has_moved())
    }

    /// The names behind `after` that are wanted, up to `limit` of them.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize, wanted: impl Fn(&Graph) -> bool) -> Entries {
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
        let view = self.read_view();
        let sequence = GraphReader::new(&*view, graph).counters()?.sequence;
        let record = view.get(Space::Ledger, &keys::ledger(graph.id(), sequence))?;
        record.map(|record| LedgerRecord::decode(&record).map(|(_, time)| time)).transpose()
    }

    /// A time of this store's clock, Unix milliseconds, before which no change is under way any more: those with an earlier
    /// time are committed and visible. Waits for the group that is being committed.
    pub fn settled_ms(&self) -> u64 {
        // Changes get their times while a group holds this.
        let _between_groups = self.hold_commits();
        self.clock.unix_ms()
    }

    /// The heads of up to `limit` graphs that are served, by name, behind the name `after`; from the first one without it.
    /// A graph whose newest record is damaged is quarantined and comes without its digest.
    ///
    /// # Errors
    /// The store fails.
    pub fn heads(&self, after: Option<&str>, limit: usize) -> Result<Heads, GraphError> {
        let settled_ms = self.settled_ms();
        let Entries { graphs, more } = self.page(after, limit, Graph::is_served);
        let view = self.read_view();
        let mut heads = Vec::with_capacity(graphs.len());
        for graph in graphs {
            let counters = match GraphReader::new(&*view, &graph).counters() {
                Ok(counters) => counters,
                Err(error) => self.damaged_state(&graph, error)?,
            };
            let digest = match record_digest(&*view, &graph, counters.sequence) {
                Ok(digest) => digest,
                Err(error) => {
                    self.damaged_state(&graph, error)?;
                    None
                }
            };
            heads.push(Head { graph, counters, digest });
        }
        Ok(Heads { settled_ms, graphs: heads, more })
    }

    /// Quarantines the graph when `error` is damage, and gives the counters in memory.
    fn damaged_state(&self, graph: &Graph, error: StoreError) -> Result<GraphCounters, GraphError> {
        if !error.is_corruption() {
            return Err(error.into());
        }
        let _ = self.quarantine_if_corrupt(graph.name(), error);
        Ok(graph.counters())
    }
}

/// Some names, in their order.
#[derive(Debug, Clone)]
pub struct Entries {
    /// The graphs, arrivals and redirects.
    pub graphs: Vec<Arc<Graph>>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

/// A graph and its newest change.
#[derive(Debug, Clone)]
pub struct Head {
    /// The graph.
    pub graph: Arc<Graph>,
    /// Its counters in the view of the page.
    pub counters: GraphCounters,
    /// SHA-256 of the ledger record of its newest change; none when the ledger does not have it.
    pub digest: Option<[u8; 32]>,
}

/// Some of the graphs that are served, by name.
#[derive(Debug, Clone)]
pub struct Heads {
    /// Unix milliseconds of this store's clock: every change with an earlier time, so far, is in the page. Where the clock is
    /// set back this one stands still, until the next start.
    pub settled_ms: u64,
    /// The graphs, by name, in one view.
    pub graphs: Vec<Head>,
    /// Whether there are graphs behind the last one.
    pub more: bool,
}
