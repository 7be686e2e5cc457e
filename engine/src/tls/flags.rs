//! Flags and variables about TLS.

use std::path::PathBuf;

use epistemic_tls::{FileError, HTTP_PROTOCOL, Identity, SHARD_PROTOCOL, ServerFiles, ServerTls};

use super::Certificates;

/// Flags about TLS. Files that change are read again by themselves, and on SIGHUP.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TlsFlags {
    /// PEM file with the certificate of this server, and those that lead from it to its CA: --tcp-addr and --metrics-addr then
    /// take TLS 1.3
    #[arg(long, env = "GRAPH_SERVICE_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with its private key, of mode 0600
    #[arg(long, env = "GRAPH_SERVICE_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// PEM file with CAs: every TLS connection to --tcp-addr has to show a certificate of one of them
    #[arg(long, env = "GRAPH_SERVICE_TLS_CLIENT_CA", requires = "tls_cert", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,

    /// With a certificate: what becomes of TCP connections without TLS. Unix sockets have none in any case
    #[arg(long, env = "GRAPH_SERVICE_TLS", default_value = "allow", value_name = "MODE")]
    pub tls: TlsMode,
}

/// What becomes of TCP connections without TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TlsMode {
    /// They are served, so that clients can be changed one by one
    #[default]
    Allow,
    /// They get an error, and are closed
    Require,
}

impl TlsFlags {
    /// What is wrong with them together.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.tls == TlsMode::Require && self.files().is_none() {
            return Err("--tls require needs --tls-cert and --tls-key".into());
        }
        Ok(())
    }

    /// Reads the files, if there are any. Blocks.
    pub(super) fn open(&self) -> Result<Option<Certificates>, FileError> {
        let Some(files) = self.files() else { return Ok(None) };
        let shard = ServerTls::open(files.clone(), SHARD_PROTOCOL)?;
        let http = ServerTls::open(ServerFiles { client_ca: None, ..files }, HTTP_PROTOCOL)?;
        Ok(Some(Certificates { shard, http }))
    }

    fn files(&self) -> Option<ServerFiles> {
        // An empty variable is none.
        let given = |file: &Option<PathBuf>| file.clone().filter(|file| !file.as_os_str().is_empty());
        let identity = Identity { cert: given(&self.tls_cert)?, key: given(&self.tls_key)? };
        Some(ServerFiles { identity, client_ca: given(&self.tls_client_ca) })
    }
}
