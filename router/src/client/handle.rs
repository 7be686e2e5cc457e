//! The handle that callers hold.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use rmpv::Value;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::connection::{Job, Waiter, drive};
use super::options::ConnectOptions;
use super::request::Request;
use super::transport;
use crate::endpoint::Endpoint;
use crate::error::{CallError, ConnectError};
use crate::secret::Secret;

/// One connection to one server, shared by any number of callers; clones are cheap and use the same connection.
///
/// Calls are pipelined: each is written at once and answered when the server answers it. Calls that one task starts
/// one after the other reach the server in that order. A call that is dropped, or runs into its deadline, may still
/// be carried out. A connection that ended stays ended; nothing reconnects or retries. The socket closes with the
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
    places: Arc<Semaphore>,
    jobs: mpsc::UnboundedSender<Job>,
    end: Arc<OnceLock<CallError>>,
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
        let socket = transport::open(endpoint, options.connect_timeout).await?;
        tracing::debug!(%endpoint, "connected");
        let (jobs, received) = mpsc::unbounded_channel();
        let end = Arc::new(OnceLock::new());
        tokio::spawn(drive(endpoint.clone(), socket, received, options.max_response_bytes, Arc::clone(&end)));
        let shared = Shared {
            endpoint: endpoint.clone(),
            secret: secret.clone(),
            last_id: AtomicU64::new(0),
            places: Arc::new(Semaphore::new(options.max_in_flight.max(1))),
            options,
            jobs,
            end,
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

    /// Calls `method` and returns the result as it is. Parameters are anything that serialises to a map, `&()` for
    /// none; byte strings go in [`Bin`](super::Bin).
    ///
    /// # Errors
    /// [`CallError::Server`] with the server's text; the other variants when there is no answer.
    pub async fn call<P>(&self, graph: &str, method: &str, params: &P) -> Result<Value, CallError>
    where
        P: Serialize + Sync + ?Sized,
    {
        self.decode(&self.call_raw(graph, method, params).await?)
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
        let value = self.call(graph, method, params).await?;
        if let Value::Binary(inner) = &value { self.decode(inner) } else { Ok(value) }
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
        let exchange = self.exchange(graph, method, params);
        tokio::time::timeout(after, exchange).await.unwrap_or_else(|_| {
            Err(CallError::Deadline { endpoint: self.endpoint().clone(), method: method.to_owned(), after })
        })
    }

    async fn exchange<P>(&self, graph: &str, method: &str, params: &P) -> Result<Bytes, CallError>
    where
        P: Serialize + Sync + ?Sized,
    {
        let shared = &self.shared;
        let permit = Arc::clone(&shared.places).acquire_owned().await.expect("the semaphore is never closed");
        let id = shared.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let agent_id = shared.options.agent_id.as_deref();
        let frame =
            Request { id, graph, auth_token: &shared.secret.token(id), method, agent_id, params }.encode()?;
        let (answer, answered) = oneshot::channel();
        let job = Job { frame, waiter: Waiter { id, answer, _permit: permit } };
        shared.jobs.send(job).map_err(|_| self.end())?;
        answered.await.map_err(|_| self.end())?.map_err(CallError::Server)
    }

    fn decode(&self, mut bytes: &[u8]) -> Result<Value, CallError> {
        rmpv::decode::read_value(&mut bytes).map_err(|error| CallError::BadResponse {
            endpoint: self.endpoint().clone(),
            reason: format!("the result does not decode: {error}"),
        })
    }

    /// Why the connection ended.
    fn end(&self) -> CallError {
        self.shared.end.get().cloned().unwrap_or_else(|| CallError::ConnectionLost {
            endpoint: self.endpoint().clone(),
            cause: "its task was stopped".to_owned(),
        })
    }
}
