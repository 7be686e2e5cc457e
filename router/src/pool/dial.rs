//! Making connections: one at a time per endpoint, in a task of its own. Callers that find no connection wait for the
//! same attempt, and an attempt outlives the caller that began it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use epistemic_protocol::placement::Target;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Pool;
use super::member::Member;
use crate::autostart;
use crate::breaker::Ticket;
use crate::client::Client;
use crate::error::{ConnectCause, ConnectError};

type Dialled = Result<Arc<Member>, ConnectCause>;

/// The connections of a pool and the attempt to make another.
#[derive(Debug, Default)]
pub(super) struct Members {
    ready: Vec<Arc<Member>>,
    dial: Option<Dial>,
}

impl Members {
    /// Drops those that ended, too.
    pub(super) fn least_busy(&mut self) -> Option<Arc<Member>> {
        self.ready.retain(|member| member.is_usable());
        self.ready.iter().min_by_key(|member| member.load()).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }

    pub(super) fn clear(&mut self) {
        self.ready.clear();
    }
}

/// An attempt to connect.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    begun: Instant,
    outcome: watch::Receiver<Option<Dialled>>,
}

impl Dial {
    pub(super) async fn wait(mut self) -> Dialled {
        match self.outcome.wait_for(Option::is_some).await {
            Ok(dialled) => dialled.clone().expect("it was waited for"),
            Err(_) => Err(ConnectCause::Io(Arc::new(io::Error::other("the attempt was stopped")))),
        }
    }

    /// False when its runtime has gone.
    fn is_alive(&self) -> bool {
        self.outcome.has_changed().is_ok()
    }
}

impl Pool {
    /// The attempt that is under way, or a new one. Its failure counts for the breaker also when nobody waits for it.
    pub(super) fn dial(self: &Arc<Self>, members: &mut Members, ticket: Ticket) -> Dial {
        if let Some(dial) = members.dial.as_ref().filter(|dial| dial.is_alive()) {
            return dial.clone();
        }
        let (sender, receiver) = watch::channel(None);
        let dial = Dial { begun: Instant::now(), outcome: receiver };
        members.dial = Some(dial.clone());
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let dialled = pool.connect().await;
            if let Err(cause) = &dialled
                && !matches!(cause, ConnectCause::OtherList(_))
            {
                pool.breaker.failed(ticket, &cause.to_string());
            }
            let mut members = pool.members.lock();
            members.dial = None;
            members.ready.extend(dialled.as_ref().ok().cloned());
            drop(members);
            // Nobody waits for a connection that was made for later.
            let _ = sender.send(Some(dialled));
        });
        dial
    }

    /// Whether an attempt to connect has been under way for so long.
    pub(super) fn has_been_dialled_for(&self, time: Duration) -> bool {
        self.members.lock().dial.as_ref().is_some_and(|dial| dial.begun.elapsed() >= time)
    }

    async fn connect(&self) -> Dialled {
        let endpoint = &self.endpoint;
        match self.open().await {
            Ok(mut client) => {
                let useless = |cause: &ConnectCause| tracing::warn!(%endpoint, %cause, "connection to shard is of no use");
                let owner = self.compare_lists(&client).await.inspect_err(useless)?;
                if let Some(owner) = owner.filter(|owner| self.is_served_by(owner)) {
                    match Client::connect(&owner, &self.secret, self.options.clone()).await {
                        Ok(of_owner) => client = of_owner,
                        // It has died, most likely: calls hear that from the stand-by.
                        Err(_) => self.forget_owner(),
                    }
                }
                tracing::info!(%endpoint, "connected to shard");
                Ok(Arc::new(Member::new(client)))
            }
            Err(error) => {
                tracing::warn!(%endpoint, cause = %error.cause, "shard is unreachable");
                Err(error.cause)
            }
        }
    }

    /// A connection to the owner that a stand-by has named, or else to the endpoint, to a server started for it if need be.
    async fn open(&self) -> Result<Client, ConnectError> {
        if let Some(owner) = self.owner() {
            match Client::connect(&owner, &self.secret, self.options.clone()).await {
                Ok(client) => return Ok(client),
                Err(_) => self.forget_owner(),
            }
        }
        let connect = || Client::connect(&self.endpoint, &self.secret, self.options.clone());
        let error = match connect().await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        match self.endpoint.target() {
            Target::Unix(socket) if self.options.autostart && error.cause.is_nobody() => {
                let started = autostart::serve(socket).await;
                started.map_err(|reason| self.unreachable(ConnectCause::Autostart { reason }))?;
                connect().await
            }
            Target::Unix(_) | Target::Tcp { .. } => Err(error),
        }
    }
}
