//! Graphs over a store: the entry point of the crate.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::{
    clock::SteadyClock,
    error::{Result, StoreError},
    graph::{
        catalog::{
            counters::GraphCounters,
            creation::{Asking, CreationPolicy},
            entry::{COMMONS, CatalogEntry, GraphType},
            fence::LeaseClock,
            graph::Graph,
        },
        error::GraphError,
        quota::accounts::{Quotas, Refusals},
        reclaim::emptied::{EmptiedGraphs, Retired},
        write::{beside::GroupCommitter, idempotency::MadeOnce, op::Op, stall::Busy},
    },
    keys::{self, GraphId},
    limits::{self, NameLimits, RequestLimits},
    space::Space,
    store::{Read, ScanOptions, Store},
};

/// Told that another process has taken the store over.
type TellFenced = Box<dyn Fn(&StoreError) + Send + Sync>;

/// Named graphs in a [`Store`]. All methods block; share it by `Arc`.
///
/// ```
/// use epistemic_storage::{GraphStore, MemoryStore, Mutation, graph::{GraphType, Op}};
///
/// let graphs = GraphStore::open(MemoryStore::new())?;
/// graphs.write("notes", Op::Create { kind: GraphType::Agent, owner: None, tenant: None })?;
/// graphs.write("notes", Op::One(Mutation::AddNode { id: "a".into(), properties: b"\x80".to_vec() }))?;
/// let notes = graphs.graph("notes")?;
/// assert_eq!(graphs.latest(&notes).node("a")?.unwrap().properties, b"\x80");
/// # Ok::<(), epistemic_storage::graph::GraphError>(())
/// ```
pub struct GraphStore {
    pub(super) store: Box<dyn Store>,
    pub(crate) catalog: RwLock<HashMap<Arc<str>, Arc<Graph>>>,
    pub(super) next_id: AtomicU64,
    pub(super) names: OnceLock<Box<CreationPolicy>>,
    pub(super) name_limits: OnceLock<NameLimits>,
    pub(super) request_limits: OnceLock<RequestLimits>,
    pub(super) quotas: RwLock<Option<Arc<Quotas>>>,
    pub(super) quota_refusals: Arc<Refusals>,
    /// Held while a group is built, committed and published: groups are applied one after the other.
    pub(super) commits: Mutex<()>,
    /// Who commits groups, if anybody does.
    pub(super) group_committer: OnceLock<Box<GroupCommitter>>,
    pub(super) on_fenced: OnceLock<TellFenced>,
    pub(super) poisoned: RwLock<Option<String>>,
    pub(crate) retired: Mutex<Vec<Retired>>,
    /// Whose removed records may still lie in tables.
    pub(crate) emptied: Mutex<EmptiedGraphs>,
    pub(super) made_once: Mutex<MadeOnce>,
    pub(super) leases: LeaseClock,
    pub(super) busy: Busy,
    /// Gives changes their times.
    pub(crate) clock: SteadyClock,
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
            group_committer: OnceLock::new(),
            on_fenced: OnceLock::new(),
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
        let graph = self.graph_in_any_state(name)?;
        graph.served()?;
        Ok(graph)
    }

    /// The graph of this exact name, whether it is served here or not.
    pub fn graph_in_any_state(&self, name: &str) -> Result<Arc<Graph>, GraphError> {
        self.lookup(name).ok_or_else(|| GraphError::GraphNotFound(name.to_owned()))
    }

    pub(crate) fn lookup(&self, name: &str) -> Option<Arc<Graph>> {
        self.catalog.read().get(name).cloned()
    }

    /// Asks `rule` from now on before a graph is created under a name that is free, and before `__commons__` is changed,
    /// unless a move, a restore or a hand-over gave it to this store. Other graphs that are there stay as they are. A first
    /// rule stays: set it before others use the store.
    pub fn set_creation_policy(&self, rule: Box<CreationPolicy>) {
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
    /// rule of [`GraphStore::set_creation_policy`] may allow it.
    pub fn check_creation(&self, name: &str, asking: Asking) -> std::result::Result<(), GraphError> {
        if self.lookup(name).is_some_and(|graph| name != COMMONS || graph.entry().is_given()) {
            return Ok(());
        }
        limits::check_bytes("graph_name", name, self.name_limits().graph)?;
        self.must_own(name, asking)
    }

    /// Whether the rule of [`GraphStore::set_creation_policy`] allows a graph of this name, whatever is there: for one that comes
    /// from elsewhere to be served here.
    pub fn must_own(&self, name: &str, asking: Asking) -> std::result::Result<(), GraphError> {
        self.names.get().map_or(Ok(()), |rule| rule(name, asking).map_err(GraphError::NotHere))
    }

    /// The number of the next new graph.
    pub(crate) fn next_id(&self) -> &AtomicU64 {
        &self.next_id
    }

    pub(crate) fn made_once(&self) -> &Mutex<MadeOnce> {
        &self.made_once
    }

    /// Held while a group is built, committed and published.
    pub(crate) fn commits(&self) -> MutexGuard<'_, ()> {
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

    /// Keeps commits from beginning while the guard lives; waits for the one that runs.
    pub(crate) fn hold_commits(&self) -> MutexGuard<'_, ()> {
        self.commits.lock()
    }

    /// Calls `tell` as soon as it shows that another process has taken the store over ([`StoreError::Fenced`]), before any write is
    /// answered that failed of it: what is here may be out of date from then on. A first one stays.
    pub fn on_fenced(&self, tell: impl Fn(&StoreError) + Send + Sync + 'static) {
        let first = self.on_fenced.set(Box::new(tell)).is_ok();
        debug_assert!(first, "it is told once");
    }

    pub(crate) fn poison_unless_retryable(&self, error: &StoreError) {
        if let (StoreError::Fenced { .. }, Some(tell)) = (error, self.on_fenced.get()) {
            tell(error);
        }
        if !error.is_passing() {
            tracing::error!(%error, "a commit failed: the store takes no more writes until it is restarted");
            self.poisoned.write().get_or_insert_with(|| error.to_string());
        }
    }

    pub(crate) fn writable(&self) -> Result<()> {
        self.poisoned().map_or(Ok(()), |reason| Err(StoreError::Poisoned { reason }))
    }

    /// Why a write would be refused now, or would wait, if so: the store is poisoned, its disk is full, it cannot be reached, or a write hangs.
    pub fn write_refusal(&self) -> Option<String> {
        let refused = || self.store.accepts_writes().err().map(|error| error.to_string());
        self.poisoned().or_else(|| match self.store.reads_wait() {
            true => refused().or_else(|| self.hanging()),
            // A disk that hangs is not asked: the answer could hang too.
            false => self.hanging().or_else(refused),
        })
    }

    fn hanging(&self) -> Option<String> {
        let seconds = self.busy.hangs()?.as_secs();
        if self.store.reads_wait() {
            let detail = format!("a commit has waited for {seconds} s");
            return Some(StoreError::Unreachable { detail }.to_string());
        }
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

    /// Makes earlier `Durability::Buffered` commits durable; a failure poisons the store.
    pub fn sync(&self) -> Result<()> {
        self.busy.with(|| self.store.sync()).inspect_err(|error| self.poison_unless_retryable(error))
    }
}

fn reclaims(store: &dyn Store) -> Result<Vec<Retired>> {
    let mut retired = Vec::new();
    let mut cursor = store.scan(Space::Catalog, keys::reclaims(), ScanOptions::FORWARD)?;
    while let Some((key, _)) = cursor.next()? {
        let id = keys::tagged_id(key).ok_or_else(|| StoreError::corrupt(Space::Catalog, "reclaim key"))?;
        retired.push(Retired { id, readers: None });
    }
    Ok(retired)
}

/// The entries of a catalog by name, each with the counters of its graph, where they are there.
pub(super) type StoredCatalog = HashMap<Arc<str>, (CatalogEntry, Option<GraphCounters>)>;

pub(super) fn stored_catalog(store: &dyn Read) -> Result<StoredCatalog> {
    let mut states = HashMap::new();
    let mut cursor = store.scan(Space::Catalog, keys::states(), ScanOptions::FORWARD)?;
    while let Some((key, value)) = cursor.next()? {
        let id = keys::tagged_id(key).ok_or_else(|| StoreError::corrupt(Space::Catalog, "counters key"))?;
        states.insert(id, GraphCounters::decode(value)?);
    }
    let mut catalog = HashMap::new();
    let mut cursor = store.scan(Space::Catalog, keys::names(), ScanOptions::FORWARD)?;
    while let Some((key, value)) = cursor.next()? {
        let name = keys::name_of(key).ok_or_else(|| StoreError::corrupt(Space::Catalog, "name key"))?;
        let entry = CatalogEntry::decode(name, value)?;
        let counters = states.get(&GraphId(entry.id)).copied();
        catalog.insert(name.into(), (entry, counters));
    }
    Ok(catalog)
}

fn load_catalog(store: &dyn Read) -> Result<HashMap<Arc<str>, Arc<Graph>>> {
    let stored = stored_catalog(store)?.into_iter();
    let graph = |(name, (entry, counters)): (Arc<str>, _)| {
        let graph = Graph::stored(&name, entry, counters);
        (name, graph)
    };
    Ok(stored.map(graph).collect())
}
