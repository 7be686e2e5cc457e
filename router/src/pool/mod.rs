//! The connections to one endpoint: made when needed, shared by all callers, replaced when they break.
//!
//! [`member`] is one connection, [`dial`] makes them, [`call`] sends a call over one and tells the breaker how it went,
//! [`pools`] is one pool per endpoint.
//! Sizes and rules: `docs/decisions/0017-pool.md`.

mod call;
mod dial;
mod lists;
mod member;
mod pools;
mod standby;

use std::sync::Arc;
use std::time::Duration;

use epistemic_protocol::placement::{Endpoint, EndpointList};
use parking_lot::Mutex;

use crate::breaker::{Breaker, BreakerState, Pass};
use crate::client::{Client, ConnectOptions};
use crate::error::{ConnectCause, ConnectError};
use crate::secret::Secret;
use dial::Members;
use member::Member;

pub(crate) use call::CallFailure;
pub(crate) use pools::Pools;

/// The pool of one endpoint.
#[derive(Debug)]
pub(crate) struct Pool {
    endpoint: Endpoint,
    /// The list of the router, to be compared with the server's.
    endpoints: Arc<EndpointList>,
    secret: Secret,
    options: ConnectOptions,
    breaker: Arc<Breaker>,
    members: Mutex<Members>,
    /// Where the shard is served, when a stand-by behind the endpoint has named it.
    owner: Mutex<Option<Endpoint>>,
}

impl Pool {
    /// An empty pool; connects to nothing yet.
    pub(crate) fn new(
        endpoint: &Endpoint,
        endpoints: &Arc<EndpointList>,
        secret: &Secret,
        options: &ConnectOptions,
    ) -> Self {
        Self {
            endpoint: endpoint.clone(),
            endpoints: Arc::clone(endpoints),
            secret: secret.clone(),
            options: options.clone(),
            breaker: Breaker::shared(endpoint, options.breaker),
            members: Mutex::default(),
            owner: Mutex::default(),
        }
    }

    /// A connection that answers. Calls on it are the caller's own: neither retried nor seen by the breaker.
    pub(crate) async fn client(self: &Arc<Self>) -> Result<Client, ConnectError> {
        let mut pass = self.admit()?;
        let patience = 2 * self.options.connect_timeout;
        let member = self.checkout(&mut pass, patience).await.map_err(|cause| self.dead(pass, cause))?;
        Ok(member.client.clone())
    }

    fn admit(&self) -> Result<Pass, ConnectError> {
        self.breaker.admit().map_err(|refusal| self.unreachable(ConnectCause::CircuitOpen(refusal)))
    }

    /// The least busy connection, or a new one when there is none. While all are busy and there may be more, another
    /// is made for those who come later. The caller waits for `left`.
    async fn checkout(
        self: &Arc<Self>,
        pass: &mut Pass,
        left: Duration,
    ) -> Result<Arc<Member>, ConnectCause> {
        let dial = {
            let mut members = self.members.lock();
            match members.least_busy() {
                Some(member) => {
                    if member.is_busy() && members.len() < self.options.max_connections {
                        let _for_others = self.dial(&mut members, pass.ticket());
                    }
                    Ok(member)
                }
                None => Err(self.dial(&mut members, pass.ticket())),
            }
        };
        let member = match dial {
            Ok(member) => member,
            Err(dial) => dial.wait().await?,
        };
        self.check(&member, pass, left).await?;
        Ok(member)
    }

    /// Sends a Ping over a connection that nobody has heard of for long, or whose endpoint failed last. Any answer
    /// will do, an error too. It has half of the time that is `left`, so that its silence is met before the caller is gone
    /// and another connection can be tried.
    async fn check(&self, member: &Arc<Member>, pass: &mut Pass, left: Duration) -> Result<(), ConnectCause> {
        if !member.is_in_doubt(self.breaker.failing_since(), self.options.idle_before_ping) {
            return Ok(());
        }
        let patience = self.options.connect_timeout.min(left / 2);
        match member.client.call_within("", "Ping", &(), patience).await {
            Err(error) if !error.is_answer() => {
                member.retire();
                Err(ConnectCause::NoPong { reason: error.to_string() })
            }
            Ok(_) | Err(_) => {
                pass.answered();
                Ok(())
            }
        }
    }

    /// Tells the breaker. Once it has opened, all connections are from before the outage: the probe makes a new one.
    fn failed(&self, pass: Pass, cause: &str) {
        pass.failed(cause);
        if self.breaker.state() != BreakerState::Closed {
            self.members.lock().clear();
        }
    }

    fn dead(&self, mut pass: Pass, cause: ConnectCause) -> ConnectError {
        if let ConnectCause::OtherList(_) = cause {
            // It answered.
            pass.answered();
        } else {
            self.failed(pass, &cause.to_string());
        }
        self.unreachable(cause)
    }

    fn unreachable(&self, cause: ConnectCause) -> ConnectError {
        ConnectError { endpoint: self.endpoint.clone(), cause }
    }
}
