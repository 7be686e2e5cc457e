//! Errors, each with a stable code and the one thing that its receiver should do.
//!
//! Programs decide by [`ErrorKind`] or by the code; the texts are for people and may gain words. One text is fixed:
//! that of [`RouterError::ShardUnreachable`], which operators of the reference client search their logs for.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use epistemic_protocol::{
    ErrorCode, ErrorKind,
    placement::{Endpoint, EndpointList, Target},
    redirect::Redirect,
};

use crate::breaker::CircuitOpen;

/// The token is not that of the request.
const AUTHENTICATION: &str = "Authentication failed";

/// A connection that could not be made.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot connect to '{endpoint}': {cause}")]
pub struct ConnectError {
    /// Where to.
    pub endpoint: Endpoint,
    /// Why not.
    pub cause: ConnectCause,
}

impl ConnectError {
    /// Why, for programs.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self.cause {
            ConnectCause::Io(_) | ConnectCause::Timeout { .. } | ConnectCause::NoPong { .. } => {
                ErrorCode::ConnectFailed
            }
            ConnectCause::CircuitOpen(_) => ErrorCode::CircuitOpen,
            ConnectCause::OtherList(_) => ErrorCode::EndpointListMismatch,
            ConnectCause::Autostart { .. } => ErrorCode::AutostartFailed,
            ConnectCause::Tls { .. } => ErrorCode::TlsFailed,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }
}

/// The endpoint lists of a client and of a shard, which differ: the two do not place graphs alike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this client has the endpoint list [{ours}] (fingerprint {}), the shard has [{theirs}] (fingerprint {fingerprint}); \
     nothing was sent. Give both the same list, letter by letter, in GRAPH_SERVICE_ENDPOINTS", ours.fingerprint()
)]
pub struct OtherList {
    /// The list of this client.
    pub ours: EndpointList,
    /// The list that the shard tells.
    pub theirs: String,
    /// The fingerprint that the shard tells.
    pub fingerprint: String,
}

impl ConnectCause {
    /// Whether nobody listens there.
    pub(crate) fn is_nobody(&self) -> bool {
        use io::ErrorKind::{ConnectionRefused, NotFound};
        matches!(self, Self::Io(error) if matches!(error.kind(), ConnectionRefused | NotFound))
    }

    /// The refusal of the breaker, if that is what it is.
    #[must_use]
    pub fn circuit_open(&self) -> Option<&CircuitOpen> {
        match self {
            Self::CircuitOpen(refusal) => Some(refusal),
            Self::Io(_)
            | Self::Timeout { .. }
            | Self::NoPong { .. }
            | Self::OtherList(_)
            | Self::Tls { .. }
            | Self::Autostart { .. } => None,
        }
    }
}

/// Why a connection could not be made. Shown in the words of the Python client: `[Errno 111] Connection refused`.
#[derive(Debug, Clone)]
pub enum ConnectCause {
    /// The operating system or the name lookup said no.
    Io(Arc<io::Error>),
    /// No answer in time.
    Timeout {
        /// What was connected to.
        target: Target,
        /// The limit.
        after: Duration,
    },
    /// The connection stands and a Ping on it got no answer.
    NoPong {
        /// What happened to the Ping.
        reason: String,
    },
    /// Nothing was tried, because the endpoint's circuit breaker is open.
    CircuitOpen(CircuitOpen),
    /// Nobody serves the local socket, and no server could be started for it.
    Autostart {
        /// Why not.
        reason: String,
    },
    /// The server was reached and there is no TLS with it, or a file of this client's cannot be used.
    Tls {
        /// Why not.
        reason: String,
    },
    /// The server was reached, and serves with another endpoint list than this client's.
    OtherList(Box<OtherList>),
}

impl fmt::Display for ConnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => match error.raw_os_error() {
                Some(errno) => {
                    let text = error.to_string();
                    let words = text.strip_suffix(&format!(" (os error {errno})")).unwrap_or(&text);
                    write!(f, "[Errno {errno}] {words}")
                }
                None => write!(f, "{error}"),
            },
            Self::NoPong { reason } => write!(f, "its health check failed: {reason}"),
            Self::CircuitOpen(refusal) => write!(f, "{refusal}"),
            Self::OtherList(lists) => write!(f, "{lists}"),
            Self::Autostart { reason } => write!(f, "autostart failed: {reason}"),
            Self::Tls { reason } => write!(f, "no TLS: {reason}"),
            Self::Timeout { target, after } => {
                let after = after.as_secs_f64();
                match target {
                    Target::Tcp { host, port } => {
                        write!(f, "epistemic-graph connect to {host}:{port} timed out after {after:?}s")
                    }
                    Target::Unix(path) => {
                        write!(f, "epistemic-graph connect to {} timed out after {after:?}s", path.display())
                    }
                }
            }
        }
    }
}

/// A call that gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The server refused or failed the request; this is its text.
    #[error("{0}")]
    Server(String),
    /// The connection ended before the answer came.
    #[error(
        "connection to '{endpoint}' was lost before the answer came ({cause}); the request may have been carried out"
    )]
    ConnectionLost {
        /// The shard.
        endpoint: Endpoint,
        /// How it ended.
        cause: String,
    },
    /// The request did not go out, because the connection had ended or had no place in time.
    #[error("the request was not sent to '{endpoint}': {cause}. Nothing was carried out")]
    NotSent {
        /// The shard.
        endpoint: Endpoint,
        /// Why not.
        cause: String,
    },
    /// No answer in time. The connection stays usable; a pool gives it to no further call.
    #[error(
        "{method} got no answer from '{endpoint}' within {after:?}; the request may have been carried out"
    )]
    Deadline {
        /// The shard.
        endpoint: Endpoint,
        /// The operation.
        method: String,
        /// The limit.
        after: Duration,
    },
    /// The server announced a response over the cap; the connection was closed.
    #[error("a response of {length} bytes from '{endpoint}' exceeds the limit of {limit} bytes")]
    ResponseTooLarge {
        /// The shard.
        endpoint: Endpoint,
        /// Announced size.
        length: u32,
        /// The cap.
        limit: u32,
    },
    /// The request does not fit a frame. Nothing was sent.
    #[error("{method} needs a request of {length} bytes, more than a frame can hold")]
    RequestTooLarge {
        /// The operation.
        method: String,
        /// Its size.
        length: usize,
    },
    /// The parameters cannot be written as MessagePack. Nothing was sent.
    #[error("the parameters of {method} cannot be encoded: {reason}")]
    Params {
        /// The operation.
        method: String,
        /// The encoder's words.
        reason: String,
    },
    /// The server sent something that is no response of this protocol.
    #[error("'{endpoint}' sent a malformed response: {reason}")]
    BadResponse {
        /// The shard.
        endpoint: Endpoint,
        /// What is wrong with it.
        reason: String,
    },
}

impl CallError {
    /// Why, for programs. Of a server's text what [`ErrorCode::of_text`] reads.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Server(text) => ErrorCode::of_text(text),
            Self::ConnectionLost { .. } => ErrorCode::ConnectionLost,
            Self::NotSent { .. } => ErrorCode::NotSent,
            Self::Deadline { .. } => ErrorCode::DeadlineExceeded,
            Self::ResponseTooLarge { .. } => ErrorCode::ResponseTooLarge,
            Self::RequestTooLarge { .. } => ErrorCode::RequestTooLarge,
            Self::Params { .. } => ErrorCode::ParamsNotEncodable,
            Self::BadResponse { .. } => ErrorCode::ResponseMalformed,
        }
    }

    /// Where the graph is, if the server said that it moved or is on its way.
    #[must_use]
    pub fn redirect(&self) -> Option<Redirect> {
        if let Self::Server(text) = self { Redirect::of(text) } else { None }
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// Whether the server did not take the token: it has another secret.
    #[must_use]
    pub fn is_authentication(&self) -> bool {
        matches!(self, Self::Server(text) if text.starts_with(AUTHENTICATION))
    }

    /// Whether the server said anything.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Server(_) | Self::ResponseTooLarge { .. } | Self::BadResponse { .. })
    }

    /// Whether the way to the server failed.
    pub(crate) fn is_transport(&self) -> bool {
        matches!(self, Self::ConnectionLost { .. } | Self::NotSent { .. } | Self::Deadline { .. })
    }

    /// Whether the server may have carried the request out although it gave no answer. A write that may have been
    /// must not be sent again unseen.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::ConnectionLost { .. }
            | Self::Deadline { .. }
            | Self::ResponseTooLarge { .. }
            | Self::BadResponse { .. } => true,
            Self::Server(_) | Self::NotSent { .. } | Self::RequestTooLarge { .. } | Self::Params { .. } => {
                false
            }
        }
    }
}

/// A routed call that gave no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RouterError {
    /// The shard that owns the graph cannot be reached. There is no other shard to ask.
    #[error(
        "Configured engine shard '{endpoint}' (owner of graph '{graph}' by HRW over GRAPH_SERVICE_ENDPOINTS) is \
         unreachable: {cause}. Start that shard's epistemic-graph-server (or remove it from \
         GRAPH_SERVICE_ENDPOINTS — moving a graph between shards requires a manual snapshot export/import). \
         Autostart applies only to the local unix:// endpoint, never to remote shards."
    )]
    ShardUnreachable {
        /// The shard.
        endpoint: Endpoint,
        /// The graph that was asked for.
        graph: String,
        /// Why not.
        cause: ConnectCause,
    },
    /// The only configured engine cannot be reached, or a shard outside of the list that a graph moved to.
    #[error(
        "Cannot connect to the epistemic-graph-server at '{endpoint}': {cause}. Start that server, or correct the \
         endpoint. Autostart applies only to a local unix:// endpoint, never to tcp://."
    )]
    EngineUnreachable {
        /// The engine.
        endpoint: Endpoint,
        /// Why not.
        cause: ConnectCause,
    },
    /// The shard that this client holds for the owner of the graph serves with another endpoint list.
    #[error("'{endpoint}' is not asked for graph '{graph}': {lists}.")]
    EndpointListMismatch {
        /// The shard.
        endpoint: Endpoint,
        /// The graph that was asked for.
        graph: String,
        /// Both lists.
        lists: Box<OtherList>,
    },
    /// The shard was reached and the call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl RouterError {
    /// Why, for programs.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ShardUnreachable { cause: ConnectCause::CircuitOpen(_), .. }
            | Self::EngineUnreachable { cause: ConnectCause::CircuitOpen(_), .. } => ErrorCode::CircuitOpen,
            Self::ShardUnreachable { cause: ConnectCause::Tls { .. }, .. }
            | Self::EngineUnreachable { cause: ConnectCause::Tls { .. }, .. } => ErrorCode::TlsFailed,
            Self::ShardUnreachable { cause: ConnectCause::Autostart { .. }, .. }
            | Self::EngineUnreachable { cause: ConnectCause::Autostart { .. }, .. } => {
                ErrorCode::AutostartFailed
            }
            Self::ShardUnreachable { .. } => ErrorCode::ShardUnreachable,
            Self::EngineUnreachable { .. } => ErrorCode::EngineUnreachable,
            Self::EndpointListMismatch { .. } => ErrorCode::EndpointListMismatch,
            Self::Call(error) => error.code(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// Where the graph is, if the server said that it moved or is on its way.
    #[must_use]
    pub fn redirect(&self) -> Option<Redirect> {
        if let Self::Call(error) = self { error.redirect() } else { None }
    }

    /// The refusal of the breaker, if that is why the shard cannot be reached.
    #[must_use]
    pub fn circuit_open(&self) -> Option<&CircuitOpen> {
        match self {
            Self::ShardUnreachable { cause, .. } | Self::EngineUnreachable { cause, .. } => {
                cause.circuit_open()
            }
            Self::EndpointListMismatch { .. } | Self::Call(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> ConnectCause {
        ConnectCause::Io(Arc::new(io::Error::from_raw_os_error(111)))
    }

    #[test]
    fn the_fail_loud_text_is_the_one_of_the_walkthrough() {
        let error = RouterError::ShardUnreachable {
            endpoint: Endpoint::parse("tcp://localhost:9103").unwrap(),
            graph: "tenant__acme____bus__".to_owned(),
            cause: refused(),
        };
        assert_eq!(
            error.to_string(),
            "Configured engine shard 'tcp://localhost:9103' (owner of graph 'tenant__acme____bus__' by HRW over \
             GRAPH_SERVICE_ENDPOINTS) is unreachable: [Errno 111] Connection refused. Start that shard's \
             epistemic-graph-server (or remove it from GRAPH_SERVICE_ENDPOINTS — moving a graph between shards \
             requires a manual snapshot export/import). Autostart applies only to the local unix:// endpoint, \
             never to remote shards."
        );
        assert_eq!((error.code(), error.kind()), (ErrorCode::ShardUnreachable, ErrorKind::Repair));
    }

    #[test]
    fn an_open_breaker_is_a_connection_error_with_the_same_text() {
        let refusal = CircuitOpen {
            failures: 5,
            last_failure: refused().to_string().into(),
            retry_in: Some(Duration::from_millis(12_340)),
        };
        let endpoint = Endpoint::parse("tcp://localhost:9103").unwrap();
        let cause = ConnectCause::CircuitOpen(refusal.clone());
        let error = RouterError::ShardUnreachable {
            endpoint: endpoint.clone(),
            graph: "tenant__acme____bus__".to_owned(),
            cause: cause.clone(),
        };
        assert_eq!(
            error.to_string(),
            "Configured engine shard 'tcp://localhost:9103' (owner of graph 'tenant__acme____bus__' by HRW over \
             GRAPH_SERVICE_ENDPOINTS) is unreachable: circuit breaker OPEN after 5 consecutive connection failures \
             (last: [Errno 111] Connection refused); retrying in 12.3s. Start that shard's epistemic-graph-server \
             (or remove it from GRAPH_SERVICE_ENDPOINTS — moving a graph between shards requires a manual \
             snapshot export/import). Autostart applies only to the local unix:// endpoint, never to remote shards."
        );
        assert_eq!((error.code(), error.circuit_open()), (ErrorCode::CircuitOpen, Some(&refusal)));
        assert_eq!(ConnectError { endpoint, cause }.code(), ErrorCode::CircuitOpen);
    }

    #[test]
    fn a_single_engine_is_named_with_the_remedy() {
        let endpoint = Endpoint::parse("unix:///tmp/e.sock").unwrap();
        assert_eq!(
            RouterError::EngineUnreachable { endpoint, cause: refused() }.to_string(),
            "Cannot connect to the epistemic-graph-server at 'unix:///tmp/e.sock': [Errno 111] Connection refused. \
             Start that server, or correct the endpoint. Autostart applies only to a local unix:// \
             endpoint, never to tcp://."
        );
    }

    #[test]
    fn causes_read_like_pythons() {
        let missing = ConnectCause::Io(Arc::new(io::Error::from_raw_os_error(2)));
        assert_eq!(missing.to_string(), "[Errno 2] No such file or directory");
        let target = Target::Tcp { host: "h".to_owned(), port: 1 };
        let timeout = ConnectCause::Timeout { target, after: Duration::from_secs(10) };
        assert_eq!(timeout.to_string(), "epistemic-graph connect to h:1 timed out after 10.0s");
    }

    #[test]
    fn errors_of_servers_say_what_to_do() {
        for (text, code, kind) in [
            ("BUSY: server at capacity, retry with backoff", ErrorCode::Busy, ErrorKind::Retry),
            ("Authentication failed", ErrorCode::AuthenticationFailed, ErrorKind::Repair),
            ("disk full: 1 bytes free, 2 to write", ErrorCode::DiskFull, ErrorKind::Repair),
            ("INTERNAL: the computation failed", ErrorCode::Internal, ErrorKind::Report),
            ("Graph 'BUSY' not found", ErrorCode::NotFound, ErrorKind::FixRequest),
        ] {
            let error = CallError::Server(text.to_owned());
            assert_eq!((error.code(), error.kind()), (code, kind), "{text}");
        }
    }
}
