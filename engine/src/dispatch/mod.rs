//! From a frame to an answer, or to the promise of one.

mod access;
mod algorithms;
pub(crate) mod answer;
pub(crate) mod authenticate;
mod channels;
mod claim;
mod codes;
mod compute;
mod context_view;
mod diff;
mod lifecycle;
mod moves;
mod owners;
mod pair;
mod pending;
mod quota;
mod reads;
mod reasoning;
mod replace;
pub(crate) mod screen;
mod semantic;
mod service;
mod subgraph_match;
mod table;
mod transactions;
mod union;
mod walk;
mod whole;
mod whole_batch;
mod writes;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use access::Refusal;
pub(crate) use answer::OpError;
pub(crate) use pending::{Part, Pending};
pub(crate) use reads::ReadError;
pub(crate) use screen::dispatch_stranger;
use table::Route;
pub(crate) use table::served;
pub(crate) use writes::LARGE;

use epistemic_protocol::ErrorCode;
use epistemic_storage::graph::Graph;

use crate::{
    account::{Account, Sender},
    memory::{Body, Room},
    quotas::Place,
    shard::Shard,
    transfer::Transfers,
    wire::{Envelope, Method, ReplyTo, envelope, frame::FrameTooLarge, method_named},
};

/// What became of a frame.
pub(crate) enum Step {
    /// Answered into the outbox or promised, without proof of who sent it.
    Answered(Option<Pending>),
    /// The same, because its token is wrong.
    WrongToken(Option<Pending>),
    /// An authenticated request: answered into the outbox, or promised.
    Authenticated(Option<Pending>),
    /// An authenticated request that must see the answers before it first; dispatch it again when they are out.
    Wait,
}

/// A request whose sender is known.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) envelope: Envelope<'a>,
    pub(crate) method: Method,
    pub(crate) begun: Instant,
    /// Where it comes from: its origin.
    pub(crate) peer: &'a Arc<str>,
    /// The number of its connection.
    pub(crate) connection: u64,
}

impl Request<'_> {
    /// Room for its answer.
    pub(crate) fn room(&self, shard: &Shard, account: &Account) -> Room {
        // It tells what was done.
        let must = table::row(self.method).access == table::Access::Write;
        Room::new(&shard.memory, &account.tenant, shard.limits.max_result_bytes, must)
    }

    /// On whose account it is served. `graph` is there unless it is on its way.
    pub(crate) fn account(&self, name: &Arc<str>, graph: Option<&Graph>) -> Account {
        Account::of(name, graph, Sender { agent: self.envelope.agent_id, peer: self.peer })
    }
}

/// What a connection has for its requests.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    /// The number of the connection.
    pub(crate) connection: u64,
    pub(crate) transfers: &'a Arc<Transfers>,
    /// Where it comes from: its origin.
    pub(crate) peer: &'a Arc<str>,
}

/// Decodes, authenticates and runs one request. `pending` are the answers this connection still waits for; an
/// answer goes to `outbox` only when there are none. One that had to wait is `authenticated` already. `place` is what the
/// connection counts as.
pub(crate) fn dispatch(
    shard: &Arc<Shard>,
    client: Client<'_>,
    body: &Body,
    authenticated: bool,
    place: &mut Option<Place>,
    pending: &VecDeque<Pending>,
    outbox: &mut Vec<u8>,
) -> Step {
    let envelope = match Envelope::parse(body) {
        Ok(envelope) => envelope,
        Err(error) => {
            shard.metrics.undecodable();
            let to = ReplyTo { id: envelope::id_of(body), coded: false };
            return Step::Answered(Pending::refused(&error.into(), to, pending.is_empty(), outbox));
        }
    };
    let to = envelope.reply_to();
    let method = method_named(envelope.method);
    if !authenticated && let Err(refusal) = authenticate::check(shard, &envelope, method.as_ref().ok()) {
        let answer = Pending::refused(&refusal, to, pending.is_empty(), outbox);
        if matches!(&refusal, OpError::Token(refusal) if refusal.is_of_a_friend()) {
            shard.metrics.access_denied();
            return Step::Authenticated(answer);
        }
        shard.metrics.auth_failure();
        let wrong_secret = if let OpError::Token(refusal) = &refusal {
            refusal.is_wrong_secret()
        } else {
            !matches!(refusal, OpError::Unserved(_))
        };
        return if wrong_secret { Step::WrongToken(answer) } else { Step::Answered(answer) };
    }
    let method = match method {
        Ok(method) => method,
        Err(error) => {
            shard.metrics.undecodable();
            return Step::Authenticated(Pending::refused(&error.into(), to, pending.is_empty(), outbox));
        }
    };
    if body.len() > shard.limits.max_frame_bytes && !takes_documents(method) {
        let error = FrameTooLarge { length: body.len(), limit: shard.limits.max_frame_bytes };
        let error = OpError::Refused(ErrorCode::FrameTooLarge, format!("{error}; raise --max-frame-bytes"));
        return Step::Authenticated(Pending::refused(&error, to, pending.is_empty(), outbox));
    }
    let row = table::row(method);
    if must_wait(row.route, pending) || pending.back().is_some_and(Pending::is_decoded_elsewhere) {
        return Step::Wait;
    }
    let Client { peer, connection, .. } = client;
    let request = Request { envelope, method, begun: Instant::now(), peer, connection };
    let admitted = access::check(shard, row.access, &request, pending)
        .and_then(|()| quota::admit(shard, &row, &request, body.len(), place, pending));
    let tenant = match admitted {
        Ok(tenant) => tenant,
        Err(Refusal::Wait) => return Step::Wait,
        Err(Refusal::Error(error)) => {
            shard.metrics.dispatched(method);
            shard.metrics.answered(method, request.begun.elapsed());
            return Step::Authenticated(Pending::refused(&error, to, pending.is_empty(), outbox));
        }
    };
    shard.metrics.dispatched(method);
    let before = outbox.len();
    let promised = match row.route {
        Route::Inline => {
            service::inline(shard, &request, outbox);
            None
        }
        Route::Read if reads::is_short(&request) && reads::run(shard, &request, outbox) => None,
        Route::Read => whole::run(shard, &request, body, false, outbox),
        Route::Whole => whole::run(shard, &request, body, true, outbox),
        Route::Union => union::submit(shard, &request, body, outbox),
        Route::Compute => compute::submit(shard, &request, body, tenant.clone(), outbox),
        Route::Write => writes::submit(shard, &request, body, tenant.as_ref(), pending.is_empty(), outbox),
        Route::Service => Some(service::spawn(shard, client.transfers, &request, body)),
        Route::Absent => {
            answer::error(outbox, to, &OpError::Text(absent_text(method)));
            None
        }
    };
    if promised.is_none() {
        shard.metrics.answered(method, request.begun.elapsed());
    }
    let Some(tenant) = tenant else { return Step::Authenticated(promised) };
    tenant.answered(outbox.len() - before);
    Step::Authenticated(promised.map(|pending| pending.charged_to(tenant)))
}

/// Whether requests of the method may be as large as a document.
fn takes_documents(method: Method) -> bool {
    matches!(method, Method::FromMsgpack | Method::Reconcile)
}

/// Whether the request has to wait for answers before it: everything does, so that its answer follows theirs and
/// it sees what they wrote, but writes behind writes, which the commit thread keeps in order.
fn must_wait(route: Route, pending: &VecDeque<Pending>) -> bool {
    match route {
        // Nothing but writes is ever promised behind a write, so the first tells of all.
        Route::Write => pending.front().is_some_and(|first| !first.is_write()),
        Route::Inline
        | Route::Read
        | Route::Whole
        | Route::Union
        | Route::Compute
        | Route::Service
        | Route::Absent => !pending.is_empty(),
    }
}

/// The reference's texts for methods that a server does not have.
fn absent_text(method: Method) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "one text for all the others")]
    match method {
        Method::ParseFile | Method::ParseFiles | Method::IndexRepository => "AST feature not enabled".into(),
        Method::SpectralCluster | Method::HypergraphEncodeInteraction | Method::BatchCosineSimilarity => {
            format!("{method} is deprecated. Use datascience primitives.")
        }
        _ => "Method not available in this server build (unknown method, or a compute feature — \
              finance/datascience/reasoning — not enabled)"
            .into(),
    }
}
