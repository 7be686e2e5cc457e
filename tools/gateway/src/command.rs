//! The command line and the life of the process.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use epistemic_listen::{Transport, manager};
use epistemic_logging::LogWriter;
use epistemic_router::{Affinity, ConnectOptions, EndpointList, Secret, ShardRouter, default_graph};
use epistemic_tls::{HTTP_PROTOCOL, Identity, ServerFiles, ServerTls};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Gateway;
use super::access::{Access, Token};
use super::backups::BackupFile;
use super::clock::unix_ms;
use super::owners::Owners;
use super::program::{self, Usage};
use super::server;
use super::shards::ShardArgs;
use super::watch::Watched;

/// Largest list of graphs that is taken from a shard, in bytes.
const MAX_RESPONSE_BYTES: u32 = 64 << 20;

const HELP: &str = "\
Addresses:
  /                                 the dashboard; its answers are below /api (docs/dashboard.md)
  /api/dashboard/daemon/shards      the topology as JSON
  /metrics                          Prometheus
  /healthz                          200 while the gateway runs, without a token

Environment: GRAPH_SERVICE_ENDPOINTS, GRAPH_SERVICE_AUTH_SECRET, EPISTEMIC_GRAPH_TLS (to the shards) and the other variables of egctl (egctl --help);
GRAPH_AFFINITY_GROUPS, ENGINE_BREAKER_THRESHOLD, ENGINE_BREAKER_COOLDOWN; RUST_LOG.

Exit codes:
  0  stopped by SIGTERM or SIGINT; open requests are answered first, for at most 4 s
  1  the address cannot be listened on
  2  wrong usage or configuration";

/// Shows a shard tier: topology, metrics and a dashboard over HTTP. Read-only without --operator-token-file.
#[derive(Parser, Debug)]
#[command(name = "epistemic-graph-gateway", version, after_help = HELP)]
struct Cli {
    /// Address to serve on, such as localhost:9110. Anything but loopback needs --token-file.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9110", value_parser = address)]
    listen: SocketAddr,
    /// File of mode 0600 with a token of at least 16 characters that every request must show.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The same with another token, for those who may also take checkpoints, cancel moves and forget signposts.
    #[arg(long, value_name = "FILE")]
    operator_token_file: Option<PathBuf>,
    /// Show what is in graphs, too: nodes, edges, properties and ledgers, as far as --agent-id may read them. Needs a token.
    #[arg(long)]
    explore: bool,
    /// The file that `egctl backup create` and `drill` write with --metrics-file, to show how old backups are.
    #[arg(long, value_name = "FILE")]
    backup_metrics: Option<PathBuf>,
    /// Hours between two backups, and between two drills.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=8760))]
    backup_every: u64,
    /// PEM file with the certificate of the gateway, and those that lead from it to its CA: it then serves https:// alone. Files
    /// that change are read again by themselves.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with its private key, of mode 0600.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// PEM file with CAs: whoever connects has to show a certificate of one of them.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// The graph that tenants share a base name with. Default: KG_DEFAULT_GRAPH, else __bus__.
    #[arg(long, value_name = "NAME")]
    default_graph: Option<String>,
    #[command(flatten)]
    shards: ShardArgs,
}

/// The address of HOST:PORT: of a name the first of the older kind, if it has any, so that localhost is 127.0.0.1. A name is looked up,
/// which may block.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().map_err(|error| format!("write HOST:PORT: {error}"))?;
    let found: Vec<_> = found.collect();
    let older = found.iter().find(|address| address.is_ipv4());
    older.or(found.first()).copied().ok_or_else(|| "the name has no address".to_owned())
}

/// Runs the program with the arguments of the process and returns its exit code. Errors are on stderr then.
pub(super) fn main() -> ExitCode {
    let cli = Cli::parse();
    program::serve("epistemic-graph-gateway", |runtime, log| runtime.block_on(cli.run(log)))
}

impl Cli {
    async fn run(self, log: LogWriter) -> Result<()> {
        let access = self.access()?;
        if !access.has_token() && !self.listen.ip().is_loopback() {
            let message = format!(
                "{} is not a loopback address: everyone who reaches it could look in. Give --token-file or --operator-token-file, or listen \
                 on 127.0.0.1",
                self.listen
            );
            return Err(Usage(message).into());
        }
        let tls = self.tls()?;
        if tls.is_none() && !self.listen.ip().is_loopback() {
            tracing::warn!(
                "SECURITY: {} is no loopback address, and tokens and pages go over it in the clear; give --tls-cert and --tls-key",
                self.listen
            );
        }
        let gateway = Arc::new(Gateway { log: Some(log), ..self.gateway()? });
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        tokio::spawn(Arc::clone(&gateway.owners).run());
        for shard in &gateway.shards {
            tokio::spawn(Arc::clone(shard).run());
            tokio::spawn(Arc::clone(shard).follow_moves());
            tokio::spawn(Arc::clone(shard).follow_sizes());
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        tracing::info!("listening on {scheme}://{}/", listener.local_addr()?);
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        manager::ready("serving");
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => (),
                _ = interrupt.recv() => (),
            }
            tracing::info!("stopping");
            manager::stopping("answering what was asked");
        };
        let transport = match tls {
            Some(tls) => {
                tokio::spawn(epistemic_tls::keep(vec![tls.clone()], signal(SignalKind::hangup())?));
                Transport::Tls(tls)
            }
            None => Transport::Plain,
        };
        server::serve(listener, transport, gateway, access, stop).await;
        Ok(())
    }

    /// Who may do what.
    fn access(&self) -> Result<Access> {
        let token = |file: &Option<PathBuf>| file.as_deref().map(Token::from_file).transpose();
        let (viewer, operator) = (token(&self.token_file)?, token(&self.operator_token_file)?);
        let access = Access::new(viewer, operator, self.tls_cert.is_some());
        if self.explore && !access.has_token() {
            let message =
                "--explore shows what is in graphs, so it needs --token-file or --operator-token-file";
            return Err(Usage(message.to_owned()).into());
        }
        Ok(access)
    }

    /// Its own certificate.
    fn tls(&self) -> Result<Option<ServerTls>> {
        let (Some(cert), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let identity = Identity { cert: cert.clone(), key: key.clone() };
        let files = ServerFiles { identity, client_ca: self.tls_client_ca.clone() };
        let opened = ServerTls::open(files, HTTP_PROTOCOL);
        Ok(Some(opened.map_err(|error| Usage(error.to_string()))?))
    }

    fn gateway(&self) -> Result<Gateway> {
        let lookup = |name: &str| std::env::var(name).ok();
        let (endpoints, secret) = (self.shards.list()?, self.shards.secret()?);
        let options = ConnectOptions {
            agent_id: self.shards.agent_id().map(str::to_owned),
            max_response_bytes: MAX_RESPONSE_BYTES,
            ..ConnectOptions::resolve(lookup)?
        };
        let default = self.default_graph.clone().unwrap_or_else(|| default_graph(lookup));
        let backups = self.backup_metrics.clone().map(|path| BackupFile::new(path, self.backup_every * 3600));
        let gateway = Gateway::new(endpoints, &secret, &options, Affinity::resolve(lookup)?, default);
        Ok(Gateway { explore: self.explore, backups, ..gateway })
    }
}

impl Gateway {
    pub(super) fn new(
        endpoints: EndpointList,
        secret: &Secret,
        options: &ConnectOptions,
        affinity: Affinity,
        default_graph: String,
    ) -> Self {
        let watched =
            endpoints.as_slice().iter().map(|endpoint| Watched::new(endpoint, secret, options).into());
        Self {
            shards: watched.collect(),
            owners: Owners::new(&endpoints, secret, options).into(),
            placement: ShardRouter::new(endpoints, secret.clone(), options.clone()).with_affinity(affinity),
            default_graph,
            log: None,
            started_ms: unix_ms(),
            agent_id: options.agent_id.clone(),
            explore: false,
            backups: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_address_may_be_a_name() {
        assert_eq!(address("127.0.0.1:9110"), Ok("127.0.0.1:9110".parse().unwrap()));
        assert!(
            address("localhost:9110").is_ok_and(|found| found.ip().is_loopback() && found.port() == 9110)
        );
        for bad in ["localhost", ":", "127.0.0.1:x", "127.0.0.1:99999"] {
            assert!(address(bad).is_err_and(|error| error.contains("HOST:PORT")), "{bad}");
        }
    }
}
