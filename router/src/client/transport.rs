//! Opening the socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use epistemic_protocol::placement::{Endpoint, Target};
use epistemic_tls::{ClientTls, HandshakeError};
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{ConnectCause, ConnectError};

pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Connects within `limit`, to `tcp://` endpoints by `tls` where there is one. Every address that the host name resolves to is
/// tried.
pub(crate) async fn open(
    endpoint: &Endpoint,
    limit: Duration,
    tls: Option<&ClientTls>,
) -> Result<(Reader, Writer), ConnectError> {
    let deadline = Instant::now() + limit;
    let cause = match timeout(limit, connect(endpoint.target(), tls, deadline)).await {
        Ok(Ok(halves)) => return Ok(halves),
        Ok(Err(cause)) => cause,
        Err(_) => ConnectCause::Timeout { target: endpoint.target().clone(), after: limit },
    };
    Err(ConnectError { endpoint: endpoint.clone(), cause })
}

async fn connect(
    target: &Target,
    tls: Option<&ClientTls>,
    deadline: Instant,
) -> Result<(Reader, Writer), ConnectCause> {
    match target {
        Target::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            match tls {
                Some(tls) => {
                    // A server without TLS takes the first message for a part of a long frame, and waits.
                    let handshake = timeout_at(deadline, tls.connect(host, stream)).await;
                    let silent = |_| ConnectCause::Tls {
                        reason:
                            "the server did not answer the handshake in time: does it speak TLS on this port?"
                                .to_owned(),
                    };
                    let (reader, writer) = split(handshake.map_err(silent)??);
                    Ok((Box::new(reader), Box::new(writer)))
                }
                None => {
                    let (reader, writer) = stream.into_split();
                    Ok((Box::new(reader), Box::new(writer)))
                }
            }
        }
        Target::Unix(path) => {
            let (reader, writer) = UnixStream::connect(path).await?.into_split();
            Ok((Box::new(reader), Box::new(writer)))
        }
    }
}

impl From<io::Error> for ConnectCause {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<HandshakeError> for ConnectCause {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Io(error) => error.into(),
            HandshakeError::File(error) => Self::Tls { reason: error.to_string() },
            HandshakeError::Refused(reason) => Self::Tls { reason },
        }
    }
}
