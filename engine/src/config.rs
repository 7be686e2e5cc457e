//! Flags and variables.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Command, CommandFactory, FromArgMatches, Parser};
use epistemic_storage::{
    graph::LedgerKeep,
    limits::{MAX_NAME_BYTES, MAX_NODE_ID_BYTES, MAX_NODE_LABELS},
};
use zeroize::Zeroizing;

use crate::{
    memory::{Given, MemoryBudget, Part},
    signed::Expected,
    tls::TlsFlags,
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

    /// An empty or missing --persist-dir may become a new store. Without this flag it does too, with a warning in the log
    #[arg(long)]
    pub init: bool,

    /// Identity of the store that --persist-dir must hold (`store` in egctl status); with another one, or none, the server
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

    /// Seconds between automatic checkpoints; 0 takes none
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub checkpoint_interval: u64,

    /// Checkpoints to keep
    #[arg(long, default_value_t = 2, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub checkpoint_keep: u16,

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

/// Flags about tokens.
#[derive(Debug, Clone, clap::Args)]
pub struct SignedConfig {
    /// The weakest token that is taken: `token` over the id of a request, which clients before 2.27 send and which can be
    /// used again for another request; `signed` over all of a request, once
    #[arg(long, env = "GRAPH_SERVICE_MIN_AUTH", default_value = "token", value_name = "KIND")]
    pub min_auth: MinAuth,

    /// Seconds that the clocks of signed requests may differ from this one; 0 is the default [default: 300]
    #[arg(
        long,
        env = "EPISTEMIC_GRAPH_ENVELOPE_SKEW_SECS",
        default_value_t = 0,
        hide_default_value = true,
        value_name = "SECONDS"
    )]
    pub clock_skew: u64,

    /// Audience that signed requests must name [default: any]
    #[arg(long, env = "EPISTEMIC_GRAPH_AUDIENCE", value_name = "NAME")]
    pub audience: Option<String>,

    /// Tenant that signed requests must name [default: any]
    #[arg(long, env = "EPISTEMIC_GRAPH_TENANT", value_name = "NAME")]
    pub token_tenant: Option<String>,

    /// Version of the policy that signed requests must name [default: any]
    #[arg(long, env = "EPISTEMIC_GRAPH_POLICY_VERSION", value_name = "VERSION")]
    pub policy_version: Option<String>,

    /// Name of this server in signed requests that are for one server only [default: any]
    #[arg(long, env = "EPISTEMIC_GRAPH_NODE_ID", value_name = "NAME")]
    pub node_id: Option<String>,
}

impl SignedConfig {
    /// Seconds that clocks may differ.
    pub fn window(&self) -> u64 {
        if self.clock_skew == 0 { 300 } else { self.clock_skew }
    }

    /// What claims must be. An empty variable expects nothing.
    pub(crate) fn expected(&self) -> Expected {
        let some = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        Expected {
            audience: some(&self.audience),
            tenant: some(&self.token_tenant),
            policy_version: some(&self.policy_version),
            node: some(&self.node_id),
        }
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

/// Kinds of tokens, the weaker one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MinAuth {
    /// Over the id of a request.
    Token,
    /// Over all of a request.
    Signed,
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
fn parse_time(text: &str) -> Result<Duration, String> {
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

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line per event.
    Text,
    /// One JSON object per event.
    Json,
}

/// Where clients authenticate with, or why the server must not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthChoice {
    /// Tokens made with this secret, which is wiped from memory when this is dropped.
    Secret(Zeroizing<String>),
    /// No authentication, on request.
    Insecure,
}

/// A secret of fewer bytes is warned about.
pub const SHORT_SECRET: usize = 16;

impl AuthChoice {
    /// Whether the secret has so few bytes that it can be guessed from a request that was overheard.
    pub fn is_short(&self) -> bool {
        matches!(self, AuthChoice::Secret(secret) if secret.len() < SHORT_SECRET)
    }
}

const NO_SECRET: &str = "error: no auth secret configured — refusing to start.
Set GRAPH_SERVICE_AUTH_SECRET or give --auth-secret-file FILE, the same secret on every shard and client.
For a throw-away server on a private socket, --allow-insecure serves everyone without authentication.";

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

    /// Finds the secret: file, then argument, then environment.
    ///
    /// # Errors
    /// The text for standard error; the process exits with 2 then.
    pub fn auth(&self) -> Result<AuthChoice, String> {
        if let Some(file) = &self.auth_secret_file {
            return read_secret(file).map(AuthChoice::Secret);
        }
        let variable = std::env::var("GRAPH_SERVICE_AUTH_SECRET").ok();
        let mut given = [self.auth_secret.clone(), variable].into_iter().flatten().map(Zeroizing::new);
        let secret = given.find(|secret| !secret.is_empty());
        let insecure = self.allow_insecure
            || std::env::var("EPISTEMIC_GRAPH_ALLOW_INSECURE")
                .is_ok_and(|value| value == "1" || value == "true");
        match secret {
            Some(secret) => Ok(AuthChoice::Secret(secret)),
            None if insecure && self.signed.min_auth == MinAuth::Signed => {
                Err("error: --min-auth signed needs a secret, which --allow-insecure does without".into())
            }
            None if insecure => Ok(AuthChoice::Insecure),
            None => Err(NO_SECRET.into()),
        }
    }
}

/// The flags, none of which has a variable.
fn without_variables() -> Command {
    Config::command().mut_args(|flag| flag.env(None::<&'static str>))
}

/// A file that never ends would be read for ever.
const MAX_SECRET_BYTES: usize = 64 << 10;

fn read_secret(file: &std::path::Path) -> Result<Zeroizing<String>, String> {
    use std::{io::Read, os::unix::fs::PermissionsExt};
    let failed = |error: std::io::Error| format!("error: {error}");
    // What is read is what was checked, whatever becomes of the name meanwhile.
    let mut open = fs_err::File::open(file).map_err(failed)?;
    let mode = open.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "error: secret file '{}' can be read by others (mode {:03o}); run: chmod 600 '{0}'",
            file.display(),
            mode & 0o777
        ));
    }
    // Room for all of it, so that no shorter copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_SECRET_BYTES));
    open.by_ref().take(MAX_SECRET_BYTES as u64).read_to_string(&mut text).map_err(failed)?;
    if text.len() == MAX_SECRET_BYTES {
        return Err(format!("error: secret file '{}' is longer than a secret can be", file.display()));
    }
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("error: secret file '{}' is empty", file.display())),
        secret => Ok(secret.to_owned().into()),
    }
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
        for text in ["", "d", "7w", "-1", "1.5h", "99999999999999999999d", "9999999999999999d"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secret_files_must_be_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        fs_err::write(&file, "s3cret\n").unwrap();
        fs_err::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(read_secret(&file).unwrap_err().contains("chmod 600"));
        fs_err::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(*read_secret(&file).unwrap(), "s3cret");
    }
}
