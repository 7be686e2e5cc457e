//! Opening the socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use epistemic_protocol::placement::{Endpoint, Target};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::error::{ConnectCause, ConnectError};

pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Connects within `limit`. Every address that the host name resolves to is tried.
pub(crate) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<(Reader, Writer), ConnectError> {
    let cause = match tokio::time::timeout(limit, connect(endpoint.target())).await {
        Ok(Ok(halves)) => return Ok(halves),
        Ok(Err(error)) => ConnectCause::Io(Arc::new(error)),
        Err(_) => ConnectCause::Timeout { target: endpoint.target().clone(), after: limit },
    };
    Err(ConnectError { endpoint: endpoint.clone(), cause })
}

async fn connect(target: &Target) -> io::Result<(Reader, Writer)> {
    match target {
        Target::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            let (reader, writer) = stream.into_split();
            Ok((Box::new(reader), Box::new(writer)))
        }
        Target::Unix(path) => {
            let (reader, writer) = UnixStream::connect(path).await?.into_split();
            Ok((Box::new(reader), Box::new(writer)))
        }
    }
}
