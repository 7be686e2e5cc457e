//! The side that has a CA.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error, version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::current::{Current, Look};
use crate::files::{FileError, Identity, certificates, private_key, roots};
use crate::{SHARD_PROTOCOL, provider};

/// Begins TLS with shards. Clones share everything. Its files are read when the first connection is made, and again once
/// they have changed.
#[derive(Debug, Clone)]
pub struct ClientTls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ca: PathBuf,
    identity: Option<Identity>,
    current: Current<ClientConfig>,
}

/// Why there is no TLS with a server.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// A file of this client cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The server was not taken, or it broke off.
    #[error("{0}")]
    Refused(String),
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ClientTls {
    /// With a PEM file of the CAs that servers are trusted for, and the certificate to show. Reads nothing yet.
    #[must_use]
    pub fn new(ca: PathBuf, identity: Option<Identity>) -> Self {
        let own = identity.iter().flat_map(|identity| [&identity.cert, &identity.key]);
        let files = own.chain([&ca]).cloned().collect();
        Self(Arc::new(Shared { ca, identity, current: Current::new(files) }))
    }

    /// Whether it has a certificate to show.
    #[must_use]
    pub fn shows_certificate(&self) -> bool {
        self.0.identity.is_some()
    }

    /// Reads the files, so that a mistake in them shows at once. Blocks.
    ///
    /// # Errors
    /// One of them cannot be used, or the key is not that of the certificate.
    pub fn check(&self) -> Result<(), FileError> {
        self.0.config().map(drop)
    }

    /// The client's side of a handshake with the server of this name or address. The caller bounds its time.
    ///
    /// # Errors
    /// The server is not `host`, is not trusted or is no TLS server; see [`HandshakeError`].
    pub async fn connect<S>(&self, host: &str, stream: S) -> Result<TlsStream<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let refused = |reason: String| HandshakeError::Refused(reason);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| refused(format!("'{host}' is no name that a certificate can have")))?;
        let shared = Arc::clone(&self.0);
        let config = spawn_blocking(move || shared.config()).await.map_err(io::Error::other)??;
        let connected = TlsConnector::from(config).connect(name, stream).await;
        connected.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(inner) => refused(self.reason(inner)),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                refused("the server ended the connection in place of a handshake".to_owned())
            }
            None => error.into(),
        })
    }

    /// What an operator has to know.
    fn reason(&self, error: &Error) -> String {
        use CertificateError::{BadSignature, UnknownIssuer};
        let ca = self.0.ca.display();
        if matches!(error, Error::InvalidCertificate(UnknownIssuer | BadSignature)) {
            return format!("the certificate of the server was not made by a CA of '{ca}'");
        }
        if matches!(error, Error::InvalidMessage(_)) {
            return format!("the server does not speak TLS on this port ({error})");
        }
        error.to_string()
    }
}

impl Shared {
    /// Made of the files as they are; of the last good ones while they cannot be used.
    fn config(&self) -> Result<Arc<ClientConfig>, FileError> {
        let make = || make(&self.ca, self.identity.as_ref());
        let look = self.current.look(make);
        match (self.current.get(), look) {
            (Some(config), Look::Bad(error)) => {
                tracing::error!("connections are made with the TLS files as they were: {error}");
                Ok(config)
            }
            (Some(config), Look::Same | Look::New) => Ok(config),
            (None, Look::Bad(error)) => Err(error),
            // They were bad at the last look, and are as they were.
            (None, Look::Same | Look::New) => make().map(Arc::new),
        }
    }
}

fn make(ca: &Path, identity: Option<&Identity>) -> Result<ClientConfig, FileError> {
    let begun = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|error| FileError::new(ca, error))?
        .with_root_certificates(roots(ca)?);
    let mut config = match identity {
        Some(Identity { cert, key }) => {
            begun
                .with_client_auth_cert(certificates(cert)?, private_key(key)?)
                .map_err(|error| FileError::new(key, format!("{error} (certificate '{}')", cert.display())))?
        }
        None => begun.with_no_client_auth(),
    };
    config.alpn_protocols = vec![SHARD_PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}
