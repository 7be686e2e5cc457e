//! One call over a pool.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Instant, timeout};

use super::Pool;
use super::member::Member;
use crate::breaker::{Outcome, Pass};
use crate::client::is_read;
use crate::error::{CallError, ConnectCause, ConnectError};

/// How often a call is sent at most: again only if it was not sent at all, is a read whose answer was lost, or was refused by a
/// stand-by.
const ATTEMPTS: usize = 2;

/// From then on an attempt to connect counts as a failure for each call whose deadline ends meanwhile. A call in a greater
/// hurry says nothing about the endpoint.
const SILENCE: Duration = Duration::from_millis(500);

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum CallFailure {
    /// No connection; nothing was sent.
    Connect(ConnectError),
    /// There was one.
    Call(CallError),
}

/// What to do after an attempt that failed.
enum Next {
    Again(CallFailure),
    GiveUp(CallFailure),
}

impl Pool {
    /// Sends a call and waits for its answer, for the connection too, for `after` at most.
    pub(crate) async fn call<P>(
        self: &Arc<Self>,
        graph: &str,
        method: &str,
        params: &P,
        after: Duration,
    ) -> Result<Bytes, CallFailure>
    where
        P: Serialize + Sync + ?Sized,
    {
        let result = self.attempts(graph, method, params, after).await;
        self.breaker.count(match &result {
            Ok(_) => Outcome::Ok,
            Err(CallFailure::Connect(error)) if error.cause.circuit_open().is_some() => {
                Outcome::ShortCircuited
            }
            Err(CallFailure::Connect(error)) if matches!(error.cause, ConnectCause::OtherList(_)) => {
                Outcome::Error
            }
            Err(CallFailure::Connect(_)) => Outcome::ConnectionError,
            Err(CallFailure::Call(error)) if error.is_transport() => Outcome::ConnectionError,
            Err(CallFailure::Call(_)) => Outcome::Error,
        });
        result
    }

    async fn attempts<P>(
        self: &Arc<Self>,
        graph: &str,
        method: &str,
        params: &P,
        after: Duration,
    ) -> Result<Bytes, CallFailure>
    where
        P: Serialize + Sync + ?Sized,
    {
        let (begun, mut failure) = (Instant::now(), None);
        for _ in 0..ATTEMPTS {
            let left = after.saturating_sub(begun.elapsed());
            if left.is_zero() && failure.is_some() {
                break;
            }
            let mut pass = match self.admit() {
                Ok(pass) => pass,
                // What the first attempt met says more than that the breaker has opened since.
                Err(refusal) => return Err(failure.unwrap_or(CallFailure::Connect(refusal))),
            };
            let member = match timeout(left, self.checkout(&mut pass, left)).await {
                Ok(Ok(member)) => member,
                Ok(Err(cause)) => {
                    // A connection that died unseen is in the way of one that works; no connection is an answer.
                    let again = matches!(cause, ConnectCause::NoPong { .. });
                    let dead = CallFailure::Connect(self.dead(pass, cause));
                    if !again {
                        return Err(dead);
                    }
                    failure = Some(dead);
                    continue;
                }
                Err(_) => {
                    let cause = format!("there was no connection within {after:?}");
                    if self.has_been_dialled_for(SILENCE) {
                        self.failed(pass, &cause);
                    }
                    let endpoint = self.endpoint.clone();
                    return Err(CallFailure::Call(CallError::NotSent { endpoint, cause }));
                }
            };
            let left = after.saturating_sub(begun.elapsed());
            match self.attempt(&member, pass, (graph, method, params), left).await {
                Ok(result) => return Ok(result),
                Err(Next::GiveUp(failure)) => return Err(failure),
                Err(Next::Again(error)) => failure = Some(error),
            }
        }
        Err(failure.expect("an attempt without a failure returns"))
    }

    async fn attempt<P>(
        &self,
        member: &Member,
        mut pass: Pass,
        (graph, method, params): (&str, &str, &P),
        left: Duration,
    ) -> Result<Bytes, Next>
    where
        P: Serialize + Sync + ?Sized,
    {
        let weight = member.weigh(method);
        let sent = Instant::now();
        let result = member.client.call_within(graph, method, params, left).await;
        drop(weight);
        let error = match result {
            Ok(result) => {
                pass.answered();
                return Ok(result);
            }
            Err(error) => error,
        };
        let mut again = false;
        match &error {
            CallError::Server(_) if self.follows(&error) => {
                pass.answered();
                again = true;
            }
            CallError::Server(_) | CallError::ResponseTooLarge { .. } | CallError::BadResponse { .. } => {
                pass.answered();
            }
            CallError::ConnectionLost { .. } => {
                again = is_read(method);
                self.failed(pass, &error.to_string());
            }
            CallError::Deadline { .. } => {
                member.retire();
                // A server that answers others is alive, only slow.
                if member.client.last_heard().is_none_or(|heard| heard < sent) {
                    self.failed(pass, &error.to_string());
                }
            }
            CallError::NotSent { .. } => again = member.client.is_closed(),
            CallError::RequestTooLarge { .. } | CallError::Params { .. } => {}
        }
        let failure = CallFailure::Call(error);
        Err(if again { Next::Again(failure) } else { Next::GiveUp(failure) })
    }
}
