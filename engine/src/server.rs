//! Start and stop of the server process.

mod standing_by;

use std::{
    io,
    process::ExitCode,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Parser;
use epistemic_audit::Entry;
use epistemic_listen::{Places, manager};
use epistemic_logging::{LAST_LINES, LogWriter, complain};
use epistemic_signing::Key as SigningKey;
use epistemic_storage::{
    Durability, GraphStore, Retention, StoreError,
    channels::{Channels, Keep},
    datadir::DataDir,
    graph::Asking,
    limits::NameLimits,
};
use epistemic_tls::FileError;
use parking_lot::Mutex;
use rustix::{
    fs::Mode,
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask},
};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::standing_by::Stood;
use crate::{
    access::AccessControl,
    admission::Admission,
    analytics::Cancel,
    arrivals::Arrivals,
    audit::{self, Audit, AuditSeries},
    checkpoints::{Checkpoints, Dirty},
    commit::{self, Pacing},
    compaction::Compaction,
    compute_pool::{ComputePool, Shares as ComputeShares},
    config::{AuthChoice, Config, DurabilityMode, MinAuth, SHORT_SECRET},
    descriptors::{self, Shares},
    expected_store::{Expected, WrongStore},
    follow,
    guesses::Guesses,
    http,
    keys::{self, KeySeries, Keys},
    lease::{self, Claimed, Lease, OwnedByAnother, Role},
    lifecycle::Decay,
    listen::{self, Listeners},
    logging, maintenance,
    memory::{Accounts, Budget, Limits as MemoryLimits, Part},
    metrics::Metrics,
    metrics_page::Page,
    neighbor_cache::NeighborCache,
    open_store::{self, Opened},
    open_transfers::OpenTransfers,
    owners::{self, Peers},
    ownership::Ownership,
    projection::Projections,
    quotas::Quotas,
    request::strangers,
    scrub::Scrub,
    semantic::Indexes,
    sessions::Sessions,
    shard::{Authentication, Limits, MadeWith, Periodic, Shard, SharedSecret},
    signed::{Outlives, SignedRequests},
    slow_requests::SlowRequests,
    spool::{self, Spool},
    tls::Tls,
    transactions::Transactions,
    unauthenticated::UnauthenticatedBudget,
    wire::TokenKey,
};

/// Streamed answers at a time; a quarter of the threads for blocking work.
const STREAMS: usize = BLOCKING_THREADS / 4;
const BLOCKING_THREADS: usize = 64;
/// A thread for blocking work that ended could be one that the system does not give again.
const FOR_GOOD: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Folder in the persist dir with the nonces of signed requests.
const NONCES_DIR: &str = "nonces";
/// File in the persist dir with the last line of an audit log that goes to a socket.
const AUDIT_HEAD: &str = "audit.head";
/// Bytes of messages kept of each channel.
const CHANNEL_BYTES: u64 = 64 << 20;
/// Connections get this long to take their last answers when the server stops.
const DRAIN_DEADLINE: Duration = Duration::from_secs(6);
/// Threads that still work for connections that are gone get this long.
const THREADS_DEADLINE: Duration = Duration::from_secs(1);

/// Exit code for flags, secrets and TLS files that cannot be used.
const BAD_USE: u8 = 2;
/// Exit code when the directory does not hold the store that was expected: starting again does not help.
const WRONG_STORE: u8 = 4;
/// Exit code when another process has taken the store over: starting again would take it from that one.
const FENCED: u8 = 5;

/// Exit code when another server has the store and renews its lease: starting again helps once that one has ended.
const OWNED: u8 = 6;

/// The program: exit code 0 after an orderly stop, 1 when it cannot start or go on, 2 for bad flags, no secret or TLS files that
/// cannot be used, 4 when the directory does not hold the store that was expected, 5 when another process has taken the store over,
/// 6 when another one has it.
pub fn main() -> ExitCode {
    let config = Config::parse();
    let auth = match config.auth() {
        Ok(auth) => auth,
        Err(text) => {
            complain(&text);
            return ExitCode::from(BAD_USE);
        }
    };
    let log = match logging::start(config.log_format) {
        Ok(log) => log,
        Err(error) => {
            complain(&format!("error: cannot start the log: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let start = match Start::of(config, auth) {
        Ok(start) => start,
        Err(text) => {
            complain(&format!("error: {text}"));
            return ExitCode::from(BAD_USE);
        }
    };
    if !start.config.allow_core_dumps {
        keep_memory_private();
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "Starting epistemic-graph-server");
    // What all tenants wrote is for nobody else to read, whatever the umask was. Who may use the socket, it says still.
    let umask = umask(Mode::RWXG | Mode::RWXO);
    let code = match run(open_store::open, start, umask, Some(&log), told_to_stop, tell_manager) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            complain(&format!("error: {error:#}"));
            ExitCode::from(exit_code(&error))
        }
    };
    log.flush(LAST_LINES);
    code
}

/// With which code the program ends for this error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<WrongStore>() {
        WRONG_STORE
    } else if matches!(error.downcast_ref(), Some(StoreError::Fenced { .. })) {
        FENCED
    } else if error.is::<OwnedByAnother>() {
        OWNED
    } else if error.is::<FileError>() {
        BAD_USE
    } else {
        1
    }
}

/// Memory holds the secret and what all tenants wrote: no core dump, and no debugger of the same user.
fn keep_memory_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none);
    if let Err(error) = limited.and(set_dumpable_behavior(DumpableBehavior::NotDumpable)) {
        tracing::warn!(%error, "core dumps of this process cannot be turned off");
    }
}

/// What a shard is started with: flags that make sense together.
pub(crate) struct Start {
    config: Config,
    auth: AuthChoice,
    ownership: Option<Ownership>,
    expected: Expected,
    budget: Budget,
}

impl Start {
    /// Derives all from the flags; opens nothing.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn of(config: Config, auth: AuthChoice) -> Result<Self, String> {
        config.tls.check()?;
        config.audit.check()?;
        config.follow.check()?;
        if config.store.is_some() && config.durability != DurabilityMode::Sync {
            return Err(
                "--store knows --durability sync only: a write is acknowledged once the object store has it"
                    .into(),
            );
        }
        let ownership = Ownership::of(&config)?;
        let expected = Expected::of(&config)?;
        let budget = Budget::of(config.memory.memory_budget, &config.memory.given())?;
        Ok(Self { config, auth, ownership, expected, budget })
    }
}

/// How far the life of a shard is.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    /// Its store is opened, which takes long after a crash: the log is replayed.
    Opening,
    /// It listens, and waits for the lease of its store.
    StandingBy,
    /// It listens, and serves.
    Serving,
    /// It takes no further connections, and ends.
    Stopping,
}

fn tell_manager(phase: Phase) {
    match phase {
        Phase::Opening => manager::status("opening the store"),
        Phase::StandingBy => manager::ready("standing by: another server has the store"),
        Phase::Serving => manager::ready("serving"),
        Phase::Stopping => manager::stopping("answering what was asked, then closing the store"),
    }
}

/// The first SIGTERM or SIGINT from now on, and its name. One that comes early is kept: whoever sees an answer may ask for
/// an orderly stop.
fn told_to_stop() -> io::Result<impl Future<Output = &'static str>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// Runs a shard over what `open` opens, until it is asked to stop, or until the future of `until` says why it is to. Blocks.
///
/// `until` is called on the shard's runtime before anybody is served, `enters` at the beginning of each phase. The
/// permissions in `umask` are denied on its socket unless a flag gives others. Lines that `log` drops are counted.
pub(crate) fn run<S: Future<Output = &'static str>>(
    open: impl FnOnce(&Config, &Budget, Shares, &Expected) -> anyhow::Result<Opened>,
    start: Start,
    umask: Mode,
    log: Option<&LogWriter>,
    until: impl FnOnce() -> io::Result<S>,
    enters: impl Fn(Phase),
) -> anyhow::Result<()> {
    enters(Phase::Opening);
    tracing::info!("Memory: {}", start.budget);
    warn_of_risks(&start.config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(FOR_GOOD)
        .build()?;
    // With one thread there, blocking work is only slow while the system gives no others.
    runtime.spawn_blocking(|| ());
    let claimed = lease::claim(&start.config, &start.expected)?;
    let server = Server { start, shares: descriptors::shares(), umask, log, runtime };
    match claimed {
        Claimed::Alone => server.own(open, None, None, until, enters),
        Claimed::Lease(lease) => server.own(open, Some(lease), None, until, enters),
        Claimed::Standby(claim) => {
            let mut told = Box::pin(server.runtime.block_on(async { until() })?);
            match server.stand_by(claim, told.as_mut(), &enters)? {
                Stood::Stopped => Ok(()),
                Stood::Owner(lease, listeners) => {
                    enters(Phase::Opening);
                    server.own(open, Some(lease), Some(listeners), || Ok(told), enters)
                }
            }
        }
    }
}

/// A server, whatever it is to its store.
struct Server<'l> {
    start: Start,
    shares: Shares,
    umask: Mode,
    log: Option<&'l LogWriter>,
    runtime: Runtime,
}

impl Server<'_> {
    /// Opens the store and serves it. Gives `lease` back at the end, however that comes.
    fn own<S: Future<Output = &'static str>>(
        self,
        open: impl FnOnce(&Config, &Budget, Shares, &Expected) -> anyhow::Result<Opened>,
        lease: Option<Lease>,
        listeners: Option<Listeners>,
        until: impl FnOnce() -> io::Result<S>,
        enters: impl Fn(Phase),
    ) -> anyhow::Result<()> {
        let lease = lease.map(Arc::new);
        let ended = self.serve_store(open, lease.clone(), listeners, until, enters);
        if let Some(lease) = lease {
            lease.release();
        }
        ended
    }

    fn serve_store<S: Future<Output = &'static str>>(
        self,
        open: impl FnOnce(&Config, &Budget, Shares, &Expected) -> anyhow::Result<Opened>,
        lease: Option<Arc<Lease>>,
        listeners: Option<Listeners>,
        until: impl FnOnce() -> io::Result<S>,
        enters: impl Fn(Phase),
    ) -> anyhow::Result<()> {
        let Self { start: Start { config, auth, ownership, expected, budget }, shares, umask, log, runtime } =
            self;
        let peers = Peers::of(ownership.as_ref(), &auth)?.map(Arc::new);
        let tls = Tls::open(&config.tls)?;
        if let Some(lease) = &lease {
            // A process that stood still since it took the lease must not depose the one that has it now.
            runtime.block_on(lease.held())?;
        }
        let mut opened = open(&config, &budget, shares, &expected)?;
        let followed = opened.followed.take();
        let role = match (lease, &opened.remote, &followed) {
            (Some(lease), Some(remote), _) => {
                lease.has_epoch(remote.epoch);
                Role::Owner(lease)
            }
            (_, _, Some(followed)) => Role::Replica(Arc::clone(&followed.following)),
            (Some(_) | None, _, None) => Role::Alone,
        };
        let (shard, commit_thread) =
            open_shard(&config, &budget, opened, shares, &auth, (ownership, peers, tls, role), log)?;
        // Keys made of the secret are all that is needed from here on.
        drop(auth);
        if let Some(followed) = followed {
            follow::start(followed, &shard).context("cannot start the thread that follows the store")?;
        }
        let served = runtime
            .block_on(async { serve(&config, shares, umask, &shard, listeners, until()?, &enters).await });
        runtime.shutdown_timeout(THREADS_DEADLINE);
        // Also when it could not listen: the commit thread must not outlive `main`, which takes RocksDB down with it.
        let checkpoint = config.persist_on_shutdown && served.is_ok() && !shard.role.is_replica();
        let closed = close(checkpoint, shard, commit_thread);
        served.and(closed)
    }
}

/// Begins the audit log with the line of this start.
fn audit_log(
    config: &Config,
    directory: Option<&DataDir>,
    metrics: &Metrics,
) -> anyhow::Result<Option<Arc<Audit>>> {
    let series = AuditSeries::new()?;
    let memory = directory.map(|directory| directory.path().join(AUDIT_HEAD));
    let Some(log) = Audit::start(&config.audit, memory, series.clone())? else { return Ok(None) };
    metrics.add_audit(&series)?;
    let store = directory.map(|directory| &*directory.identity().store_id);
    log.begin(audit::started(store))
        .map_err(anyhow::Error::msg)
        .context("--audit required: the audit log")?;
    Ok(Some(log))
}

/// Reads the nonces that the directory remembers. Its owner only.
fn authentication(config: &Config, auth: &AuthChoice, metrics: &Metrics) -> anyhow::Result<Authentication> {
    if config.auth_secret.is_some() {
        tracing::warn!(
            "the secret was given as an argument, which every user of this machine can read; use GRAPH_SERVICE_AUTH_SECRET or --auth-secret-file"
        );
    }
    let shared = match auth {
        AuthChoice::Secret(secret) => Some(secret),
        AuthChoice::Keys => None,
        AuthChoice::Insecure => {
            tracing::warn!(
                "SECURITY: running WITHOUT authentication: everyone who can connect can do everything"
            );
            return Ok(Authentication::None);
        }
    };
    if auth.is_short() {
        tracing::warn!(
            "SECURITY: the secret has fewer than {SHORT_SECRET} bytes: who overhears one request can find it by trying; \
             make one with: openssl rand -hex 32"
        );
    }
    let signed = &config.signed;
    let nonces = config.persist_dir.as_ref().map(|dir| dir.join(NONCES_DIR));
    let outlives = match &nonces {
        Some(dir) => Outlives::Nonces(dir),
        None if config.is_in_memory() => Outlives::Nothing,
        None => Outlives::Records,
    };
    let checks = SignedRequests::open(signed.expected(), signed.window(), outlives);
    let made_with = match (&config.keys_file, shared) {
        (Some(file), shared) => {
            let series = KeySeries::new()?;
            metrics.add(&series)?;
            let keys = Keys::open(file.clone(), shared, series).context("--keys-file")?;
            MadeWith::Keys(Box::new(keys))
        }
        (None, Some(secret)) => {
            let (by_id, signing) = (TokenKey::new(secret), SigningKey::new(secret));
            MadeWith::Secret(Box::new(SharedSecret { by_id, signing }))
        }
        (None, None) => anyhow::bail!("no secret and no --keys-file"),
    };
    let weakest = signed.min_auth;
    let only = match weakest {
        MinAuth::Token => "",
        MinAuth::Local => ", signed requests only but on this machine",
        MinAuth::Signed => ", signed requests only",
    };
    let with = if config.keys_file.is_some() { ", keys of a file" } else { "" };
    tracing::info!("Auth: enabled{with}{only}");
    Ok(Authentication::Tokens { made_with, weakest, signed: Box::new(checks) })
}

fn warn_of_risks(config: &Config) {
    match config.durability {
        DurabilityMode::Sync => {}
        DurabilityMode::Interval(period) => tracing::warn!(
            "--durability interval: a power cut loses up to {} ms of acknowledged writes",
            period.as_millis()
        ),
        DurabilityMode::None => tracing::warn!("--durability none: a power cut loses acknowledged writes"),
    }
    if config.is_in_memory() {
        tracing::warn!("no --persist-dir: everything is kept in memory and lost at exit");
    }
}

fn open_shard(
    config: &Config,
    budget: &Budget,
    Opened { graphs, directory, remote, .. }: Opened,
    shares: Shares,
    auth: &AuthChoice,
    (ownership, peers, tls, role): (Option<Ownership>, Option<Arc<Peers>>, Tls, Role),
    log: Option<&LogWriter>,
) -> anyhow::Result<(Arc<Shard>, JoinHandle<()>)> {
    let quotas = Quotas::open(config.quotas.clone(), directory.as_ref().map(DataDir::path))?;
    let ownership = ownership.map(Arc::new);
    if let Some(ownership) = &ownership {
        tracing::info!(fingerprint = ownership.fingerprint(), "Advertised as {}", ownership.advertised());
        let (ownership, peers) = (Arc::clone(ownership), peers.clone());
        graphs.set_creation_policy(Box::new(move |name, asking| {
            // What is brought is the cure for what is missing.
            if let (Asking::Client, Some(peers)) = (asking, &peers) {
                peers.may_create(name)?;
            }
            ownership.may_create(name)
        }));
    }
    let (memory, limits) = (Accounts::new(budget), MemoryLimits::of(config, budget));
    graphs.limit_requests(limits.written);
    let longest = |bytes: u32| bytes as usize;
    graphs.limit_names(NameLimits {
        graph: longest(config.max_graph_name_bytes),
        node: longest(config.max_node_id_bytes),
    });
    quotas.apply(&graphs);
    let graphs = Arc::new(graphs);
    let metrics = Arc::new(Metrics::new(log, config.max_graph_series as usize)?);
    let authentication = authentication(config, auth, &metrics)?;
    let audit = audit_log(config, directory.as_ref(), &metrics)?;
    let takes_checkpoints = directory.is_some() || graphs.store().restore_points().is_some();
    let dirty = Arc::new(Dirty::new(takes_checkpoints));
    let path = directory.as_ref().map(|directory| directory.path().to_owned());
    let most = spool::Most { bytes: config.memory.answer_disk, files: shares.spooled };
    let spool = Spool::new(path.clone(), most, config.min_free_bytes);
    let scrub = Scrub::new(path, config.scrub_interval);
    let retention = Retention {
        newest: usize::from(config.checkpoint_keep),
        by_age: true,
        younger_than: config.checkpoint_keep_for,
    };
    let checkpoints =
        Checkpoints::new(directory, retention, Arc::clone(&dirty), Arc::clone(&metrics), &graphs)?;
    let durability = match config.durability {
        DurabilityMode::Sync => Durability::Sync,
        DurabilityMode::Interval(_) | DurabilityMode::None => Durability::Buffered,
    };
    let keep = Keep { messages: config.channel_messages, bytes: CHANNEL_BYTES };
    let channels = Channels::open(Arc::clone(&graphs), keep, durability)?;
    let access = AccessControl::open(&graphs, config.access_control, &config.system_agents, durability)?;
    if let Some(keys) = authentication.keys() {
        access.trust(keys.trusted());
    }
    access.log();
    access.identities.limit_names(budget.bytes(Part::Names) / 2);
    channels.limit_names(budget.bytes(Part::Names) / 2);
    let (fenced, stop) = (Arc::<OnceLock<StoreError>>::default(), CancellationToken::new());
    let (tell, end) = (Arc::clone(&fenced), stop.clone());
    graphs.on_fenced(move |error| {
        tell.get_or_init(|| error.clone());
        end.cancel();
    });
    let (tell, end) = (Arc::clone(&fenced), stop.clone());
    role.on_lost(move |error| {
        tell.get_or_init(|| error);
        end.cancel();
    });
    let pacing = Pacing {
        interval: Duration::from_millis(config.commit_interval),
        deadline: Duration::from_secs(config.store_deadline),
    };
    let (committer, commit_thread) =
        commit::start(Arc::clone(&graphs), durability, pacing, Arc::clone(&dirty), Arc::clone(&metrics))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let reads_wait = graphs.store().reads_wait();
    let for_reads =
        if reads_wait { ComputeShares::of_waiting_reads() } else { ComputeShares::of_reads(cores) };
    let shard = Shard {
        graphs,
        ownership,
        peers,
        committer,
        channels,
        access,
        authentication,
        audit,
        sessions: Sessions::default(),
        admission: Admission::new(config.max_inflight),
        budget: *budget,
        memory: Arc::clone(&memory),
        spool,
        quotas,
        slow: SlowRequests::new(config.slow_request, &metrics),
        metrics,
        neighbors: NeighborCache::new(budget.bytes(Part::Neighbors)),
        projections: Projections::new(budget.bytes(Part::Projections)),
        reasoning: Mutex::default(),
        vectors: Indexes::new(budget.bytes(Part::Vectors)),
        compute: ComputePool::start("compute", ComputeShares::of(cores), cores, config.compute_deadline())?,
        reads: ComputePool::start("reads", for_reads, 1, config.compute_deadline())?,
        reads_wait,
        checkpoints,
        remote,
        role,
        dirty,
        unauthenticated: Arc::new(UnauthenticatedBudget::new(budget.bytes(Part::Strangers))),
        places: places(config, shares),
        streams: Arc::new(tokio::sync::Semaphore::new(STREAMS)),
        documents: Arc::new(tokio::sync::Semaphore::new(1)),
        large_strangers: tokio::sync::Semaphore::new(strangers::AT_ONCE),
        tls,
        guesses: Guesses::default(),
        short_secret: auth.is_short(),
        limits: Limits::new(config, &limits),
        open_transfers: OpenTransfers::new(
            limits.transfers,
            &memory,
            (config.transfer_idle > 0).then(|| Duration::from_secs(config.transfer_idle)),
        ),
        transactions: Transactions::new(&memory),
        started: Instant::now(),
        durability: config.durability,
        checkpoint_interval: config.checkpoint_interval,
        decay: Periodic {
            seconds: config.decay_interval,
            work: Decay {
                half_life: config.decay_half_life,
                floor: config.decay_floor,
                prune: config.decay_floor > 0.0,
            },
        },
        scrub,
        ledger_keep: config.ledger_keep,
        refusing: AtomicBool::new(false),
        reclaim_delay: config.reclaim_delay,
        rest_until: Mutex::default(),
        compaction: Compaction::default(),
        arrivals: Arrivals::default(),
        stop,
        held_up_for: Duration::from_secs(config.store_deadline),
        fenced,
        sweeps: Cancel::default(),
    };
    Ok((Arc::new(shard), commit_thread))
}

fn places(config: &Config, shares: Shares) -> Arc<Places> {
    let wanted = config.max_connections.map_or(shares.connections, |most| most as usize);
    let most = wanted.min(shares.connections);
    if most < wanted {
        tracing::warn!(
            "--max-connections {wanted} is more than the limit of open files leaves beside the files of the store: \
             {most} are served at a time; raise it (ulimit -n, LimitNOFILE=)"
        );
    }
    let of_one = config.max_unauthenticated.map_or((most / 2).max(1), |most| most as usize);
    Places::new(most, of_one)
}

/// Listens, serves until told to stop, and drains.
async fn serve(
    config: &Config,
    shares: Shares,
    umask: Mode,
    shard: &Arc<Shard>,
    listeners: Option<Listeners>,
    told: impl Future<Output = &'static str>,
    enters: &impl Fn(Phase),
) -> anyhow::Result<()> {
    if config.quotas.is_some() {
        tokio::spawn(maintenance::read_quotas_again(Arc::clone(shard), signal(SignalKind::hangup())?));
    }
    watch_files(shard)?;
    owners::check_first(shard).await;
    let listeners = match listeners {
        Some(listeners) => listeners,
        None => Listeners::bind(config, umask).await?,
    };
    let connections = TaskTracker::new();
    listen_on(listeners, config, shares, shard, &connections)?;
    maintenance::start(shard);
    owners::start(shard);
    enters(Phase::Serving);

    tokio::select! {
        why = told => {
            tracing::info!("{why}: draining");
            if let Some(log) = &shard.audit {
                log.note(Entry::new("shutdown").detail(why));
            }
        }
        () = shard.stop.cancelled() => match shard.fenced.get() {
            None => tracing::info!("Shutdown was asked for: draining"),
            Some(error) => tracing::error!("{error}"),
        },
    }
    enters(Phase::Stopping);
    shard.shut_down();
    connections.close();
    if tokio::time::timeout(DRAIN_DEADLINE, connections.wait()).await.is_err() {
        tracing::warn!("some connections took too long to drain and are cut off");
    }
    shard.fenced.get().map_or(Ok(()), |error| Err(error.clone().into()))
}

/// Reads the files of keys and certificates again when they change, until the shard stops.
fn watch_files(shard: &Arc<Shard>) -> io::Result<()> {
    if shard.authentication.keys().is_some() {
        tokio::spawn(keys::watch(Arc::clone(shard), signal(SignalKind::hangup())?));
    }
    if shard.tls.certificates.is_some() {
        let keep = epistemic_tls::keep(shard.tls.servers(), signal(SignalKind::hangup())?);
        tokio::spawn(shard.stop.clone().run_until_cancelled_owned(keep));
    }
    Ok(())
}

/// Accepts connections until the shard stops; `connections` tells when all have ended.
fn listen_on(
    listeners: Listeners,
    config: &Config,
    shares: Shares,
    shard: &Arc<Shard>,
    connections: &TaskTracker,
) -> anyhow::Result<()> {
    if let Some(listener) = listeners.tcp {
        let address = listener.local_addr()?;
        tracing::info!("Listening on TCP: {address}");
        shard.tls.listens_on(address);
        connections.spawn(listen::serve_tcp(Arc::clone(shard), listener, connections.clone()));
    }
    if let Some(listener) = listeners.metrics {
        let scheme = if config.tls.tls_cert.is_some() { "https" } else { "http" };
        tracing::info!("Metrics on {scheme}://{}/metrics", listener.local_addr()?);
        // Not drained: it ends with the runtime, whatever its clients do.
        let page = Page::start(shard).context("cannot start the thread of the metrics page")?;
        tokio::spawn(http::serve(Arc::clone(shard), listener, page, shares.http));
    }
    if let Some(socket) = listeners.unix {
        tracing::info!("Listening on UDS: {}", socket.path().display());
        connections.spawn(listen::serve_unix(Arc::clone(shard), socket, connections.clone()));
    }
    Ok(())
}

/// Commits what is queued, takes the last checkpoint if asked and closes the store.
fn close(checkpoint: bool, shard: Arc<Shard>, commit_thread: JoinHandle<()>) -> anyhow::Result<()> {
    let taken = if checkpoint { shard.checkpoints.take(&shard.graphs).map(drop) } else { Ok(()) };
    let (graphs, audit) = (Arc::clone(&shard.graphs), shard.audit.clone());
    shard.authentication.close();
    drop(shard);
    if graphs.store().reads_wait() && !ends_soon(&commit_thread) {
        anyhow::bail!("the store does not answer: whether the writes under way were made is open");
    }
    if commit_thread.join().is_err() {
        anyhow::bail!("the commit thread panicked");
    }
    taken.context("checkpoint at shutdown")?;
    await_readers(&graphs);
    if graphs.poisoned().is_none() {
        graphs.sync().context("last sync")?;
        if let Err(error) = graphs.store().flush() {
            tracing::warn!(%error, "the newest changes stay in the log, which the next start replays");
        }
    }
    if let Some(log) = audit {
        // What could not be written the writer has said.
        let _ = log.record_now(Entry::new("stop"));
    }
    tracing::info!("stopped");
    Ok(())
}

/// Whether a commit thread ends that may wait for a store over a network.
fn ends_soon(commit_thread: &JoinHandle<()>) -> bool {
    let deadline = Instant::now() + DRAIN_DEADLINE;
    while !commit_thread.is_finished() && Instant::now() < deadline {
        #[expect(clippy::disallowed_methods, reason = "a thread does not tell of its end within a time")]
        std::thread::sleep(Duration::from_millis(5));
    }
    commit_thread.is_finished()
}

/// Waits for the threads of transfers, which end with their connections: RocksDB must not be closed under them.
fn await_readers(graphs: &Arc<GraphStore>) {
    let deadline = Instant::now() + THREADS_DEADLINE;
    while Arc::strong_count(graphs) > 1 && Instant::now() < deadline {
        #[expect(clippy::disallowed_methods, reason = "nothing tells when the last clone is dropped")]
        std::thread::sleep(Duration::from_millis(5));
    }
}
