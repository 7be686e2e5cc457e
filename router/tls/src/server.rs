//! The side that has a certificate.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ServerConfig, version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::{not_after, uri};
use crate::current::{Current, Look};
use crate::files::{FileError, Identity, certificates, private_key, roots};
use crate::provider;

/// A client whose handshake failed is read from for this long.
const LINGER: Duration = Duration::from_millis(500);

/// The files of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// Its certificate.
    pub identity: Identity,
    /// PEM: the CAs of the clients. With them every client has to show a certificate.
    pub client_ca: Option<PathBuf>,
}

/// Ends TLS. Clones share everything.
#[derive(Debug, Clone)]
pub struct ServerTls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: ServerFiles,
    protocol: &'static [u8],
    current: Current<Made>,
}

#[derive(Debug)]
struct Made {
    config: Arc<ServerConfig>,
    not_after: u64,
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Handshake<S> {
    /// The stream in the clear.
    pub stream: TlsStream<S>,
    /// Whom the client's certificate stands for: the first URI among its alternative names.
    pub principal: Option<String>,
}

impl ServerTls {
    /// Reads the files. Blocks.
    ///
    /// # Errors
    /// One of them cannot be used, or the key is not that of the certificate.
    pub fn open(files: ServerFiles, protocol: &'static [u8]) -> Result<Self, FileError> {
        let Identity { cert, key } = &files.identity;
        let watched = [Some(cert), Some(key), files.client_ca.as_ref()].into_iter().flatten().cloned();
        let current = Current::new(watched.collect());
        let tls = Self(Arc::new(Shared { files, protocol, current }));
        tls.reload()?;
        Ok(tls)
    }

    /// Takes the files if they have changed since the last look; true when it did. With files that cannot be used it goes on
    /// with what it has. Blocks.
    ///
    /// # Errors
    /// They cannot be used. The same ones are not tried, and not told, again.
    pub fn reload(&self) -> Result<bool, FileError> {
        let Shared { files, protocol, current } = &*self.0;
        match current.look(|| make(files, protocol)) {
            Look::Same => Ok(false),
            Look::New => Ok(true),
            Look::Bad(error) => Err(error),
        }
    }

    /// When the certificate ends, in Unix seconds.
    #[must_use]
    pub fn not_after(&self) -> u64 {
        self.made().not_after
    }

    /// The server's side of a handshake. The caller bounds its time.
    ///
    /// # Errors
    /// The client breaks it off, speaks no TLS 1.3, or its certificate is not taken.
    pub async fn accept<S>(&self, stream: S) -> io::Result<Handshake<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let begun = TlsAcceptor::from(Arc::clone(&self.made().config)).accept(stream);
        let stream = match begun.into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                // Whatever else it comes to, the handshake has failed.
                let _ = timeout(LINGER, drain(stream)).await;
                return Err(error);
            }
        };
        let (_, session) = stream.get_ref();
        let principal = session.peer_certificates().and_then(|chain| uri(chain.first()?));
        Ok(Handshake { stream, principal })
    }

    fn made(&self) -> Arc<Made> {
        self.0.current.get().expect("it was opened with files that can be used")
    }
}

/// Lets a client see why: closing over what it still sends would throw the alert away.
async fn drain(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await?;
    let mut passed_over = [0; 1024];
    while stream.read(&mut passed_over).await? > 0 {}
    Ok(())
}

fn make(files: &ServerFiles, protocol: &[u8]) -> Result<Made, FileError> {
    let Identity { cert, key } = &files.identity;
    let chain = certificates(cert)?;
    let not_after = not_after(&chain[0]).map_err(|reason| FileError::new(cert, reason))?;
    let begun = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|error| FileError::new(cert, error))?;
    let begun = match &files.client_ca {
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots(ca)?.into(), provider())
                .build()
                .map_err(|error| FileError::new(ca, error))?;
            begun.with_client_cert_verifier(verifier)
        }
        None => begun.with_no_client_auth(),
    };
    let mut config = begun
        .with_single_cert(chain, private_key(key)?)
        .map_err(|error| FileError::new(key, format!("{error} (certificate '{}')", cert.display())))?;
    config.alpn_protocols = vec![protocol.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Made { config: Arc::new(config), not_after })
}
