//! What every connection shares.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::{Duration, Instant},
};

use epistemic_listen::Places;
use epistemic_signing::Key as SigningKey;
use epistemic_storage::{
    GraphId, GraphStore, StoreError,
    channels::Channels,
    graph::{GraphError, LedgerKeep, Op, Outcome},
};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    access::AccessControl,
    account::Account,
    admission::Admission,
    analytics::Cancel,
    arrivals::Arrivals,
    audit::Audit,
    checkpoints::{Checkpoints, Dirty},
    commit::Committer,
    compaction::Compaction,
    compute_pool::ComputePool,
    config::{Config, DurabilityMode, MinAuth},
    guesses::Guesses,
    keys::{Keys, Session},
    lease::Role,
    lifecycle::Decay,
    memory::{Accounts, Budget, Limits as MemoryLimits, Part, Usage},
    metrics::Metrics,
    neighbor_cache::NeighborCache,
    open_store::Remote,
    open_transfers::OpenTransfers,
    owners::Peers,
    ownership::Ownership,
    projection::Projections,
    quotas::{Quotas, WriteCharge},
    scrub::Scrub,
    semantic::Indexes,
    sessions::Sessions,
    signed::SignedRequests,
    slow_requests::SlowRequests,
    spool::Spool,
    tls::Tls,
    transactions::Transactions,
    unauthenticated::UnauthenticatedBudget,
    wire::TokenKey,
};

/// A running shard.
pub(crate) struct Shard {
    pub(crate) graphs: Arc<GraphStore>,
    /// Which graphs may be created here; without it, all.
    pub(crate) ownership: Option<Arc<Ownership>>,
    /// The other shards, where the list has any.
    pub(crate) peers: Option<Arc<Peers>>,
    pub(crate) committer: Committer,
    pub(crate) channels: Channels,
    pub(crate) access: AccessControl,
    pub(crate) authentication: Authentication,
    /// Who did what, where that is written.
    pub(crate) audit: Option<Arc<Audit>>,
    /// The connections that are served.
    pub(crate) sessions: Sessions,
    pub(crate) admission: Arc<Admission>,
    /// How the memory of the process is divided.
    pub(crate) budget: Budget,
    /// Who holds what of the memory that requests fill.
    pub(crate) memory: Arc<Accounts>,
    /// Answers of slow clients, on disk.
    pub(crate) spool: Arc<Spool>,
    /// What tenants may have and use.
    pub(crate) quotas: Quotas,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) slow: SlowRequests,
    pub(crate) neighbors: NeighborCache,
    pub(crate) projections: Projections,
    /// Graphs on which reasoning runs.
    pub(crate) reasoning: Mutex<HashSet<GraphId>>,
    pub(crate) vectors: Indexes,
    pub(crate) compute: ComputePool,
    /// Threads for reads of much of a graph, and for decoding large requests.
    pub(crate) reads: ComputePool,
    /// Whether all reads of records are to run there, because they may wait for a network.
    pub(crate) reads_wait: bool,
    pub(crate) checkpoints: Checkpoints,
    /// The object store that the graphs lie on, where they do.
    pub(crate) remote: Option<Remote>,
    /// What this process is to the store.
    pub(crate) role: Role,
    pub(crate) dirty: Arc<Dirty>,
    pub(crate) unauthenticated: Arc<UnauthenticatedBudget>,
    /// Places for connections.
    pub(crate) places: Arc<Places>,
    /// Places for answers that are streamed from a thread: clients that take theirs slowly must not use up all threads.
    pub(crate) streams: Arc<tokio::sync::Semaphore>,
    /// Places for large first requests of connections, while their tokens are checked.
    pub(crate) large_strangers: tokio::sync::Semaphore,
    /// Whether and how TCP connections are under TLS.
    pub(crate) tls: Tls,
    /// Who has sent wrong tokens.
    pub(crate) guesses: Guesses,
    /// The secret is so short that one request that was overheard is enough to find it.
    pub(crate) short_secret: bool,
    /// Places for requests over the usual limit: documents, one at a time.
    pub(crate) documents: Arc<tokio::sync::Semaphore>,
    pub(crate) limits: Limits,
    pub(crate) open_transfers: OpenTransfers,
    /// Copies that moves bring.
    pub(crate) arrivals: Arrivals,
    pub(crate) transactions: Transactions,
    pub(crate) started: Instant,
    pub(crate) durability: DurabilityMode,
    pub(crate) checkpoint_interval: u64,
    pub(crate) decay: Periodic<Decay>,
    pub(crate) scrub: Scrub,
    /// The one that an operator asked for.
    pub(crate) compaction: Compaction,
    /// How much of their ledgers graphs keep that have no rule of their own.
    pub(crate) ledger_keep: LedgerKeep,
    /// No writes were taken when that was last looked at.
    pub(crate) refusing: AtomicBool,
    /// Seconds that removed records wait to leave the tables.
    pub(crate) reclaim_delay: u64,
    /// Until then no room of removed records is given back: that has its turn now and then only.
    pub(crate) rest_until: Mutex<Option<Instant>>,
    /// Cancelled when the server is to stop.
    pub(crate) stop: CancellationToken,
    /// An answer is held up for this time while it is not certain who serves the store.
    pub(crate) held_up_for: Duration,
    /// That another process has taken the store over: nothing is answered any more.
    pub(crate) fenced: Arc<OnceLock<StoreError>>,
    /// Ends the sweeps of the server's own, which are computations, when it is to stop.
    pub(crate) sweeps: Cancel,
}

/// What proves who sent a request.
pub(crate) enum Authentication {
    /// Nothing: everybody is served.
    None,
    /// A token.
    Tokens {
        made_with: MadeWith,
        /// The weakest that is taken.
        weakest: MinAuth,
        signed: Box<SignedRequests>,
    },
}

/// What tokens are made with.
pub(crate) enum MadeWith {
    /// The shared secret.
    Secret(Box<SharedSecret>),
    /// The keys of a file.
    Keys(Box<Keys>),
}

/// The shared secret as the key of both kinds of tokens.
pub(crate) struct SharedSecret {
    pub(crate) by_id: TokenKey,
    pub(crate) signing: SigningKey,
}

/// Whether tokens over the id of a request are taken of this client.
pub(crate) fn takes_by_id(weakest: MinAuth, client: &Session) -> bool {
    match weakest {
        MinAuth::Token => true,
        MinAuth::Local => client.is_local(),
        MinAuth::Signed => false,
    }
}

impl Authentication {
    /// How long the idempotency key of a write is kept, in milliseconds.
    pub(crate) fn keys_kept_ms(&self) -> u64 {
        const WITHOUT_WINDOW: u64 = 600_000;
        match self {
            Authentication::None => WITHOUT_WINDOW,
            Authentication::Tokens { signed, .. } => signed.keys_kept_ms(),
        }
    }

    /// The keys, where there is a file of them.
    pub(crate) fn keys(&self) -> Option<&Keys> {
        match self {
            Authentication::Tokens { made_with: MadeWith::Keys(keys), .. } => Some(keys),
            Authentication::Tokens { .. } | Authentication::None => None,
        }
    }

    /// Says that nonces are on disk. Blocks.
    pub(crate) fn close(&self) {
        if let Authentication::Tokens { signed, .. } = self {
            signed.close();
        }
    }
}

/// Work at an interval; 0 seconds is never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Periodic<T> {
    pub(crate) seconds: u64,
    pub(crate) work: T,
}

/// Limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of a request.
    pub(crate) max_frame_bytes: usize,
    /// Of a document, in both directions.
    pub(crate) max_document_bytes: usize,
    /// Of an answer that is built in memory.
    pub(crate) max_result_bytes: usize,
    pub(crate) frame_deadline: std::time::Duration,
    /// Computations that run for so long are ended.
    pub(crate) compute_deadline: Option<std::time::Duration>,
}

impl Limits {
    /// Bytes of a frame at most. A document may come as a list of integers, which take two bytes each.
    pub(crate) fn frame_bytes(&self, authenticated: bool) -> usize {
        const BESIDE_THE_DOCUMENT: usize = 128 << 10;
        let document = self.max_document_bytes.saturating_mul(2).saturating_add(BESIDE_THE_DOCUMENT);
        if authenticated { self.max_frame_bytes.max(document) } else { self.max_frame_bytes }
    }

    pub(crate) fn new(config: &Config, memory: &MemoryLimits) -> Self {
        Self {
            max_frame_bytes: memory.frame,
            max_document_bytes: memory.document,
            max_result_bytes: memory.answer,
            frame_deadline: std::time::Duration::from_secs(config.frame_deadline),
            compute_deadline: config.compute_deadline(),
        }
    }
}

impl Shard {
    /// Asks the server to drain and stop.
    pub(crate) fn shut_down(&self) {
        self.stop.cancel();
        self.sweeps.cancel();
    }

    /// Why no writes are taken, if none are.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.role.unready().or_else(|| self.graphs.write_refusal())
    }

    /// Whether another process has taken the store over.
    pub(crate) fn is_fenced(&self) -> bool {
        self.fenced.get().is_some()
    }

    /// Sends a write through the commit thread and waits for it; for threads that may block. Durable on return as configured.
    pub(crate) fn write_blocking(
        &self,
        account: Account,
        op: Op,
        charge: Option<WriteCharge>,
    ) -> Result<Outcome, GraphError> {
        let gone = || GraphError::Store(StoreError::other("the server is shutting down"));
        self.committer.submit(account, None, op, None, charge).blocking_recv().map_err(|_| gone())?.reply
    }

    /// What each part of the memory holds now, as far as it is counted. Reads figures of the store.
    pub(crate) fn memory_usage(&self) -> Usage {
        let stored = self.graphs.store().stats().unwrap_or_default();
        Usage::new(|part| match part {
            Part::Base | Part::Commits => 0,
            Part::Blocks => stored.cache_bytes,
            Part::WriteBuffers => stored.write_buffer_bytes,
            Part::Projections => self.projections.all_bytes() as u64,
            Part::Vectors => self.vectors.bytes() as u64,
            Part::Neighbors => self.neighbors.bytes() as u64,
            Part::Names => self.access.identities.name_bytes() + self.channels.name_bytes(),
            Part::Strangers => self.unauthenticated.held() as u64,
            Part::Requests | Part::Answers | Part::Transfers | Part::Transactions => {
                self.memory.held(part) as u64
            }
        })
    }
}
