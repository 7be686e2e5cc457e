//! The runner for all that is not done on the connection's task: it carries a request to another thread, answers there, and
//! promises the response.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use epistemic_protocol::ErrorCode;
use epistemic_storage::graph::Graph;
use tokio::sync::mpsc::{self, Sender};

use super::{
    error::{OpError, ReadError},
    incoming::Request,
    operation::{Effect, Operation},
    pending::{PendingResponse, ResponsePart},
    response,
};
use crate::{
    account::Account,
    admission::Permit,
    analytics::{Cancel, Cancelled},
    keys::Session,
    memory::{Body, Charge, Room, decoded},
    shard::Shard,
    slow_requests::{Phases, Ready},
    wire::{ReplyTo, in_place},
};

/// Parts of a streamed response that may wait for their client.
const PARTS: usize = 2;

/// Where a request is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Those for reads of much of a graph.
    Reads,
    /// Those for computations.
    Compute,
    /// Those that may block for long.
    Blocking,
}

impl Threads {
    /// What a request did there for so long, after it had waited.
    fn phases(self, queue: Duration, took: Duration) -> Phases {
        let waited = Phases { queue, ..Phases::default() };
        match self {
            Threads::Reads => Phases { read: took, ..waited },
            Threads::Compute => Phases { computation: took, ..waited },
            Threads::Blocking => Phases { service: took, ..waited },
        }
    }
}

/// Lets the connection know, before it finds the response complete. Without a connection the client is gone.
fn tell(shard: &Shard, tells: Arc<OnceLock<Ready>>, ready: Option<Ready>) {
    let Some(ready) = ready else { return };
    if Arc::strong_count(&tells) == 1 {
        shard.slow.sent(ready);
    } else {
        // Nobody else sets it.
        let _ = tells.set(ready);
    }
}

/// Where a response goes that is sent in parts. Sending blocks while the client has not taken those before.
pub(crate) struct Parts {
    sender: Sender<ResponsePart>,
    blocked: Duration,
    last: Option<ResponsePart>,
}

/// The client of a response is gone.
#[derive(Debug)]
pub(crate) struct ClientGone;

impl Parts {
    /// Sends bytes with more to come.
    pub(crate) fn more(&mut self, bytes: Vec<u8>) -> Result<(), ClientGone> {
        let begun = Instant::now();
        let sent = self.sender.blocking_send(ResponsePart::More(bytes));
        self.blocked += begun.elapsed();
        sent.map_err(|_| ClientGone)
    }

    /// What is sent last.
    pub(crate) fn last(&mut self, part: ResponsePart) {
        self.last = Some(part);
    }

    fn finish(self) {
        if let Some(last) = self.last {
            // A client that has gone needs none.
            let _ = self.sender.blocking_send(last);
        }
    }
}

/// A request on its way to another thread.
pub(crate) struct Job {
    shard: Arc<Shard>,
    operation: &'static Operation,
    to: ReplyTo,
    body: Body,
    account: Account,
    begun: Instant,
    peer: Arc<Session>,
    connection: u64,
}

/// A request on the thread that runs it.
pub(crate) struct Running<'a> {
    pub(crate) shard: &'a Arc<Shard>,
    pub(crate) request: Request<'a>,
    /// For the response.
    pub(crate) room: &'a Room,
    /// Set when nobody waits for the response any more, or at the deadline.
    pub(crate) cancel: &'a Cancel,
}

impl Job {
    /// `body` is what `request` was parsed from; it is run on the account.
    pub(crate) fn new(shard: &Arc<Shard>, request: &Request<'_>, body: &Body, account: Account) -> Self {
        let Request { operation, begun, peer, connection, .. } = *request;
        let (shard, body, peer) = (Arc::clone(shard), body.clone(), Arc::clone(peer));
        Self { shard, operation, to: request.reply_to(), body, account, begun, peer, connection }
    }

    /// Promises the response that `work` appends, or the error that it ends with. `permit` is held until it is out.
    pub(crate) fn run(
        self,
        threads: Threads,
        permit: Option<Permit>,
        work: impl FnOnce(&Running<'_>, &mut Vec<u8>) -> Result<(), OpError> + Send + 'static,
    ) -> PendingResponse {
        let (parts, receiver) = mpsc::channel(1);
        let (shard, account, to) = (Arc::clone(&self.shard), self.account.clone(), self.to);
        let cancel = Cancel::default();
        let own = cancel.clone();
        let ready = Arc::new(OnceLock::new());
        let tells = Arc::clone(&ready);
        let run = move || {
            if let Some(response) = self.respond(threads, &own, tells, work) {
                // A client that has gone needs none.
                let _ = parts.try_send(response);
            }
        };
        let pending = match threads {
            Threads::Reads => {
                shard.reads.submit(&account, &cancel, run);
                PendingResponse::read(to, receiver, permit, cancel)
            }
            Threads::Compute => {
                shard.compute.submit(&account, &cancel, run);
                PendingResponse::computation(to, receiver, permit, cancel)
            }
            Threads::Blocking => {
                tokio::task::spawn_blocking(run);
                PendingResponse::task(receiver, permit)
            }
        };
        pending.told(ready)
    }

    /// Promises the response that `work` sends in parts. It runs on a thread that may block: a slow client keeps it, so it must
    /// not be one of those that others wait for.
    pub(crate) fn stream(
        self,
        permit: Permit,
        work: impl FnOnce(&Shard, &Request<'_>, &mut Parts) + Send + 'static,
    ) -> PendingResponse {
        let (sender, receiver) = mpsc::channel(PARTS);
        let ready = Arc::new(OnceLock::new());
        let tells = Arc::clone(&ready);
        tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            self.parsed(|shard, request, _| {
                let queue = begun - request.begun;
                let mut parts = Parts { sender, blocked: Duration::ZERO, last: None };
                work(shard, request, &mut parts);
                let response = parts.blocked;
                let read = begun.elapsed().saturating_sub(response);
                let phases = Phases { queue, read, response, ..Phases::default() };
                shard.metrics.answered(request.method(), request.begun.elapsed());
                // All before was taken while it was made.
                tell(shard, tells, shard.slow.ready(request, phases, 0));
                parts.finish();
            })
        });
        PendingResponse::task(receiver, Some(permit)).told(ready)
    }

    /// Calls `work` with the request.
    pub(crate) fn parsed<T>(self, work: impl FnOnce(&Arc<Shard>, &Request<'_>, &Account) -> T) -> Option<T> {
        let Self { shard, operation, body, account, begun, peer, connection, .. } = self;
        let body = if operation.takes_document() { body.map(in_place::list_as_bin) } else { body };
        // It was parsed from the same bytes before.
        let envelope = peer.envelope(&body).ok()?;
        let request = Request { envelope, operation, begun, peer: &peer, connection };
        Some(work(&shard, &request, &account))
    }

    /// The whole response.
    fn respond(
        self,
        threads: Threads,
        cancel: &Cancel,
        tells: Arc<OnceLock<Ready>>,
        work: impl FnOnce(&Running<'_>, &mut Vec<u8>) -> Result<(), OpError>,
    ) -> Option<ResponsePart> {
        let begun = Instant::now();
        self.parsed(|shard, request, account| {
            let room = request.room(shard, account);
            let running = Running { shard, request: *request, room: &room, cancel };
            let mut out = Vec::new();
            response::result_with(
                &mut out,
                request.reply_to(),
                || room.attached(),
                |out| {
                    let done = running.decoded(account).and_then(|_decoded| work(&running, out));
                    done.map_err(|error| {
                        room.discard();
                        if cancel.check().is_err() { running.ended() } else { error }
                    })
                },
            );
            shard.metrics.answered(request.method(), request.begun.elapsed());
            let bytes = out.len() + room.attached();
            let phases = threads.phases(begun - request.begun, begun.elapsed());
            tell(shard, tells, shard.slow.ready(request, phases, bytes));
            ResponsePart::whole(room, request.reply_to(), out)
        })
    }
}

impl Running<'_> {
    /// The charge for what becomes of its parameters.
    fn decoded(&self, account: &Account) -> Result<Option<Charge>, OpError> {
        self.cancel.check()?;
        // Documents are read where they lie.
        let params = self.request.envelope.params.filter(|_| !self.request.operation.takes_document());
        Ok(decoded(&self.shard.memory, &account.tenant, params)?)
    }

    /// The error of a read of the graph.
    pub(crate) fn failure(&self, error: ReadError, graph: &Graph) -> OpError {
        match error {
            ReadError::OverBudget => OpError::Text(self.room.refusal()),
            other @ (ReadError::Op(_) | ReadError::Store(_)) => other.of(self.shard, graph),
        }
    }

    /// The error of what was ended before its end: at the deadline it says what was asked, and how far it came.
    fn ended(&self) -> OpError {
        if !self.cancel.is_overdue() {
            return Cancelled.into();
        }
        let (method, graph) = (self.request.method(), self.request.envelope.graph);
        let seconds = self.shard.limits.compute_deadline.unwrap_or_default().as_secs();
        let reached = match self.request.operation.effect {
            Effect::Matches => format!("{} matches were found until then", self.cancel.found()),
            Effect::InParts => "what was changed until then stays, asking again goes on from there".into(),
            Effect::Usual | Effect::Adds | Effect::Document | Effect::Copies => "nothing was changed".into(),
        };
        let code = ErrorCode::ComputeDeadline;
        OpError::Refused(
            code,
            format!(
                "{method} on graph '{graph}' was ended after {seconds} s (--compute-deadline); {reached} ({code:#})"
            ),
        )
    }
}
