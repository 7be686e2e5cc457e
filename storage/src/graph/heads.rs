//! The newest change of each graph, page by page: by it somebody who knows a graph sees whether it has changed, without
//! asking for each one.

use std::sync::Arc;

use super::{
    Entries, Graph, GraphReader, GraphState, changes::record_digest, error::GraphError, store::GraphStore,
};
use crate::error::StoreError;

/// A graph and its newest change.
#[derive(Debug, Clone)]
pub struct Head {
    /// The graph.
    pub graph: Arc<Graph>,
    /// Its counters in the view of the page.
    pub state: GraphState,
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

impl GraphStore {
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
        let view = self.view();
        let mut heads = Vec::with_capacity(graphs.len());
        for graph in graphs {
            let state = match GraphReader::new(&*view, &graph).state() {
                Ok(state) => state,
                Err(error) => self.damaged_state(&graph, error)?,
            };
            let digest = match record_digest(&*view, &graph, state.sequence) {
                Ok(digest) => digest,
                Err(error) => {
                    self.damaged_state(&graph, error)?;
                    None
                }
            };
            heads.push(Head { graph, state, digest });
        }
        Ok(Heads { settled_ms, graphs: heads, more })
    }

    /// Quarantines the graph when `error` is damage, and gives the counters in memory.
    fn damaged_state(&self, graph: &Graph, error: StoreError) -> Result<GraphState, GraphError> {
        if !error.is_corruption() {
            return Err(error.into());
        }
        let _ = self.damage(graph.name(), error);
        Ok(graph.state())
    }
}
