//! Flags and variables.

mod authentication;

use std::{ffi::OsString, path::PathBuf, time::Duration};

pub use self::authentication::{AuthChoice, MinAuth, SHORT_SECRET, SignedConfig};
use crate::{
    audit::AuditFlags,
    follow::FollowFlags,
    lease::LeaseFlags,
    memory::{Given, MemoryBudget, Part},
    tls::TlsFlags,
};
use clap::{Command, CommandFactory, FromArgMatches, Parser};
use epistemic_storage::{
    graph::LedgerKeep,
    limits::{MAX_NAME_BYTES, MAX_NODE_ID_BYTES, MAX_NODE_LABELS},
};

/// A shard of the epistemic-graph service: named graphs over a unix socket and TCP, durable in a directory.
#[derive(Debug, Clone, Parser)]
#[command(name = "epistemic-graph-server", version, max_term_width = 100)]
pub struct Config {
    /// Unix socket to listen on [default: $XDG_RUNTIME_DIR/epistemic-graph.sock, else /tmp/epistemic-graph.sock; with
    /// --tcp-addr a server goes on without the default one when another has it]
    #[arg(long, env = "GRAPH_SERVICE_SOCKET", value_name = "PATH")]
    pub socket_path: Option<PathBuf>,

    /// Permissions of the socket, in octal: who may write to it may connect. 0600 is for the user of the server alone
    /// [default: what the umask leaves of 0777]
    #[arg(long, env = "GRAPH_SERVICE_SOCKET_MODE", value_name = "MODE", value_parser = parse_mode)]
    pub socket_mode: Option<u32>,

    /// TCP address to listen on as well, e.g. 127.0.0.1:9101. Beyond loopback give it a certificate
    #[arg(long, env = "GRAPH_SERVICE_TCP_ADDR", value_name = "HOST:PORT")]
    pub tcp_addr: Option<String>,

    /// About TLS.
    #[command(flatten)]
    pub tls: TlsFlags,

    /// Shared secret. Visible to every user of the machine: prefer GRAPH_SERVICE_AUTH_SECRET or --auth-secret-file
    #[arg(long, value_name = "SECRET")]
    pub auth_secret: Option<String>,

    /// File with the shared secret, readable by its owner only (mode 0600)
    #[arg(long, value_name = "FILE")]
    pub auth_secret_file: Option<PathBuf>,

    /// File with the keys of tenants and operators (docs/keys.md), for its owner only (mode 0600). It is read again when it
    /// changes and at SIGHUP; with a mistake in it the server does not start, or goes on with the keys that it has. Without it
    /// the shared secret is the only key
    #[arg(long, env = "GRAPH_SERVICE_KEYS_FILE", value_name = "FILE")]
    pub keys_file: Option<PathBuf>,

    /// About tokens.
    #[command(flatten)]
    pub signed: SignedConfig,

    /// Let core dumps of this process be written and debuggers of its user look into it. Both show the secret and everybody's
    /// data
    #[arg(long)]
    pub allow_core_dumps: bool,

    /// Serve without authentication: everyone who can connect can do everything
    #[arg(long)]
    pub allow_insecure: bool,

    /// Endpoint of this shard, as clients have it in their list: the shard then creates only graphs that the list gives
    /// to it, and tells its list to clients. Without it nothing is checked
    #[arg(long, value_name = "ENDPOINT")]
    pub advertise: Option<String>,

    /// With --advertise: the endpoints of all shards, separated by commas, with the same texts as in every client
    #[arg(long, env = "GRAPH_SERVICE_ENDPOINTS", value_name = "LIST")]
    pub endpoints: Option<String>,

    /// With --advertise: groups of graphs that are placed together, anchor:member|member, separated by commas
    #[arg(long, env = "GRAPH_AFFINITY_GROUPS", value_name = "GROUPS")]
    pub affinity_groups: Option<String>,

    /// Directory for durable data. Without it everything is kept in memory and lost at exit
    #[arg(long, env = "GRAPH_SERVICE_PERSIST_DIR", value_name = "DIR")]
    pub persist_dir: Option<PathBuf>,

    /// Prefix of an object store for durable data instead of --persist-dir: s3://BUCKET/PREFIX, with endpoint, region and
    /// credentials as the AWS_ variables have them (docs/object-store.md). One server has it at a time (docs/takeover.md)
    #[arg(long, env = "GRAPH_SERVICE_STORE", value_name = "URL", conflicts_with = "persist_dir")]
    pub store: Option<String>,

    /// About the lease.
    #[command(flatten)]
    pub lease: LeaseFlags,

    /// About read replicas.
    #[command(flatten)]
    pub follow: FollowFlags,

    /// An empty or missing --persist-dir or --store may become a new store. Without this flag it does too, with a warning in the log
    #[arg(long)]
    pub init: bool,

    /// Identity of the store that --persist-dir or --store must hold (`store` in egctl status); with another one, or none, the server
    /// does not start. Empty: any
    #[arg(long, env = "GRAPH_SERVICE_EXPECT_STORE", value_name = "ID")]
    pub expect_store: Option<String>,

    /// File outside of --persist-dir with the identity of the store that it must hold. When there is no such file: with
    /// --init it is written, for the store that is found or created; else the server does not start
    #[arg(long, value_name = "FILE")]
    pub store_id_file: Option<PathBuf>,

    /// When a write is acknowledged: `sync` after its fsync; `interval:MS` before, with an fsync every MS milliseconds;
    /// `none` before, the operating system decides. All but `sync` can lose acknowledged writes in a power cut
    #[arg(long, default_value = "sync", value_name = "MODE", value_parser = parse_durability)]
    pub durability: DurabilityMode,

    /// Milliseconds between the beginnings of two commits at least, for stores that charge for each; writes that come meanwhile
    /// share the next one, and a group that is full does not wait. 0 commits as soon as there is something, at most 10000
    #[arg(
        long, default_value_t = 0, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(..=10_000)
    )]
    pub commit_interval: u64,

    /// Seconds after which writes are refused while a store over a network does not answer; the commit that is under way goes
    /// on waiting. Does not concern --persist-dir
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub store_deadline: u64,

    /// Seconds between automatic checkpoints; 0 takes none
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub checkpoint_interval: u64,

    /// Checkpoints to keep
    #[arg(long, default_value_t = 2, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub checkpoint_keep: u16,

    /// Checkpoints that are not older than this are kept too, however many: seconds, or with a unit: 12h, 7d. Each keeps what
    /// was overwritten since
    #[arg(long, default_value = "0", value_name = "TIME", value_parser = parse_time)]
    pub checkpoint_keep_for: Duration,

    /// Take a checkpoint at shutdown. Data is durable without it
    #[arg(long)]
    pub persist_on_shutdown: bool,

    /// Time between two scrubs, each of which reads all tables of --persist-dir in the background to find damage: seconds, or
    /// with a unit: 12h, 7d; 0 scrubs only when asked to
    #[arg(long, default_value = "7d", value_name = "TIME", value_parser = parse_time)]
    pub scrub_interval: Duration,

    /// Writes are refused while the file system has fewer free bytes than this
    #[arg(long, default_value_t = 64 << 20, value_name = "BYTES")]
    pub min_free_bytes: u64,

    /// How much graphs keep of their ledgers that have no rule of their own (egctl ledger keep): all, or one or more of
    /// records:COUNT, bytes:SIZE (512MiB) and age:TIME (30d), separated by commas. A record goes when any of them no longer
    /// covers it
    #[arg(long, default_value = "all", value_name = "RULE")]
    pub ledger_keep: LedgerKeep,

    /// Seconds after which what was deleted leaves the tables and gives its room back; 64 MiB or more do so at once. It may
    /// take longer while that work takes more than a tenth of the time
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub reclaim_delay: u64,

    /// Room that is held on the disk of --persist-dir for a start or a deletion when the disk is full, at most a hundredth
    /// of what is free; 0 holds none
    #[arg(long, default_value_t = 64 << 20, value_name = "BYTES")]
    pub ballast_bytes: u64,

    /// Connections at a time. Beyond, the oldest one without an authenticated request is closed
    /// [default: what the limit of open files leaves beside the files of the store]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: Option<u32>,

    /// Of these, connections of one address, or of one user of the socket, without an authenticated request. Beyond, the
    /// oldest of them is closed [default: half of --max-connections]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_unauthenticated: Option<u32>,

    /// Flags about memory.
    #[command(flatten)]
    pub memory: MemoryConfig,

    /// Seconds between sweeps that let confidence decay in all graphs; 0 never sweeps
    #[arg(long, env = "GRAPH_SERVICE_DECAY_INTERVAL", default_value_t = 0, value_name = "SECONDS")]
    pub decay_interval: u64,

    /// Seconds in which confidence halves in those sweeps
    #[arg(long, env = "GRAPH_SERVICE_DECAY_HALF_LIFE", default_value_t = 604_800.0, value_name = "SECONDS")]
    pub decay_half_life: f64,

    /// Above 0, those sweeps remove nodes and edges with less confidence than this
    #[arg(long, env = "GRAPH_SERVICE_DECAY_FLOOR", default_value_t = 0.0, value_name = "CONFIDENCE")]
    pub decay_floor: f64,

    /// HTTP address for /metrics (Prometheus), /healthz and /readyz
    #[arg(long, env = "GRAPH_SERVICE_METRICS_ADDR", value_name = "HOST:PORT")]
    pub metrics_addr: Option<String>,

    /// Longest name of a new graph; graphs of longer names stay in use
    #[arg(long, default_value_t = MAX_NAME_BYTES as u32, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(64..=1 << 20))]
    pub max_graph_name_bytes: u32,

    /// Longest id of a new node; nodes of longer ids stay in use
    #[arg(long, default_value_t = MAX_NODE_ID_BYTES as u32, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(64..=16 << 20))]
    pub max_node_id_bytes: u32,

    /// Requests that take longer, until their response was given to the system, are logged with where the time went, some at
    /// a time: a number with ms, s or m; 0 logs none
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = parse_short_time)]
    pub slow_request: Duration,

    /// Graphs with metrics of their own; the operations of further ones are counted together
    #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
    pub max_graph_series: u32,

    /// Largest request frame, but for documents of clients that are known; a larger one is refused before anything is
    /// allocated for it [default: 64 MiB, less where --memory-budget is small]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1024..))]
    pub max_frame_bytes: Option<u32>,

    /// Largest document of `ToMsgpack` and `FromMsgpack`; one over --max-frame-bytes is taken at a time [default: 512 MiB,
    /// less where --memory-budget is small]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1024..=1 << 30))]
    pub max_document_bytes: Option<u32>,

    /// Requests in flight; one graph may have a quarter of them. More are answered BUSY
    #[arg(long, env = "EPISTEMIC_GRAPH_MAX_INFLIGHT", default_value_t = 1024, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_inflight: u32,

    /// File with what each tenant may have and use at most (docs/operations.md). SIGHUP reads it again; with a mistake in it
    /// the server does not start, or goes on with the rules that it has
    #[arg(long, value_name = "FILE")]
    pub quotas: Option<PathBuf>,

    /// Seconds a connection may take to send its first authenticated request, or to finish a frame it began. One that has
    /// sent nothing at all may wait for as long as a quarter of --max-connections is not taken by strangers
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub frame_deadline: u64,

    /// Seconds after which a computation, or a read of a whole graph, is ended with an error that says how far it came; 0 ends
    /// none
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub compute_deadline: u64,

    /// What one request may write.
    #[command(flatten)]
    pub written: WriteLimits,

    /// Seconds after which a snapshot that is sent or received in pieces is ended when nobody goes on with it: until then it
    /// keeps what was overwritten since on disk. 0 never ends one
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub transfer_idle: u64,

    /// Snapshots that are sent or received in pieces at a time, over all connections [default: 64, fewer where
    /// --memory-budget is small]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_transfers: Option<u32>,

    /// Messages kept of each channel; the oldest are dropped beyond
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub channel_messages: u64,

    /// From when on the rules of identities and owners hold
    #[arg(long, env = "GRAPH_SERVICE_ACCESS_CONTROL", default_value = "auto", value_name = "MODE")]
    pub access_control: AccessMode,

    /// Agent that is System, which no request changes; repeat it, or separate several by commas. Others are registered as
    /// System by a System identity
    #[arg(
        long = "system-agent",
        env = "GRAPH_SERVICE_SYSTEM_AGENTS",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub system_agents: Vec<String>,

    /// About the audit log.
    #[command(flatten)]
    pub audit: AuditFlags,

    /// Form of the log on standard output
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// Flags about what one request may write. What is stored beyond stays readable.
#[derive(Debug, Clone, clap::Args)]
pub struct WriteLimits {
    /// Largest properties of a node or an edge, and largest embedding, in a request [default: 16 MiB, less where
    /// --memory-budget is small]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1024..))]
    pub max_property_bytes: Option<u32>,

    /// Labels of a node that is written
    #[arg(long, default_value_t = MAX_NODE_LABELS as u32, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_node_labels: u32,

    /// What one batch may write, its records and their part of the ledger: others' writes wait for it [default: 64 MiB,
    /// less where --memory-budget is small]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1024..))]
    pub max_batch_bytes: Option<u32>,
}

/// Flags about memory. What is not given is divided by the server.
#[derive(Debug, Clone, clap::Args)]
pub struct MemoryConfig {
    /// Memory of the process: bytes, with a unit as in 2GiB, or a part of what the machine has or its cgroup allows. It is
    /// divided among all that takes memory, and what does not fit is refused (docs/limits.md)
    #[arg(long, env = "EPISTEMIC_GRAPH_MEMORY_BUDGET", default_value = "60%", value_name = "SIZE")]
    pub memory_budget: MemoryBudget,

    /// Of it, memory for blocks read from disk [default: 256 MiB at most]
    #[arg(long, value_name = "BYTES")]
    pub block_cache_bytes: Option<u64>,

    /// Of it, memory for the projections that algorithms run on; a graph that needs more is refused them [default: 512 MiB
    /// at most]
    #[arg(long, value_name = "BYTES")]
    pub projection_memory: Option<u64>,

    /// Of it, memory for the embeddings that searches run on; those of a graph that needs more are read from storage each
    /// time [default: 1 GiB at most]
    #[arg(long, value_name = "BYTES")]
    pub vector_memory: Option<u64>,

    /// Of it, memory for answers that are made or that their clients have not taken yet; more are answered BUSY
    /// [default: 1 GiB at most]
    #[arg(long, value_name = "BYTES")]
    pub answer_memory: Option<u64>,

    /// Disk for answers that are too large for memory or whose clients take them slowly: files without a name in --persist-dir,
    /// which are gone with the process. What finds no room there stays in memory; 0 keeps all there
    #[arg(long, default_value_t = 4 << 30, value_name = "BYTES")]
    pub answer_disk: u64,
}

impl MemoryConfig {
    /// The parts whose sizes are given.
    pub(crate) fn given(&self) -> Vec<Given> {
        let all = [
            (Part::Blocks, self.block_cache_bytes, "--block-cache-bytes"),
            (Part::Projections, self.projection_memory, "--projection-memory"),
            (Part::Vectors, self.vector_memory, "--vector-memory"),
            (Part::Answers, self.answer_memory, "--answer-memory"),
        ];
        all.into_iter().filter_map(|(part, bytes, flag)| Some(Given { part, bytes: bytes?, flag })).collect()
    }
}

/// From when on the rules of identities and owners hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AccessMode {
    /// For graphs that have an owner as soon as anyone is registered, for everything as soon as someone is registered as
    /// System: before that nobody could let others in again
    Auto,
    /// Always. What a caller may not use is told as if it were there
    On,
    /// Never: registrations are kept and change nothing
    Off,
    /// For everything as soon as anyone is registered, as in the reference server
    FirstIdentity,
}

/// When writes are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurabilityMode {
    /// After their fsync.
    Sync,
    /// Before; synced at this interval.
    Interval(Duration),
    /// Before; never synced on purpose.
    None,
}

impl std::fmt::Display for DurabilityMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DurabilityMode::Sync => f.write_str("sync"),
            DurabilityMode::Interval(interval) => write!(f, "interval:{}", interval.as_millis()),
            DurabilityMode::None => f.write_str("none"),
        }
    }
}

fn parse_durability(text: &str) -> Result<DurabilityMode, String> {
    match (text, text.strip_prefix("interval:").map(str::parse::<u64>)) {
        ("sync", _) => Ok(DurabilityMode::Sync),
        ("none", _) => Ok(DurabilityMode::None),
        (_, Some(Ok(ms))) if ms > 0 => Ok(DurabilityMode::Interval(Duration::from_millis(ms))),
        _ => Err("give sync, none or interval:MILLISECONDS".into()),
    }
}

/// Permissions in octal digits.
fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode & !0o777 == 0 && mode & 0o200 != 0 => Ok(mode),
        _ => {
            Err("give octal permissions with which the owner may connect, such as 0600, 0660 or 0666".into())
        }
    }
}

/// Seconds, or a number with one of the units `s`, `m`, `h`, `d`.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("give seconds, or a number with s, m, h or d".into()),
    };
    let number: u64 = number.parse().map_err(|_| "give seconds, or a number with s, m, h or d")?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "that is too long".into())
}

/// Milliseconds, seconds or minutes, with their unit.
fn parse_short_time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "" if number == "0" => 1,
        _ => return Err("give a number with ms, s or m".into()),
    };
    let number: u64 = number.parse().map_err(|_| "give a number with ms, s or m")?;
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(|| "that is too long".into())
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line per event.
    Text,
    /// One JSON object per event.
    Json,
}

impl Config {
    /// The configuration that flags alone give, whatever the environment says.
    pub(crate) fn of_flags<F: Into<OsString> + Clone>(
        flags: impl IntoIterator<Item = F>,
    ) -> Result<Self, clap::Error> {
        Self::from_arg_matches(&without_variables().no_binary_name(true).try_get_matches_from(flags)?)
    }

    /// How long a computation may run.
    pub(crate) fn compute_deadline(&self) -> Option<Duration> {
        (self.compute_deadline > 0).then(|| Duration::from_secs(self.compute_deadline))
    }

    /// Whether nothing that it serves outlives the process.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.persist_dir.is_none() && self.store.is_none() && self.follow.follow.is_none()
    }

    /// The socket to listen on.
    pub fn socket(&self) -> PathBuf {
        self.socket_path.clone().unwrap_or_else(|| {
            let directory = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(|| "/tmp".into(), PathBuf::from);
            directory.join("epistemic-graph.sock")
        })
    }

    /// The TCP address to listen on. An empty variable is none.
    pub fn tcp_addr(&self) -> Option<&str> {
        self.tcp_addr.as_deref().filter(|address| !address.is_empty())
    }
}

/// The flags, none of which has a variable.
fn without_variables() -> Command {
    Config::command().mut_args(|flag| flag.env(None::<&'static str>))
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn durability_modes() {
        assert_eq!(parse_durability("sync"), Ok(DurabilityMode::Sync));
        assert_eq!(parse_durability("interval:50"), Ok(DurabilityMode::Interval(Duration::from_millis(50))));
        assert!(parse_durability("interval:0").is_err());
        assert!(parse_durability("interval:").is_err());
        assert!(parse_durability("async").is_err());
    }

    #[test]
    fn flags_alone() {
        let config = Config::of_flags(["--socket-path", "/s", "--decay-interval", "5"]).unwrap();
        assert_eq!((config.socket(), config.decay_interval), ("/s".into(), 5));
        assert!(Config::of_flags(["--no-such-flag"]).is_err());
        let variables = |command: Command| command.get_arguments().filter_map(Arg::get_env).count();
        assert!(variables(Config::command()) > 10 && variables(without_variables()) == 0);
    }

    #[test]
    fn times_of_commits() {
        let config = Config::of_flags([""; 0]).unwrap();
        assert_eq!((config.commit_interval, config.store_deadline), (0, 10));
        for (flag, good, bad) in [
            ("--commit-interval", ["0", "10000"], ["10001", "-1"]),
            ("--store-deadline", ["1", "3600"], ["0", "3601"]),
        ] {
            assert!(good.iter().all(|value| Config::of_flags([flag, value]).is_ok()), "{flag}");
            assert!(bad.iter().all(|value| Config::of_flags([flag, value]).is_err()), "{flag}");
        }
    }

    #[test]
    fn modes_of_sockets() {
        for (text, mode) in [("0600", 0o600), ("660", 0o660), ("0666", 0o666), ("777", 0o777)] {
            assert_eq!(parse_mode(text), Ok(mode), "{text}");
        }
        for text in ["", "8", "0400", "1777", "-600", "rw-"] {
            assert!(parse_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, seconds) in [("0", 0), ("90", 90), ("5m", 300), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(parse_time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, ms) in [("0", 0), ("100ms", 100), ("2s", 2000), ("1m", 60_000)] {
            assert_eq!(parse_short_time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "ms", "1h", "0.5s", "99999999999999999s"] {
            assert!(parse_short_time(text).is_err(), "{text}");
        }
        for text in ["", "d", "7w", "-1", "1.5h", "99999999999999999999d", "9999999999999999d"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
