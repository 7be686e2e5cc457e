//! The handle that callers hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use epistemic_protocol::{
    ErrorCode,
    placement::{Endpoint, Target},
};
use epistemic_tls::ClientTls;
use rmpv::Value;
use serde::Serialize;
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::time::Instant;

use super::connection::{Driver, Job, Waiter};
use super::options::ConnectOptions;
use super::pulse::Pulse;
use super::request::Request;
use super::transport;
use crate::error::{CallError, ConnectError};
use crate::min_auth::{MIN_AUTH_VAR, MinAuth};
use crate::secret::Secret;
use crate::signer::Signer;

/// Who has no name signs as this one where he has to sign.
const NAMELESS: &str = "default";

/// One connection to one server, shared by any number of callers; clones are cheap and use the same connection.
///
/// Calls are pipelined: each is written at once and answered when the server answers it. Calls that one task starts
/// one after the other reach the server in that order. A call that is dropped, or runs into its deadline, may still
/// be carried out. A connection that ended stays ended; nothing reconnects or retries (the pool of a
/// [`ShardRouter`](crate::ShardRouter) does). The socket closes with the
/// last clone.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    deadline: Option<Duration>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    secret: Secret,
    options: ConnectOptions,
    last_id: AtomicU64,
    /// Holds no more jobs than there are places, so it needs no bound of its own.
    jobs: mpsc::UnboundedSender<Job>,
    pulse: Arc<Pulse>,
    /// How requests show whose they are, once it is known what the server takes.
    shown: OnceCell<Option<Signer>>,
}

impl Client {
    /// Connects. No request is made, so a wrong secret shows in the first call. Must run on a tokio runtime, where
    /// the connection then lives as a task.
    ///
    /// # Errors
    /// [`ConnectError`] when the socket cannot be opened within the connect timeout.
    pub async fn connect(
        endpoint: &Endpoint,
        secret: &Secret,
        options: ConnectOptions,
    ) -> Result<Self, ConnectError> {
        let socket = transport::open(endpoint, options.connect_timeout, options.tls.as_ref()).await?;
        tracing::debug!(%endpoint, "connected");
        let (jobs, received) = mpsc::unbounded_channel();
        let pulse = Arc::new(Pulse::new(options.max_in_flight));
        let driver = Driver {
            endpoint: endpoint.clone(),
            max_response_bytes: options.max_response_bytes,
            write_timeout: options.write_timeout,
            pulse: Arc::clone(&pulse),
        };
        tokio::spawn(driver.run(socket, received));
        let shared = Shared {
            endpoint: endpoint.clone(),
            secret: secret.clone(),
            last_id: AtomicU64::new(0),
            options,
            jobs,
            pulse,
            shown: OnceCell::new(),
        };
        Ok(Self { shared: Arc::new(shared), deadline: None })
    }

    /// The same connection with one deadline for every operation, in place of the two of the options.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), deadline: Some(deadline) }
    }

    /// The server this client is connected to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// True once the connection has ended; every further call fails.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.jobs.is_closed()
    }

    /// Requests that have no answer yet, those of callers that gave up included.
    pub(crate) fn in_flight(&self) -> usize {
        let shared = &self.shared;
        shared.options.max_in_flight.saturating_sub(shared.pulse.places.available_permits())
    }

    /// When the last answer came.
    pub(crate) fn last_heard(&self) -> Option<Instant> {
        self.shared.pulse.last_beat()
    }

    /// Calls `method` and returns the result as it is. Parameters are anything that serialises to a map, `&()` for
    /// none; byte strings go in [`Bin`](super::Bin).
    ///
    /// # Errors
    /// [`CallError::Server`] with the server's text; the other variants when there is no answer.
    pub async fn call<P>(&self, graph: &str, method: &str, params: &P) -> Result<Value, CallError>
    where
        P: Serialize + Sync + ?Sized,
    {
        decode(self.endpoint(), &self.call_raw(graph, method, params).await?)
    }

    /// As [`Client::call`], and a result that is a bin is replaced by the MessagePack value inside it (once, at the
    /// top level), as the Python client does.
    ///
    /// # Errors
    /// As [`Client::call`]; [`CallError::BadResponse`] when the bin holds no value.
    pub async fn call_unpacked<P>(&self, graph: &str, method: &str, params: &P) -> Result<Value, CallError>
    where
        P: Serialize + Sync + ?Sized,
    {
        unpack(self.endpoint(), self.call(graph, method, params).await?)
    }

    /// As [`Client::call`], and the result is left as MessagePack, neither copied nor checked.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_raw<P>(&self, graph: &str, method: &str, params: &P) -> Result<Bytes, CallError>
    where
        P: Serialize + Sync + ?Sized,
    {
        let after = self.deadline.unwrap_or_else(|| self.shared.options.deadline_for(method));
        self.call_within(graph, method, params, after).await
    }

    /// [`Client::call_raw`] with this deadline.
    pub(crate) async fn call_within<P>(
        &self,
        graph: &str,
        method: &str,
        params: &P,
        after: Duration,
    ) -> Result<Bytes, CallError>
    where
        P: Serialize + Sync + ?Sized,
    {
        let sent = AtomicBool::new(false);
        let exchange = async {
            let signer = self.signer().await?;
            self.exchange(graph, method, params, signer, &sent).await
        };
        tokio::time::timeout(after, exchange).await.unwrap_or_else(|_| {
            let endpoint = self.endpoint().clone();
            Err(if sent.load(Ordering::Relaxed) {
                CallError::Deadline { endpoint, method: method.to_owned(), after }
            } else {
                let places = self.shared.options.max_in_flight;
                let cause = format!("none of the {places} requests in flight was answered within {after:?}");
                CallError::NotSent { endpoint, cause }
            })
        })
    }

    /// What requests are signed with; none for a token over their id. The first request of a connection that has to find out asks
    /// the server, the others wait for that.
    async fn signer(&self) -> Result<Option<&Signer>, CallError> {
        if let Some(signer) = self.shared.secret.signer() {
            return Ok(Some(signer));
        }
        Ok(self.shared.shown.get_or_try_init(|| self.try_signing()).await?.as_ref())
    }

    async fn try_signing(&self) -> Result<Option<Signer>, CallError> {
        use ErrorCode::{AuthenticationFailed, InvalidRequest, MethodNotAvailable};
        let Shared { options, secret, endpoint, .. } = &*self.shared;
        let agent = options.agent_id.as_deref().filter(|agent| !agent.trim().is_empty());
        let signer = secret.signer_of(agent.unwrap_or(NAMELESS));
        if options.min_auth == MinAuth::Signed {
            let certified = options.tls.as_ref().is_some_and(ClientTls::shows_certificate);
            if signer.is_none() && !(certified && matches!(endpoint.target(), Target::Tcp { .. })) {
                let cause = format!(
                    "{MIN_AUTH_VAR}=2 needs a secret to sign with, or TLS with a certificate to show"
                );
                return Err(CallError::NotSent { endpoint: endpoint.clone(), cause });
            }
            return Ok(signer);
        }
        // Who has no name would get one by signing: graphs that he makes would have an owner.
        let Some(signer) = signer.filter(|_| options.sign && agent.is_some()) else { return Ok(None) };
        match self.exchange("", "Ping", &(), Some(&signer), &AtomicBool::new(false)).await {
            Ok(_) => Ok(Some(signer)),
            Err(CallError::Server(text))
                if matches!(
                    ErrorCode::of_text(&text),
                    AuthenticationFailed | InvalidRequest | MethodNotAvailable
                ) =>
            {
                tracing::debug!(%endpoint, text, "requests are not signed: the server does not take it");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn exchange<P>(
        &self,
        graph: &str,
        method: &str,
        params: &P,
        signer: Option<&Signer>,
        sent: &AtomicBool,
    ) -> Result<Bytes, CallError>
    where
        P: Serialize + Sync + ?Sized,
    {
        let shared = &self.shared;
        let places = Arc::clone(&shared.pulse.places);
        let permit = places.acquire_owned().await.map_err(|_| self.not_sent())?;
        let id = shared.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let agent_id = shared.options.agent_id.as_deref();
        let mut request = Request { id, graph, auth_token: "", method, agent_id, plain: false, params };
        let frame = match signer {
            Some(signer) => request.sign(signer, &shared.endpoint.to_string())?,
            None => {
                let token = shared.secret.token(id);
                request.auth_token = &token;
                request.encode()?
            }
        };
        let (answer, answered) = oneshot::channel();
        let job = Job { frame, waiter: Waiter { id, answer, _permit: permit } };
        shared.jobs.send(job).map_err(|_| self.not_sent())?;
        sent.store(true, Ordering::Relaxed);
        answered.await.unwrap_or_else(|_| {
            let cause = "its task was stopped".to_owned();
            Err(CallError::ConnectionLost { endpoint: self.endpoint().clone(), cause })
        })
    }

    fn not_sent(&self) -> CallError {
        self.shared.pulse.not_sent(&self.shared.endpoint)
    }
}

/// The value that a result holds.
pub(crate) fn decode(endpoint: &Endpoint, mut bytes: &[u8]) -> Result<Value, CallError> {
    rmpv::decode::read_value(&mut bytes).map_err(|error| CallError::BadResponse {
        endpoint: endpoint.clone(),
        reason: format!("the result does not decode: {error}"),
    })
}

/// The value inside a bin; any other value as it is.
pub(crate) fn unpack(endpoint: &Endpoint, value: Value) -> Result<Value, CallError> {
    if let Value::Binary(inner) = &value { decode(endpoint, inner) } else { Ok(value) }
}
