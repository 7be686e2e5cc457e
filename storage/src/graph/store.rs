//! Graphs over a store: the entry point of the crate.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::{
    GraphLoader, GraphType, LoadedGraph,
    apply::{Op, Outcome, Write},
    catalog::{COMMONS, CatalogEntry, Graph},
    emptied::EmptiedGraphs,
    error::GraphError,
    fence::{FENCE_CHECK, Fenced, LONGEST_WAIT, LeaseClock},
    hang::Busy,
    moves::check_move_id,
    once::MadeOnce,
    outcomes::MoveOutcome,
    part::Progress,
    quota::{Counts, Quotas, Refusals, TenantLimits},
    state::GraphState,
    tenant::tenant_of,
    transaction::{Names, Publish, Retired, Transaction},
};
use crate::{
    batch::WriteBatch,
    clock::SteadyClock,
    error::{Result, StoreError},
    keys::{self, GraphId},
    limits::{self, NameLimits, RequestLimits},
    space::Space,
    store::{Direction, Durability, Store},
};

/// Whether a graph of this name may be created, else what its creator is told.
pub type NameRule = dyn Fn(&str, Asking) -> std::result::Result<(), String> + Send + Sync;

/// Who asks for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// A client, for a graph of its own: a new one, a fork, or a change of `__commons__`.
    Client,
    /// An operator, for a graph that is brought: an import or a restore.
    Import,
}

/// Named graphs in a [`Store`]. All methods block; share it by `Arc`.
///
/// ```
/// use epistemic_storage::{GraphStore, MemoryStore, graph::{GraphType, Op}};
///
/// let graphs = GraphStore::open(MemoryStore::new())?;
/// graphs.write("notes", Op::Create { kind: GraphType::Agent, owner: None, tenant: None })?;
/// graphs.write("notes", Op::AddNode { id: "a".into(), properties: b"\x80".to_vec() })?;
/// let notes = graphs.graph("notes")?;
/// assert_eq!(graphs.latest(&notes).node("a")?.unwrap().properties, b"\x80");
/// # Ok::<(), epistemic_storage::graph::GraphError>(())
/// ```
pub struct GraphStore {
    store: Box<dyn Store>,
    pub(super) catalog: RwLock<HashMap<Arc<str>, Arc<Graph>>>,
    next_id: AtomicU64,
    names: OnceLock<Box<NameRule>>,
    name_limits: OnceLock<NameLimits>,
    request_limits: OnceLock<RequestLimits>,
    quotas: RwLock<Option<Arc<Quotas>>>,
    quota_refusals: Arc<Refusals>,
    /// Held while a group is built, committed and published: groups are applied one after the other.
    commits: Mutex<()>,
    poisoned: RwLock<Option<String>>,
    pub(super) retired: Mutex<Vec<Retired>>,
    /// Whose removed records may still lie in tables.
    pub(super) emptied: Mutex<EmptiedGraphs>,
    made_once: Mutex<MadeOnce>,
    leases: LeaseClock,
    busy: Busy,
    /// Gives changes their times.
    pub(super) clock: SteadyClock,
}

impl GraphStore {
    /// Opens the graphs of a store and creates `__commons__` when it is missing. Reads the whole catalog.
    pub fn open(store: impl Into<Box<dyn Store>>) -> Result<Self, GraphError> {
        let graphs = Self::open_read_only(store)?;
        if graphs.lookup(COMMONS).is_none() {
            graphs.write(COMMONS, Op::Create { kind: GraphType::Commons, owner: None, tenant: None })?;
        }
        Ok(graphs)
    }

    /// Opens the graphs of a store without writing anything.
    pub fn open_read_only(store: impl Into<Box<dyn Store>>) -> Result<Self, GraphError> {
        let store: Box<dyn Store> = store.into();
        let retired = reclaims(&*store)?;
        let emptied = EmptiedGraphs::left_over(&*store)?;
        let made_once = MadeOnce::load(&*store)?;
        let catalog = load_catalog(&*store)?;
        let stored = match store.get(Space::Catalog, &keys::next_id())? {
            Some(bytes) => u64::from_be_bytes(bytes.as_slice().try_into().map_err(|_| {
                StoreError::corrupt(Space::Catalog, format!("next graph id of {} bytes", bytes.len()))
            })?),
            None => 1,
        };
        let used = catalog.values().map(|graph| graph.id().0);
        let used = used.chain(retired.iter().map(|retired| retired.id.0));
        let used = used.chain(emptied.ids().map(|id| id.0));
        let next_id = used.map(|id| id + 1).fold(stored, u64::max);
        Ok(Self {
            store,
            catalog: RwLock::new(catalog),
            next_id: AtomicU64::new(next_id),
            names: OnceLock::new(),
            name_limits: OnceLock::new(),
            request_limits: OnceLock::new(),
            quotas: RwLock::default(),
            quota_refusals: Arc::default(),
            commits: Mutex::new(()),
            poisoned: RwLock::new(None),
            retired: Mutex::new(retired),
            emptied: Mutex::new(emptied),
            made_once: Mutex::new(made_once),
            leases: LeaseClock::default(),
            busy: Busy::default(),
            clock: SteadyClock::default(),
        })
    }

    /// The store below.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The graph of this exact name.
    ///
    /// # Errors
    /// [`GraphError::GraphNotFound`]; [`GraphError::Arriving`] or [`GraphError::Moved`] when it is not served here.
    pub fn graph(&self, name: &str) -> Result<Arc<Graph>, GraphError> {
        let graph = self.graph_of_any_standing(name)?;
        graph.served()?;
        Ok(graph)
    }

    /// The graph of this exact name, whether it is served here or not.
    pub fn graph_of_any_standing(&self, name: &str) -> Result<Arc<Graph>, GraphError> {
        self.lookup(name).ok_or_else(|| GraphError::GraphNotFound(name.to_owned()))
    }

    pub(super) fn lookup(&self, name: &str) -> Option<Arc<Graph>> {
        self.catalog.read().get(name).cloned()
    }

    /// Asks `rule` from now on before a graph is created under a name that is free, and before `__commons__` is changed,
    /// unless a move, a restore or a hand-over gave it to this store. Other graphs that are there stay as they are. A first
    /// rule stays: set it before others use the store.
    pub fn restrict_names(&self, rule: Box<NameRule>) {
        let first = self.names.set(rule).is_ok();
        debug_assert!(first, "there is one rule");
    }

    /// Bounds names that clients make from now on. The first bounds stay: set them before others use the store.
    pub fn limit_names(&self, limits: NameLimits) {
        let first = self.name_limits.set(limits).is_ok();
        debug_assert!(first, "they are set once");
    }

    /// The bounds of names that clients make.
    pub fn name_limits(&self) -> NameLimits {
        self.name_limits.get().copied().unwrap_or_default()
    }

    /// Whether a graph could be created under this name, for those who would do much work before: it may be there, or the
    /// rule of [`GraphStore::restrict_names`] may allow it.
    pub fn may_create(&self, name: &str, asking: Asking) -> std::result::Result<(), GraphError> {
        if self.lookup(name).is_some_and(|graph| name != COMMONS || graph.entry().is_given()) {
            return Ok(());
        }
        limits::check_bytes("graph_name", name, self.name_limits().graph)?;
        self.must_own(name, asking)
    }

    /// Whether the rule of [`GraphStore::restrict_names`] allows a graph of this name, whatever is there: for one that comes
    /// from elsewhere to be served here.
    pub fn must_own(&self, name: &str, asking: Asking) -> std::result::Result<(), GraphError> {
        self.names.get().map_or(Ok(()), |rule| rule(name, asking).map_err(GraphError::NotHere))
    }

    /// From now on refuses writes that give a tenant more than its limits, which `limits` is asked for; without it there are
    /// none. What is there stays. Of moves and restores, which are the operator's, the graphs are counted and not refused.
    /// Waits for the running commit and looks at all graphs.
    pub fn limit_tenants(&self, limits: Option<Box<TenantLimits>>) {
        let _one_at_a_time = self.commits.lock();
        let quotas = limits.map(|limits| {
            let refusals = Arc::clone(&self.quota_refusals);
            Arc::new(Quotas::new(limits, refusals, self.catalog.read().values()))
        });
        *self.quotas.write() = quotas;
    }

    /// Whether a client may put a whole graph with these counters under this name, as far as it is known before the commit: so
    /// that nothing large is loaded in vain.
    ///
    /// # Errors
    /// [`GraphError::OverQuota`]
    pub fn has_room(
        &self,
        name: &str,
        claimed_by: Option<&str>,
        owner: Option<&str>,
        state: &GraphState,
    ) -> Result<(), GraphError> {
        let Some(quotas) = self.quotas.read().clone() else { return Ok(()) };
        let tenant = tenant_of(claimed_by, name, owner);
        Ok(quotas.check_graph(&name.into(), self.lookup(name).as_deref(), tenant, state)?)
    }

    /// How often each of those limits was met since the start, items of batches each.
    pub fn quota_refusals(&self) -> Counts {
        self.quota_refusals.counts()
    }

    /// What each tenant has that has graphs here, in no order; nothing while there are no limits
    /// ([`GraphStore::limit_tenants`]).
    pub fn tenant_counts(&self) -> Vec<(Arc<str>, Counts)> {
        self.quotas.read().as_ref().map(|quotas| quotas.totals()).unwrap_or_default()
    }

    /// All graphs that are served here, oldest first.
    pub fn graphs(&self) -> Vec<Arc<Graph>> {
        self.graphs_where(Graph::is_served)
    }

    /// The graphs that arrive and the signposts of those that moved, oldest first.
    pub fn graphs_on_the_move(&self) -> Vec<Arc<Graph>> {
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

    /// Refuses writes of `graph` for `lease` with [`GraphError::Moving`]: its newest sequence number stays as long as the
    /// fence stands. Renew it before it ends; [`super::MAX_PAUSE`] is the longest. Not stored.
    ///
    /// # Errors
    /// As [`GraphStore::graph`]; [`GraphError::MoveConflict`] while another move has done so, or when this one is done here;
    /// [`GraphError::MoveAborted`].
    pub fn fence(&self, graph: &str, move_id: &str, to: &str, lease: Duration) -> Result<Fenced, GraphError> {
        check_move_id(graph, move_id)?;
        limits::check_name("endpoint", to)?;
        let _one_at_a_time = self.commits.lock();
        match self.move_record(move_id)?.map(|record| record.outcome) {
            None => {}
            Some(MoveOutcome::Refused) => return Err(GraphError::aborted(graph, move_id)),
            // A fence that comes late must not stop the writes of what is done.
            Some(MoveOutcome::Departed | MoveOutcome::Admitted) => {
                return Err(GraphError::conflict(graph, format!("move {move_id} is done here")));
            }
        }
        let found = self.graph(graph)?;
        let token = found.fence().raise(graph, move_id, to, lease, self.leases.now())?;
        let (graph_id, epoch, sequence) = (found.id().number(), found.epoch(), found.state().sequence);
        Ok(Fenced { token, graph_id, epoch, sequence })
    }

    /// Lets the fence of `token` stand for `lease` from now on.
    ///
    /// # Errors
    /// [`GraphError::GraphNotFound`]; [`GraphError::Overtaken`] when it stands no more.
    pub fn renew_fence(&self, graph: &str, token: u64, lease: Duration) -> Result<(), GraphError> {
        let found = self.graph_of_any_standing(graph)?;
        found.fence().renew(graph, token, lease, self.leases.now())
    }

    /// Lets writes of `graph` through again that the fence of `token` stops.
    pub fn lower_fence(&self, graph: &str, token: u64) {
        if let Some(found) = self.lookup(graph) {
            found.fence().lower(token);
        }
    }

    /// The move that stops the writes of `graph` at the moment, and where it goes.
    pub fn fenced_by(&self, graph: &Graph) -> Option<(String, String)> {
        graph.fence().raised_by(self.leases.now())
    }

    /// What a write of the graph is answered because it is about to move, if it is ([`GraphError::Moving`]).
    pub fn held_up(&self, graph: &str) -> Option<GraphError> {
        let found = self.lookup(graph).filter(|graph| graph.is_served())?;
        found.fence().pass(graph, &self.leases).err()
    }

    /// Has leases see the time so much further on, for tests of what happens when they lapse.
    pub fn advance_leases(&self, by: Duration) {
        self.leases.advance(by);
    }

    /// The number of the next new graph.
    pub(super) fn next_id(&self) -> &AtomicU64 {
        &self.next_id
    }

    pub(super) fn made_once(&self) -> &Mutex<MadeOnce> {
        &self.made_once
    }

    /// Held while a group is built, committed and published.
    pub(super) fn commits(&self) -> MutexGuard<'_, ()> {
        self.commits.lock()
    }

    /// Bounds the mutations of this store from now on. First limits stay: set them before others use it.
    pub fn limit_requests(&self, limits: RequestLimits) {
        let first = self.request_limits.set(limits).is_ok();
        debug_assert!(first, "they are set once");
    }

    /// The limits of [`GraphStore::limit_requests`].
    pub fn request_limits(&self) -> RequestLimits {
        self.request_limits.get().copied().unwrap_or_default()
    }

    /// Commits one mutation durably.
    pub fn write(&self, graph: &str, op: Op) -> Result<Outcome, GraphError> {
        let write = Write { graph: graph.into(), op };
        let result = self.commit_one(&write);
        if matches!(result, Err(GraphError::Moving { .. })) {
            self.abandon(write);
        }
        result
    }

    fn commit_one(&self, write: &Write) -> Result<Outcome, GraphError> {
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
        self.commit_group(writes, None, durability).0
    }

    /// As [`GraphStore::commit`], but only as much is done as keeps the group short: the rest of what a group has no room for,
    /// and of a long [`Op::Touch`], [`Op::RemoveNode`], [`Op::RemoveEdge`] or [`Op::Revise`] that allows it, is told by
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
        self.commit_group(writes, Some(reached), durability)
    }

    fn commit_group(
        &self,
        writes: &[Write],
        reached: Option<&[Progress]>,
        durability: Durability,
    ) -> (Results, Vec<u64>) {
        let _one_at_a_time = self.commits.lock();
        let mut written = vec![0; writes.len()];
        if let Err(error) = self.writable() {
            return (writes.iter().map(|_| Err(error.clone().into())).collect(), written);
        }
        let must_sync = writes.iter().any(|write| write.op.is_always_durable());
        let durability = if must_sync { Durability::Sync } else { durability };
        let mut refused: HashMap<usize, GraphError> = HashMap::new();
        let mut commit =
            |refused: &mut _| self.commit_all_but(refused, writes, reached, &mut written, durability);
        let mut results = commit(&mut refused).unwrap_or_else(|failure| {
            if failure.error.is_passing() && writes.iter().any(|write| write.op.frees_room()) {
                // What frees room goes through without the rest of its group.
                let others = writes.iter().enumerate().filter(|(_, write)| !write.op.frees_room());
                refused.extend(others.map(|(index, _)| (index, failure.error.clone().into())));
                commit(&mut refused).unwrap_or_else(|failure| failure.results)
            } else {
                failure.results
            }
        });
        self.give_up_loads(writes, &results);
        self.check_cleared_ledgers(writes, &mut results);
        (results, written)
    }

    /// A damaged block that a cleared ledger shares with another one keeps it from being read: that is no success.
    fn check_cleared_ledgers(&self, writes: &[Write], results: &mut Results) {
        for (write, result) in writes.iter().zip(results) {
            if matches!((write.op.unkeyed(), &*result), (Op::ClearLedger, Ok(Outcome::Done)))
                && let Some(graph) = self.lookup(&write.graph)
                && let Err(error) = self.latest(&graph).for_each_ledger(0, |_, _| Ok(()))
            {
                *result = Err(self.damage(&write.graph, error));
            }
        }
    }

    /// Applies and commits the writes that are not among the refused ones, and adds to these whose graph is damaged.
    fn commit_all_but(
        &self,
        refused: &mut HashMap<usize, GraphError>,
        writes: &[Write],
        reached: Option<&[Progress]>,
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
            transaction.ask_ahead(writes);
            match apply_all(&mut transaction, writes, reached, refused, written) {
                Ok(results) => break (transaction, results),
                Err((index, StoreError::OverBudget { .. })) => {
                    refused.insert(index, limits.batch_too_large().into());
                }
                Err((index, error)) => {
                    refused.insert(index, self.damage(&writes[index].graph, error));
                }
            }
        };
        let mut finished = transaction.finish();
        if finished.batch.is_empty() {
            return Ok(results);
        }
        let frees_room =
            |(index, write): (usize, &Write)| refused.contains_key(&index) || write.op.frees_room();
        finished.batch.set_frees_room(writes.iter().enumerate().all(frees_room));
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
    fn give_up_loads(&self, writes: &[Write], results: &Results) {
        for (write, result) in writes.iter().zip(results) {
            let is_over = match result {
                Err(error) => !matches!(error, GraphError::Moving { .. }),
                Ok(Outcome::Unfinished(_)) => false,
                Ok(_) => self.is_of_before(write),
            };
            if is_over {
                self.give_up_load(write);
            }
        }
    }

    /// Whether a load is not what its graph is now, because its key stands for one that was made before.
    fn is_of_before(&self, write: &Write) -> bool {
        let Op::Once(_, op) = &write.op else { return false };
        let loaded = op.loaded().map(|loaded| loaded.parts().0);
        loaded.is_some_and(|id| self.lookup(&write.graph).is_none_or(|graph| graph.id() != id))
    }

    fn give_up_load(&self, write: &Write) {
        if let Some(loaded) = write.op.loaded() {
            self.retired.lock().push(Retired { id: loaded.parts().0, readers: None });
        }
    }

    /// Takes a write that met a fence and will not be committed again. Hands the records of a load to
    /// [`GraphStore::reclaim`].
    pub fn abandon(&self, write: Write) {
        self.give_up_load(&write);
    }

    fn publish(&self, graphs: Vec<(Arc<str>, Publish)>) {
        let mut catalog = None;
        for (name, publish) in graphs {
            match publish {
                Publish::State(graph, state, versions) => graph.publish(state, versions),
                Publish::Standing(graph, entry, state, versions) => {
                    graph.publish(state, versions);
                    graph.publish_standing(*entry);
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

    /// Keeps commits from beginning while the guard lives; waits for the one that runs.
    pub(super) fn hold_commits(&self) -> MutexGuard<'_, ()> {
        self.commits.lock()
    }

    pub(super) fn poison_unless_retryable(&self, error: &StoreError) {
        if !error.is_passing() {
            tracing::error!(%error, "a commit failed: the store takes no more writes until it is restarted");
            self.poisoned.write().get_or_insert_with(|| error.to_string());
        }
    }

    pub(super) fn writable(&self) -> Result<()> {
        self.poisoned().map_or(Ok(()), |reason| Err(StoreError::Poisoned { reason }))
    }

    /// Why a write would be refused now, or would wait, if so: the store is poisoned, its disk is full, or a write hangs.
    pub fn refusal(&self) -> Option<String> {
        // A store that hangs is not asked: the answer could hang too.
        self.poisoned()
            .or_else(|| self.hanging())
            .or_else(|| self.store.accepts_writes().err().map(|error| error.to_string()))
    }

    fn hanging(&self) -> Option<String> {
        let seconds = self.busy.hangs()?.as_secs();
        Some(format!("the disk has not completed a write for {seconds} s: writes hang until it does"))
    }

    /// Looks after a store that takes no writes for want of room or descriptors ([`Store::recover`]). Call it every second
    /// or so; blocks.
    pub fn recover(&self) {
        if let Err(error) = self.store.recover() {
            self.poison_unless_retryable(&error);
        }
    }

    /// Why the store takes no more writes, if so.
    pub fn poisoned(&self) -> Option<String> {
        self.poisoned.read().clone()
    }

    /// Makes earlier [`Durability::Buffered`] commits durable; a failure poisons the store.
    pub fn sync(&self) -> Result<()> {
        self.busy.with(|| self.store.sync()).inspect_err(|error| self.poison_unless_retryable(error))
    }

    /// Starts loading the records of a graph that nobody sees until [`Op::Install`] or [`Op::Replace`] commits it.
    pub fn load(&self) -> GraphLoader<'_> {
        GraphLoader::new(self, GraphId(self.next_id.fetch_add(1, Ordering::Relaxed)))
    }

    /// Hands the records of a load that will not be committed to [`GraphStore::reclaim`].
    pub fn give_up(&self, loaded: LoadedGraph) {
        self.retired.lock().push(Retired { id: loaded.parts().0, readers: None });
    }

    /// Records durably that `id` is taken and to be reclaimed unless a later commit says otherwise.
    pub(super) fn reserve(&self, id: GraphId) -> Result<()> {
        let _one_at_a_time = self.commits.lock();
        self.writable()?;
        let mut batch = WriteBatch::new();
        let next = self.next_id.load(Ordering::Relaxed);
        batch.put(Space::Catalog, keys::next_id(), next.to_be_bytes());
        batch.put(Space::Catalog, keys::reclaim(id), Vec::new());
        self.store.commit(batch, Durability::Sync).inspect_err(|error| self.poison_unless_retryable(error))
    }

    /// Commits records that belong to no graph, between the groups. Fails as [`GraphStore::commit`] does.
    pub(crate) fn commit_service(&self, batch: WriteBatch, durability: Durability) -> Result<()> {
        let _one_at_a_time = self.commits.lock();
        self.writable()?;
        self.store.commit(batch, durability).inspect_err(|error| self.poison_unless_retryable(error))
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
struct Committing(Vec<Arc<Graph>>);

impl Committing {
    fn begin(changes: &[(Arc<str>, Publish)]) -> Self {
        let graphs = changes.iter().filter_map(|(_, publish)| match publish {
            Publish::State(graph, ..) | Publish::Standing(graph, ..) => Some(Arc::clone(graph)),
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

/// Applies every mutation that has not failed before; on a store error tells whose it was.
fn apply_all(
    transaction: &mut Transaction<'_>,
    writes: &[Write],
    reached: Option<&[Progress]>,
    failed: &HashMap<usize, GraphError>,
    written: &mut [u64],
) -> Result<Results, (usize, StoreError)> {
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
            Err(GraphError::Store(error)) if !failed.contains_key(&index) => return Err((index, error)),
            result => results.push(result),
        }
    }
    Ok(results)
}

fn reclaims(store: &dyn Store) -> Result<Vec<Retired>> {
    let mut retired = Vec::new();
    let mut cursor = store.scan(Space::Catalog, keys::reclaims(), Direction::Forward)?;
    while let Some((key, _)) = cursor.next()? {
        let id = keys::tagged_id(key).ok_or_else(|| StoreError::corrupt(Space::Catalog, "reclaim key"))?;
        retired.push(Retired { id, readers: None });
    }
    Ok(retired)
}

fn load_catalog(store: &dyn Store) -> Result<HashMap<Arc<str>, Arc<Graph>>> {
    let mut states = HashMap::new();
    let mut cursor = store.scan(Space::Catalog, keys::states(), Direction::Forward)?;
    while let Some((key, value)) = cursor.next()? {
        let id = keys::tagged_id(key).ok_or_else(|| StoreError::corrupt(Space::Catalog, "state key"))?;
        states.insert(id, GraphState::decode(value)?);
    }
    let mut catalog = HashMap::new();
    let mut cursor = store.scan(Space::Catalog, keys::names(), Direction::Forward)?;
    while let Some((key, value)) = cursor.next()? {
        let name = keys::name_of(key).ok_or_else(|| StoreError::corrupt(Space::Catalog, "name key"))?;
        let entry = CatalogEntry::decode(name, value)?;
        let state = states.get(&GraphId(entry.id)).copied();
        let name: Arc<str> = name.into();
        let graph = Graph::new(Arc::clone(&name), entry, state.unwrap_or_default());
        if state.is_none() {
            graph.quarantine("its counters are missing");
        }
        catalog.insert(name, Arc::new(graph));
    }
    Ok(catalog)
}
