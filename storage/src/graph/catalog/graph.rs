//! A graph of the running store: its catalog entry and published counters in memory.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use parking_lot::{Mutex, RwLock};

use crate::{
    clock,
    graph::{
        catalog::{
            counters::GraphCounters,
            entry::{COMMONS, CatalogEntry, GraphType},
            fence::Fence,
            migration_state::{MigrationState, Superseded},
            tenant::tenant_of,
        },
        error::GraphError,
        ledger::{pin::LedgerPin, retention::LedgerKeep},
    },
    keys::GraphId,
};

/// Bytes of a large record.
const LARGE_RECORD: usize = 1 << 20;

/// Sequence numbers of the newest change of a part of a graph, for caches of that part. Not stored: after a restart they
/// are the graph's own sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// Nodes or edges were added or removed.
    pub topology: u64,
    /// Embeddings were added, replaced or removed.
    pub vectors: u64,
}

impl Versions {
    /// Everything changed at `sequence`.
    pub(crate) fn at(sequence: u64) -> Self {
        Self { topology: sequence, vectors: sequence }
    }
}

/// What is known of a graph without asking the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) counters: GraphCounters,
    pub(crate) versions: Versions,
    /// A group that changes the graph is being committed: the store may be ahead of what is published.
    pub(crate) committing: bool,
}

/// A graph of a store. While a clone of the `Arc` around it is held its records stay, also when it is deleted meanwhile.
#[derive(Debug)]
pub struct Graph {
    name: Arc<str>,
    id: GraphId,
    kind: GraphType,
    tenant: Option<String>,
    created_ms: u64,
    published: Mutex<Published>,
    moves: RwLock<Tenure>,
    fence: Fence,
    ledger_pin: LedgerPin,
    quarantine: OnceLock<Quarantine>,
    /// Time of the newest change; 0 until it is known.
    newest_ms: AtomicU64,
    /// Some of its records are large. Known once one was read.
    large: AtomicBool,
}

/// Damaged records were found.
#[derive(Debug)]
struct Quarantine {
    reason: String,
    since_ms: u64,
}

/// How the store has the graph.
#[derive(Debug, Clone)]
struct Tenure {
    owner: Option<Arc<str>>,
    migration_state: Option<MigrationState>,
    /// The move that brought it.
    arrived: Option<String>,
    epoch: u64,
    ledger_keep: Option<LedgerKeep>,
    superseded: Option<Superseded>,
}

impl Tenure {
    /// Who serves the graph by a higher term.
    fn superseded(&self) -> Option<&Superseded> {
        self.superseded.as_ref().filter(|other| other.epoch > self.epoch)
    }
}

impl Graph {
    pub(crate) fn new(name: Arc<str>, entry: CatalogEntry, counters: GraphCounters) -> Self {
        let CatalogEntry {
            id,
            kind,
            owner,
            tenant,
            created_ms,
            migration_state,
            arrived,
            epoch,
            ledger_keep,
        } = entry;
        Self {
            name,
            id: GraphId(id),
            kind,
            tenant,
            created_ms,
            published: Mutex::new(Published {
                counters,
                versions: Versions::at(counters.sequence),
                committing: false,
            }),
            moves: RwLock::new(Tenure {
                owner: owner.map(Arc::from),
                migration_state,
                arrived,
                epoch,
                ledger_keep,
                superseded: None,
            }),
            fence: Fence::default(),
            ledger_pin: LedgerPin::default(),
            quarantine: OnceLock::new(),
            newest_ms: AtomicU64::new(0),
            large: AtomicBool::new(false),
        }
    }

    /// A graph as it is stored. Without its counters it is quarantined.
    pub(crate) fn stored(name: &Arc<str>, entry: CatalogEntry, counters: Option<GraphCounters>) -> Arc<Self> {
        let graph = Self::new(Arc::clone(name), entry, counters.unwrap_or_default());
        if counters.is_none() {
            graph.quarantine("its counters are missing");
        }
        Arc::new(graph)
    }

    pub(crate) fn entry(&self) -> CatalogEntry {
        let Tenure { owner, migration_state, arrived, epoch, ledger_keep, .. } = self.moves.read().clone();
        CatalogEntry {
            id: self.id.0,
            kind: self.kind,
            owner: owner.map(|owner| owner.to_string()),
            tenant: self.tenant.clone(),
            created_ms: self.created_ms,
            migration_state,
            arrived,
            epoch,
            ledger_keep,
        }
    }

    /// Time of the newest change by the clock of whoever made it, Unix milliseconds; 0 until it is known.
    pub(crate) fn newest_ms(&self) -> u64 {
        self.newest_ms.load(Ordering::Relaxed)
    }

    /// There is, or may be, a change of this time.
    pub(crate) fn has_change_at(&self, ms: u64) {
        self.newest_ms.fetch_max(ms, Ordering::Relaxed);
    }

    /// Whether records of over 1 MiB were read from it, which take long to read.
    pub fn has_large_records(&self) -> bool {
        self.large.load(Ordering::Relaxed)
    }

    /// A record of so many bytes was read.
    pub(crate) fn was_read(&self, bytes: usize) {
        if bytes > LARGE_RECORD {
            self.large.store(true, Ordering::Relaxed);
        }
    }

    /// Exact name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Number within the store.
    pub fn id(&self) -> GraphId {
        self.id
    }

    /// Type.
    pub fn kind(&self) -> GraphType {
        self.kind
    }

    /// Whose it is by access control: `agent_id` of the request that created it, or whom it was given to since.
    pub fn owner(&self) -> Option<Arc<str>> {
        self.moves.read().owner.clone()
    }

    /// The tenant that claimed the name first.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Creation time, Unix milliseconds.
    pub fn created_ms(&self) -> u64 {
        self.created_ms
    }

    /// Counters as of the newest commit that was published. Reads of the store may be ahead of them for a moment:
    /// [`crate::graph::GraphStore::newest`] is not.
    pub fn counters(&self) -> GraphCounters {
        self.published().counters
    }

    /// What changed when, as of the newest commit that was published.
    pub fn versions(&self) -> Versions {
        self.published().versions
    }

    pub(crate) fn published(&self) -> Published {
        *self.published.lock()
    }

    pub(crate) fn publish(&self, counters: GraphCounters, versions: Versions) {
        let mut published = self.published.lock();
        (published.counters, published.versions) = (counters, versions);
    }

    pub(crate) fn set_committing(&self, committing: bool) {
        self.published.lock().committing = committing;
    }

    pub(crate) fn publish_entry(&self, entry: CatalogEntry) {
        let CatalogEntry { owner, migration_state, arrived, epoch, ledger_keep, .. } = entry;
        let mut moves = self.moves.write();
        let (owner, superseded) = (owner.map(Arc::from), moves.superseded.take());
        *moves = Tenure { owner, migration_state, arrived, epoch, ledger_keep, superseded };
    }

    /// Why it is not served, if so.
    pub fn migration_state(&self) -> Option<MigrationState> {
        self.moves.read().migration_state.clone()
    }

    /// The newest move that brought it here.
    pub fn arrived(&self) -> Option<String> {
        self.moves.read().arrived.clone()
    }

    /// Its ownership term: of two stores that have the graph, the one with the higher term took it over later.
    pub fn epoch(&self) -> u64 {
        self.moves.read().epoch
    }

    /// Whether it is served here.
    ///
    /// # Errors
    /// What clients are told instead: [`GraphError::Arriving`], [`GraphError::Moved`].
    pub fn served(&self) -> std::result::Result<(), GraphError> {
        let moves = self.moves.read();
        match (&moves.migration_state, moves.superseded()) {
            (Some(migration_state), _) => Err(migration_state.refusal(&self.name)),
            (None, Some(other)) => Err(GraphError::moved(&self.name, &other.by)),
            (None, None) => Ok(()),
        }
    }

    /// Whether it is the `__commons__` that every store has, served and without content: any graph may take its place.
    pub fn is_empty_commons(&self) -> bool {
        let counters = self.counters();
        let is_empty = counters.nodes == 0 && counters.edges == 0 && self.quarantined().is_none();
        *self.name == *COMMONS && self.is_served() && is_empty
    }

    /// Whether it is here and neither arrives nor has moved, be it superseded or not.
    pub(crate) fn is_served(&self) -> bool {
        self.moves.read().migration_state.is_none()
    }

    /// Whether a move, a hand-over or a restore has to do with it.
    pub(crate) fn has_moved(&self) -> bool {
        let moves = self.moves.read();
        moves.migration_state.is_some() || moves.arrived.is_some() || moves.epoch > 0
    }

    /// Who serves the graph by a higher ownership term than this store has, as far as that is known.
    pub fn superseded(&self) -> Option<Superseded> {
        self.moves.read().superseded().cloned()
    }

    /// Tells that another store serves the graph, or that none does. While its term is the higher one, clients are told
    /// `MOVED` here, of whatever they ask. In memory: it ends with the process.
    pub fn supersede(&self, other: Option<Superseded>) {
        self.moves.write().superseded = other;
    }

    /// How much of its ledger it keeps; none is as the store keeps others.
    pub fn ledger_keep(&self) -> Option<LedgerKeep> {
        self.moves.read().ledger_keep
    }

    pub(crate) fn ledger_pin(&self) -> &LedgerPin {
        &self.ledger_pin
    }

    /// Keeps the ledger from being trimmed behind `sequence` for a while: somebody has the graph as of then and may want to
    /// go on from there.
    pub fn hold_ledger(&self, sequence: u64) {
        self.ledger_pin.hold(sequence);
    }

    pub(crate) fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Refuses further writes because damaged records were found. The first reason stays.
    pub fn quarantine(&self, reason: &str) {
        let found = Quarantine { reason: reason.to_owned(), since_ms: clock::unix_ms() };
        if self.quarantine.set(found).is_ok() {
            tracing::error!(graph = %self.name, reason, "damaged records: the graph is quarantined");
        }
    }

    /// Why the graph takes no writes.
    pub fn quarantined(&self) -> Option<&str> {
        self.quarantine.get().map(|found| found.reason.as_str())
    }

    /// Since when it takes none, Unix milliseconds. Quarantine is in memory: where the damage is met again after a start, since then.
    pub fn quarantined_since_ms(&self) -> Option<u64> {
        self.quarantine.get().map(|found| found.since_ms)
    }

    /// Hands whose it is ([`tenant_of`]) to `look`.
    pub fn with_tenant<T>(&self, look: impl FnOnce(Option<&str>) -> T) -> T {
        let owner = self.owner();
        look(tenant_of(self.tenant(), self.name(), owner.as_deref()))
    }
}
