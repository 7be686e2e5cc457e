//! Flags and variables.

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use epistemic_storage::graph::LedgerKeep;

/// A shard of the epistemic-graph service: named graphs over a unix socket and TCP, durable in a directory.
#[derive(Debug, Clone, Parser)]
#[command(name = "epistemic-graph-server", version, max_term_width = 100)]
pub struct Config {
    /// Unix socket to listen on [default: $XDG_RUNTIME_DIR/epistemic-graph.sock, else /tmp/epistemic-graph.sock]
    #[arg(long, env = "GRAPH_SERVICE_SOCKET", value_name = "PATH")]
    pub socket_path: Option<PathBuf>,

    /// TCP address to listen on as well, e.g. 127.0.0.1:9101. There is no TLS: keep it on loopback or a private network
    #[arg(long, value_name = "HOST:PORT")]
    pub tcp_addr: Option<String>,

    /// Shared secret. Visible to every user of the machine: prefer GRAPH_SERVICE_AUTH_SECRET or --auth-secret-file
    #[arg(long, value_name = "SECRET")]
    pub auth_secret: Option<String>,

    /// File with the shared secret, readable by its owner only (mode 0600)
    #[arg(long, value_name = "FILE")]
    pub auth_secret_file: Option<PathBuf>,

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

    /// Memory for blocks read from disk
    #[arg(long, default_value_t = 256 << 20, value_name = "BYTES")]
    pub block_cache_bytes: usize,

    /// Seconds between sweeps that let confidence decay in all graphs; 0 never sweeps
    #[arg(long, env = "GRAPH_SERVICE_DECAY_INTERVAL", default_value_t = 0, value_name = "SECONDS")]
    pub decay_interval: u64,

    /// Seconds in which confidence halves in those sweeps
    #[arg(long, env = "GRAPH_SERVICE_DECAY_HALF_LIFE", default_value_t = 604_800.0, value_name = "SECONDS")]
    pub decay_half_life: f64,

    /// Above 0, those sweeps remove nodes and edges with less confidence than this
    #[arg(long, env = "GRAPH_SERVICE_DECAY_FLOOR", default_value_t = 0.0, value_name = "CONFIDENCE")]
    pub decay_floor: f64,

    /// Memory for the projections that algorithms run on; a graph that needs more is refused them
    #[arg(long, default_value_t = 512 << 20, value_name = "BYTES")]
    pub projection_memory: usize,

    /// Memory for the embeddings that searches run on; those of a graph that needs more are read from storage each time
    #[arg(long, default_value_t = 1 << 30, value_name = "BYTES")]
    pub vector_memory: usize,

    /// HTTP address for /metrics (Prometheus), /healthz and /readyz
    #[arg(long, env = "GRAPH_SERVICE_METRICS_ADDR", value_name = "HOST:PORT")]
    pub metrics_addr: Option<String>,

    /// Largest request frame; a larger one is refused before anything is allocated for it
    #[arg(long, default_value_t = 64 << 20, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1024..))]
    pub max_frame_bytes: u32,

    /// Requests in flight; one graph may have a quarter of them. More are answered BUSY
    #[arg(long, env = "EPISTEMIC_GRAPH_MAX_INFLIGHT", default_value_t = 1024, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_inflight: u32,

    /// Seconds a connection may take to send its first authenticated request, or to finish a frame it began
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub frame_deadline: u64,

    /// Seconds after which a snapshot that is sent or received in pieces is ended when nobody goes on with it: until then it
    /// keeps what was overwritten since on disk. 0 never ends one
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub transfer_idle: u64,

    /// Messages kept of each channel; the oldest are dropped beyond
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub channel_messages: u64,

    /// Agent that may be registered as System; repeat it, or separate several by commas. Others need a System identity
    /// to register them
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
    /// Tokens made with this secret.
    Secret(String),
    /// No authentication, on request.
    Insecure,
}

const NO_SECRET: &str = "error: no auth secret configured — refusing to start.
Set GRAPH_SERVICE_AUTH_SECRET or give --auth-secret-file FILE, the same secret on every shard and client.
For a throw-away server on a private socket, --allow-insecure serves everyone without authentication.";

impl Config {
    /// The socket to listen on.
    pub fn socket(&self) -> PathBuf {
        self.socket_path.clone().unwrap_or_else(|| {
            let directory = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(|| "/tmp".into(), PathBuf::from);
            directory.join("epistemic-graph.sock")
        })
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
        let secret =
            [self.auth_secret.clone(), variable].into_iter().flatten().find(|secret| !secret.is_empty());
        let insecure = self.allow_insecure
            || std::env::var("EPISTEMIC_GRAPH_ALLOW_INSECURE")
                .is_ok_and(|value| value == "1" || value == "true");
        match secret {
            Some(secret) => Ok(AuthChoice::Secret(secret)),
            None if insecure => Ok(AuthChoice::Insecure),
            None => Err(NO_SECRET.into()),
        }
    }
}

fn read_secret(file: &std::path::Path) -> Result<String, String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs_err::metadata(file).map_err(|error| format!("error: {error}"))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "error: secret file '{}' can be read by others (mode {:03o}); run: chmod 600 '{0}'",
            file.display(),
            mode & 0o777
        ));
    }
    let text = fs_err::read_to_string(file).map_err(|error| format!("error: {error}"))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("error: secret file '{}' is empty", file.display())),
        secret => Ok(secret.to_owned()),
    }
}

#[cfg(test)]
mod tests {
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
    fn secret_files_must_be_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        fs_err::write(&file, "s3cret\n").unwrap();
        fs_err::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(read_secret(&file).unwrap_err().contains("chmod 600"));
        fs_err::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(read_secret(&file).unwrap(), "s3cret");
    }
}
