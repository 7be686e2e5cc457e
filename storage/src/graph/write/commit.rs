//! Group commit: applies mutations in order and commits them as one batch.

use std::{collections::HashMap, sync::Arc, time::Instant};

use crate::{
    error::{Result, StoreError},
    graph::{
        catalog::{
            entry::GraphType,
            fence::{FENCE_CHECK, LONGEST_WAIT},
            graph::Graph,
        },
        error::GraphError,
        load::loaded::LoadedGraph,
        reclaim::emptied::Retired,
        store::GraphStore,
        write::{
            beside::{Begun, Beside},
            op::{Op, Write},
            outcome::Outcome,
            part::Progress,
            transaction::{Names, Publish, Transaction},
        },
    },
    limits::OverLimit,
    store::Durability,
};

impl GraphStore {
    /// Commits one mutation durably.
    pub fn write(&self, graph: &str, op: Op) -> Result<Outcome, GraphError> {
        let write = Write { graph: graph.into(), op };
        let result = self.commit_one(&write);
        if matches!(result, Err(GraphError::Moving { .. })) {
            self.abandon(write);
        }
        result
    }

    pub(crate) fn commit_one(&self, write: &Write) -> Result<Outcome, GraphError> {
        self.commit(std::slice::from_ref(write), Durability::Sync).pop().expect("one result per write")
    }

    /// Applies a group of mutations in order and commits them as one batch: group commit.
    ///
    /// Returns one result per mutation. With [`Durability::Sync`] every `Ok` is durable. A mutation that is refused
    /// does not affect the others. When the commit itself fails nothing of the group is visible and every mutation
    /// gets the error; any failure but a full disk also poisons the store for writes. Records of a refused
    /// [`Op::Replace`] or [`Op::Install`] are given up: load them again to try again. Only a write that met a fence
    /// ([`GraphError::Moving`]) may be committed again as it is; whoever does not calls [`GraphStore::abandon`]. Behind
    /// such a one all others of its graph in the group meet the fence, so that none overtakes it.
    pub fn commit(&self, writes: &[Write], durability: Durability) -> Vec<Result<Outcome, GraphError>> {
        self.commit_group(writes, None, &[], durability).0
    }

    /// As [`GraphStore::commit`], but only as much is done as keeps the group short: the rest of what a group has no room for,
    /// and of a long [`Op::Touch`], `Mutation::RemoveNode`, `Mutation::RemoveEdge` or [`Op::Conditional`] that allows it, is told by
    /// [`Outcome::Unfinished`]. Commit these again, in their order, with the progress that it tells, before others of their
    /// graphs. `reached` has the progress of each write. What was done stays when the rest fails, and readers see it.
    pub fn commit_in_parts(
        &self,
        writes: &[Write],
        reached: &[Progress],
        durability: Durability,
    ) -> Vec<Result<Outcome, GraphError>> {
        self.commit_counted(writes, reached, durability).0
    }

    /// As [`GraphStore::commit_in_parts`]; tells as well how many bytes of keys and values each write has put into the group,
    /// indexes and ledger included, large loads not.
    pub fn commit_counted(
        &self,
        writes: &[Write],
        reached: &[Progress],
        durability: Durability,
    ) -> (Vec<Result<Outcome, GraphError>>, Vec<u64>) {
        self.commit_group(writes, Some(reached), &[], durability)
    }

    /// As [`GraphStore::commit_counted`], with changes of records that belong to no graph in the same batch: they are durable
    /// with it, and told of its failure as its writes are.
    pub fn commit_with(
        &self,
        writes: &[Write],
        reached: &[Progress],
        besides: &[Arc<dyn Beside>],
        durability: Durability,
    ) -> (Vec<Result<Outcome, GraphError>>, Vec<u64>) {
        self.commit_group(writes, Some(reached), besides, durability)
    }

    fn commit_group(
        &self,
        writes: &[Write],
        reached: Option<&[Progress]>,
        besides: &[Arc<dyn Beside>],
        durability: Durability,
    ) -> (Results, Vec<u64>) {
        let _one_at_a_time = self.commits.lock();
        let mut written = vec![0; writes.len()];
        let mut begun = Begun::begin(self, besides);
        if let Err(error) = self.writable() {
            begun.end(&Err(error.clone()));
            return (writes.iter().map(|_| Err(error.clone().into())).collect(), written);
        }
        let must_sync = begun.must_sync() || writes.iter().any(|write| write.op.is_always_durable());
        let durability = if must_sync { Durability::Sync } else { durability };
        let mut refused: HashMap<usize, GraphError> = HashMap::new();
        let mut commit = |refused: &mut _, begun: &Begun<'_>| {
            self.commit_all_but(refused, writes, reached, begun, &mut written, durability)
        };
        let mut committed = commit(&mut refused, &begun);
        if let Err(failure) = &committed
            && failure.error.is_passing()
            && (begun.any_frees_room() || writes.iter().any(|write| write.op.frees_room()))
        {
            // What frees room goes through without the rest of its group.
            let others = writes.iter().enumerate().filter(|(_, write)| !write.op.frees_room());
            refused.extend(others.map(|(index, _)| (index, failure.error.clone().into())));
            begun.refuse_takers(&failure.error);
            committed = commit(&mut refused, &begun);
        }
        let (mut results, ended) = match committed {
            Ok(results) => (results, Ok(())),
            Err(CommitFailure { error, results }) => (results, Err(error)),
        };
        begun.end(&ended);
        self.discard_loads(writes, &results);
        self.check_cleared_ledgers(writes, &mut results);
        (results, written)
    }

    /// A damaged block that a cleared ledger shares with another one keeps it from being read: that is no success.
    fn check_cleared_ledgers(&self, writes: &[Write], results: &mut Results) {
        for (write, result) in writes.iter().zip(results) {
            if matches!((write.op.unkeyed(), &*result), (Op::ClearLedger, Ok(Outcome::Done)))
                && let Some(graph) = self.lookup(&write.graph)
                && let Err(error) = self.latest(&graph).check_ledger()
            {
                *result = Err(self.quarantine_if_corrupt(&write.graph, error));
            }
        }
    }

    /// Applies and commits the writes that are not among the refused ones, and adds to these whose graph is damaged.
    fn commit_all_but(
        &self,
        refused: &mut HashMap<usize, GraphError>,
        writes: &[Write],
        reached: Option<&[Progress]>,
        begun: &Begun<'_>,
        written: &mut [u64],
        durability: Durability,
    ) -> Result<Results, CommitFailure> {
        let limits = self.request_limits();
        let lookup = |name: &str| self.lookup(name);
        let quotas = self.quotas.read().clone();
        let (transaction, results) = loop {
            let names = Names { rule: self.names.get().map(|rule| &**rule), limits: self.name_limits() };
            let (now, made) = (self.clock.unix_ms(), self.made_once.lock());
            let mut transaction =
                Transaction::new(&*self.store, &lookup, names, &self.next_id, &self.leases, made, now)
                    .bounded(limits, reached.is_some());
            transaction.limit_tenants(quotas.as_deref());
            transaction.prefetch_nodes(writes);
            match apply_all(&mut transaction, writes, reached, refused, written) {
                Ok(results) => break (transaction, results),
                Err((index, error)) => {
                    let graph = &writes[index].graph;
                    refused.insert(index, self.quarantine_for(graph, error));
                }
            }
        };
        let mut finished = transaction.finish();
        finished.batch = begun.before(finished.batch);
        if finished.batch.is_empty() {
            return Ok(results);
        }
        let frees_room =
            |(index, write): (usize, &Write)| refused.contains_key(&index) || write.op.frees_room();
        let all_free_room = begun.all_free_room() && writes.iter().enumerate().all(frees_room);
        finished.batch.set_frees_room(all_free_room);
        let _committing = Committing::begin(&finished.graphs);
        if let Err(error) = self.busy.with(|| self.store.commit(finished.batch, durability)) {
            self.poison_unless_retryable(&error);
            let results = results.into_iter().map(|result| result.and(Err(error.clone().into()))).collect();
            return Err(CommitFailure { error, results });
        }
        self.publish(finished.graphs);
        self.made_once.lock().extend(finished.made.into_iter());
        if let (Some(quotas), Some(grown)) = (quotas, finished.grown) {
            quotas.publish(grown);
        }
        self.retired.lock().extend(finished.retired);
        finished.emptied.into_iter().for_each(|(id, why)| self.emptied.lock().add(id, why));
        Ok(results)
    }

    /// Hands the records of loads that were refused to [`GraphStore::reclaim`].
    fn discard_loads(&self, writes: &[Write], results: &Results) {
        for (write, result) in writes.iter().zip(results) {
            let is_over = match result {
                Err(error) => !matches!(error, GraphError::Moving { .. }),
                Ok(Outcome::Unfinished(_)) => false,
                Ok(_) => self.is_of_before(write),
            };
            if is_over {
                self.discard_load(write);
            }
        }
    }

    /// Whether a load is not what its graph is now, because its key stands for one that was made before.
    fn is_of_before(&self, write: &Write) -> bool {
        let Op::Once(_, op) = &write.op else { return false };
        let loaded = op.loaded().map(|loaded| loaded.parts().0);
        loaded.is_some_and(|id| self.lookup(&write.graph).is_none_or(|graph| graph.id() != id))
    }

    pub(crate) fn discard_load(&self, write: &Write) {
        if let Some(loaded) = write.op.loaded() {
            self.retired.lock().push(Retired { id: loaded.parts().0, readers: None });
        }
    }

    /// Takes a write that met a fence and will not be committed again. Hands the records of a load to
    /// [`GraphStore::reclaim`].
    pub fn abandon(&self, write: Write) {
        self.discard_load(&write);
    }

    pub(in crate::graph) fn publish(&self, graphs: Vec<(Arc<str>, Publish)>) {
        let mut catalog = None;
        for (name, publish) in graphs {
            match publish {
                Publish::State(graph, counters, versions) => graph.publish(counters, versions),
                Publish::Entry(graph, entry, counters, versions) => {
                    graph.publish(counters, versions);
                    graph.publish_entry(*entry);
                }
                Publish::Graph(graph) => {
                    catalog.get_or_insert_with(|| self.catalog.write()).insert(name, graph);
                }
                Publish::Gone => {
                    catalog.get_or_insert_with(|| self.catalog.write()).remove(&name);
                }
            }
        }
    }

    /// Commits loaded records as the new graph `name`, or in place of it when `replace`. Durable on return. Waits for
    /// [`LONGEST_WAIT`] while the graph is about to move.
    pub fn install(
        &self,
        name: &str,
        loaded: LoadedGraph,
        kind: GraphType,
        owner: Option<String>,
        replace: bool,
    ) -> Result<(), GraphError> {
        let write = Write { graph: name.into(), op: Op::Install { loaded, kind, owner, replace } };
        let begun = Instant::now();
        loop {
            match self.commit_one(&write) {
                Err(GraphError::Moving { .. }) if begun.elapsed() < LONGEST_WAIT => {}
                Err(moving @ GraphError::Moving { .. }) => {
                    self.abandon(write);
                    return Err(moving);
                }
                result => return result.map(|_| ()),
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "a fence lapses by itself: nothing tells when it falls"
            )]
            std::thread::sleep(FENCE_CHECK);
        }
    }
}

/// Marks the graphs that a running commit changes, until it is published or has failed.
pub(in crate::graph) struct Committing(Vec<Arc<Graph>>);

impl Committing {
    pub(in crate::graph) fn begin(changes: &[(Arc<str>, Publish)]) -> Self {
        let graphs = changes.iter().filter_map(|(_, publish)| match publish {
            Publish::State(graph, ..) | Publish::Entry(graph, ..) => Some(Arc::clone(graph)),
            Publish::Graph(_) | Publish::Gone => None,
        });
        let committing = Self(graphs.collect());
        committing.0.iter().for_each(|graph| graph.set_committing(true));
        committing
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        self.0.iter().for_each(|graph| graph.set_committing(false));
    }
}

type Results = Vec<Result<Outcome, GraphError>>;

/// A group that the store did not take, and what its writes are answered.
struct CommitFailure {
    error: StoreError,
    results: Results,
}

/// Applies every mutation that has not failed before. One that leaves the group unusable is returned alone, with its number:
/// the group is built again without it.
fn apply_all(
    transaction: &mut Transaction<'_>,
    writes: &[Write],
    reached: Option<&[Progress]>,
    failed: &HashMap<usize, GraphError>,
    written: &mut [u64],
) -> Result<Results, (usize, GraphError)> {
    let beginning = Progress::default();
    let mut results = Vec::with_capacity(writes.len());
    // Graphs of which a write met the fence: none behind it may overtake it, though the fence fall meanwhile.
    let mut held_up: HashMap<&str, GraphError> = HashMap::new();
    for (index, write) in writes.iter().enumerate() {
        let is_step = matches!(write.op, Op::Move(_));
        let before = transaction.bytes();
        let result = match failed.get(&index).or_else(|| held_up.get(&*write.graph).filter(|_| !is_step)) {
            Some(error) => Err(error.clone()),
            None => transaction.apply(write, reached.map_or(&beginning, |reached| &reached[index])),
        };
        written[index] = (transaction.bytes() - before) as u64;
        if let Err(moving @ GraphError::Moving { .. }) = &result
            && !is_step
        {
            held_up.entry(&write.graph).or_insert_with(|| moving.clone());
        }
        match result {
            Err(error @ (GraphError::Store(_) | GraphError::Limit(OverLimit::Batch { .. })))
                if !failed.contains_key(&index) =>
            {
                return Err((index, error));
            }
            result => results.push(result),
        }
    }
    Ok(results)
}
