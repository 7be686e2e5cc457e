//! Restarts damaged ledgers: they begin anew after the damage.

use serde::Serialize;

use crate::{
    batch::WriteBatch,
    error::{Result, StoreError},
    graph::{
        catalog::{counters::GraphCounters, graph::Graph},
        error::GraphError,
        ledger::intact::{self, Run},
        store::GraphStore,
    },
    keys::{self, GraphId},
    space::Space,
    store::{Durability, KeyRange},
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
    /// One commit, durable on return; with `dry_run` only tells what it would do. Reads every ledger; blocks. Nobody
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
        let mut graphs = [self.graphs(), self.migrating_graphs()].concat();
        graphs.sort_by_key(|graph| graph.id());
        let (mut restarted, mut hurt, mut cut) = (Vec::new(), Vec::new(), Cut::default());
        for (number, graph) in graphs.iter().enumerate() {
            progress(number as u64);
            let Some((counters, run)) = self.broken_ledger(graph)? else {
                cut.pass();
                continue;
            };
            cut.add(graph.id(), &counters, &run);
            hurt.push(graph);
            restarted.push(RestartedLedger {
                graph: graph.name().to_string(),
                reason: run.broken.unwrap_or_default(),
                complete_from: counters.complete_from,
                restarted_at: run.first,
                sequence: counters.sequence,
            });
        }
        if !dry_run && !restarted.is_empty() {
            self.store().commit(cut.into_batch(), Durability::Sync)?;
            hurt.iter().try_for_each(|graph| self.latest(graph).check_ledger())?;
        }
        Ok(restarted)
    }

    /// The counters of a graph and the sound part of its ledger, unless that is all.
    fn broken_ledger(&self, graph: &Graph) -> Result<Option<(GraphCounters, Run)>> {
        let counters = match self.latest(graph).counters() {
            Ok(counters) => counters,
            // Counters are repaired first.
            Err(StoreError::Corrupt { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let run = intact::readable(self.store(), graph.id(), &counters)?;
        Ok(run.broken.is_some().then_some((counters, run)))
    }
}

/// What is removed, and the counters that go with it.
#[derive(Default)]
struct Cut {
    removed: Vec<KeyRange>,
    /// The graph before lost all of its ledger: its last block may hold the first records of the next one.
    runs_on: bool,
    batch: WriteBatch,
}

impl Cut {
    /// A ledger that is sound lies between.
    fn pass(&mut self) {
        self.runs_on = false;
    }

    /// Removes what lies before the sound part of a ledger. Of neighbours in one block it has to be one range: the backend
    /// passes over that without reading the block, and looks at it between two ranges.
    fn add(&mut self, id: GraphId, counters: &GraphCounters, run: &Run) {
        let nothing_left = run.first > counters.sequence;
        let range = if nothing_left { keys::graph(id) } else { keys::ledger_before(id, run.first) };
        match self.removed.last_mut() {
            Some(last) if self.runs_on => last.end = range.end,
            Some(_) | None => self.removed.push(range),
        }
        self.runs_on = nothing_left;
        let counters = GraphCounters { complete_from: run.first, ledger_lines: run.lines, ..*counters };
        self.batch.put(Space::Catalog, keys::state(id), counters.encode());
    }

    fn into_batch(mut self) -> WriteBatch {
        for KeyRange { start, end, .. } in self.removed {
            if let Some(end) = end {
                self.batch.delete_range(Space::Ledger, start, end);
            }
        }
        self.batch
    }
}
