//! Streams and a blocking client for what happens outside the measured phase.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use epistemic_router::{Endpoint, Target};
use rmpv::Value;

use super::template::Template;
use crate::exit::{Exit, Failure};

/// A checkpoint or export of a large graph may take minutes on some servers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1200);

/// A connected stream of either kind.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    /// Connects, blocking; TCP streams get `TCP_NODELAY`.
    pub(super) fn connect(endpoint: &Endpoint) -> Result<Self> {
        let connected = match endpoint.target() {
            Target::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Target::Tcp { host, port } => TcpStream::connect((host.as_str(), *port)).and_then(|stream| {
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }),
        };
        let failed = |error| {
            let message = format!("cannot connect to {endpoint}: {error}");
            Failure::new(Exit::Unreachable, message).into()
        };
        connected.map_err(failed)
    }

    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_nonblocking(true),
            Self::Tcp(stream) => stream.set_nonblocking(true),
        }
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(Some(timeout)),
            Self::Tcp(stream) => stream.set_read_timeout(Some(timeout)),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

/// One request at a time over one connection.
pub(super) struct Client {
    stream: Stream,
}

impl Client {
    pub(super) fn connect(endpoint: &Endpoint) -> Result<Self> {
        let stream = Stream::connect(endpoint)?;
        stream.set_read_timeout(ANSWER_TIMEOUT)?;
        Ok(Self { stream })
    }

    /// Sends a prepared request and returns its result; an error answer becomes an error.
    pub(super) fn call(&mut self, request: &Template) -> Result<Value> {
        self.stream.write_all(request.frame())?;
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix).context("server closed the connection")?;
        let mut body = Vec::new();
        let length = u64::from(u32::from_be_bytes(prefix));
        (&mut self.stream).take(length).read_to_end(&mut body)?;
        let Value::Map(fields) = rmpv::decode::read_value(&mut body.as_slice())? else {
            bail!("answer is not a map");
        };
        let mut error = None;
        for (key, value) in fields {
            match (key.as_str(), value) {
                (Some("result"), value) => return Ok(value),
                // Where there is a detail, the error is its code.
                (Some("error_detail"), Value::String(text)) => error = Some(text),
                (Some("error"), Value::String(text)) => error = error.or(Some(text)),
                _ => {}
            }
        }
        if let Some(error) = error {
            bail!("{}", error.as_str().unwrap_or("error without text"));
        }
        bail!("answer without result and error")
    }
}
