//! Ledgers that are damaged begin anew behind the damage.

use serde::Serialize;

use super::{
    catalog::Graph,
    error::GraphError,
    ledger_run::{self, Run},
    state::GraphState,
    store::GraphStore,
};
use crate::{
    batch::WriteBatch,
    error::{Result, StoreError},
    keys,
    space::Space,
    store::Durability,
};

/// A ledger that begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestartedLedger {
    /// Name of the graph.
    pub graph: String,
    /// What is wrong with the older records.
    pub reason: String,
    /// The first change that it told.
    pub complete_from: u64,
    /// The first change that it tells now; one behind the newest when it tells none.
    pub restarted_at: u64,
    /// Number of the graph's newest change.
    pub sequence: u64,
}

impl GraphStore {
    /// Gives up the part of each ledger that is damaged, and what is older: it is complete from the first record behind
    /// the damage then. Nodes, edges and embeddings are not touched. Of all graphs, whether they are served here or not.
    /// Durable on return, graph by graph; with `dry_run` only tells what it would do. Reads every ledger; blocks. Nobody
    /// else may use the store meanwhile, and the graphs have to be opened again to see it.
    ///
    /// `progress` is told the graphs looked at.
    ///
    /// # Errors
    /// As [`crate::Store::commit`]; [`StoreError::Corrupt`] when a ledger cannot be read even then: damage that graphs
    /// share with it is in the way.
    pub fn restart_ledgers(
        &self,
        dry_run: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Vec<RestartedLedger>, GraphError> {
        let mut restarted = Vec::new();
        let graphs = [self.graphs(), self.graphs_on_the_move()].concat();
        for (number, graph) in graphs.iter().enumerate() {
            progress(number as u64);
            let Some((state, run)) = self.broken_ledger(graph)? else { continue };
            if !dry_run {
                self.cut_ledger(graph, &state, &run)?;
            }
            restarted.push(RestartedLedger {
                graph: graph.name().to_string(),
                reason: run.broken.unwrap_or_default(),
                complete_from: state.complete_from,
                restarted_at: run.first,
                sequence: state.sequence,
            });
        }
        if !dry_run {
            for graph in
                graphs.iter().filter(|graph| restarted.iter().any(|done| done.graph == **graph.name()))
            {
                self.latest(graph).for_each_ledger(0, |_, _| Ok(()))?;
            }
        }
        Ok(restarted)
    }

    /// The counters of a graph and the sound part of its ledger, unless that is all.
    fn broken_ledger(&self, graph: &Graph) -> Result<Option<(GraphState, Run)>> {
        let state = match self.latest(graph).state() {
            Ok(state) => state,
            // Counters are repaired first.
            Err(StoreError::Corrupt { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let run = ledger_run::readable(self.store(), graph.id(), &state)?;
        Ok(run.broken.is_some().then_some((state, run)))
    }

    fn cut_ledger(&self, graph: &Graph, state: &GraphState, run: &Run) -> Result<()> {
        // With no record left nothing is left of the last block, which the next graph may share.
        let removed = match run.first > state.sequence {
            true => keys::graph(graph.id()),
            false => keys::ledger_before(graph.id(), run.first),
        };
        let mut batch = WriteBatch::new();
        if let Some(end) = removed.end {
            batch.delete_range(Space::Ledger, removed.start, end);
        }
        let state = GraphState { complete_from: run.first, ledger_lines: run.lines, ..*state };
        batch.put(Space::Catalog, keys::state(graph.id()), state.encode());
        self.store().commit(batch, Durability::Sync)
    }
}
