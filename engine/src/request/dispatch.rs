//! From a frame to a response, or to the promise of one.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use epistemic_protocol::ErrorCode;

use super::{
    access::{self, Refusal},
    authenticate, computation,
    error::OpError,
    graph_read,
    incoming::{Client, Request},
    operation::Operation,
    pending::PendingResponse,
    quota, response, service, union_read, write,
};
use crate::{
    audit, keys,
    lease::needs_no_lease,
    memory::Body,
    operations::{
        handler::Handler,
        table::{self, Row},
    },
    quotas::Place,
    shard::Shard,
    signed,
    slow_requests::{Phases, Ready},
    wire::{Envelope, Method, ReplyTo, envelope, frame::FrameTooLarge, method_named},
};

/// What became of a frame.
pub(crate) enum Dispatched {
    /// Answered into the outbox or promised, without proof of who sent it.
    Answered(Option<PendingResponse>),
    /// The same, because its token is wrong.
    WrongToken(Option<PendingResponse>),
    /// An authenticated request: answered into the outbox, or promised.
    Authenticated(Option<PendingResponse>),
    /// One that is answered into the outbox, and was slow or may be while it is sent.
    Ready(Ready),
    /// An authenticated request, answered or promised from what is true whoever serves the store now.
    Untied(Option<PendingResponse>),
    /// The key of its connection is not any more what it was: answered, and nothing more is read.
    Ended(Option<PendingResponse>),
    /// An authenticated request that must see the answers before it first; dispatch it again when they are out.
    Wait,
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
    pending: &VecDeque<PendingResponse>,
    outbox: &mut Vec<u8>,
) -> Dispatched {
    let envelope = match Envelope::parse(body) {
        Ok(envelope) => envelope,
        Err(error) => {
            shard.metrics.undecodable();
            let to = ReplyTo { id: envelope::id_of(body), coded: false };
            let refused = PendingResponse::refused(&error.into(), to, pending.is_empty(), outbox);
            return Dispatched::Answered(refused);
        }
    };
    let to = envelope.reply_to();
    let method = method_named(envelope.method);
    let row = method.as_ref().ok().and_then(|method| table::row(*method));
    let operation = row.map(|row| &row.operation);
    if !authenticated && let Err(refusal) = authenticate::check(shard, client.peer, &envelope, operation) {
        audit::unauthenticated(shard, client.peer, Some(&envelope), &refusal.to_string());
        let answer = PendingResponse::refused(&refusal, to, pending.is_empty(), outbox);
        if matches!(&refusal, OpError::Token(refusal) if refusal.is_of_a_friend()) {
            shard.metrics.access_denied();
            return Dispatched::Authenticated(answer);
        }
        shard.metrics.auth_failure();
        if matches!(refusal, OpError::Token(signed::Refusal::Retired)) {
            return Dispatched::Ended(answer);
        }
        let wrong_secret = if let OpError::Token(refusal) = &refusal {
            refusal.is_wrong_secret()
        } else {
            !matches!(refusal, OpError::Unserved(_))
        };
        return if wrong_secret { Dispatched::WrongToken(answer) } else { Dispatched::Answered(answer) };
    }
    if !authenticated {
        client.peer.asks(&envelope);
    }
    let method = match method {
        Ok(method) => method,
        Err(error) => {
            shard.metrics.undecodable();
            let refused = PendingResponse::refused(&error.into(), to, pending.is_empty(), outbox);
            return Dispatched::Authenticated(refused);
        }
    };
    if let Some(error) = shard.role.refusal(method) {
        shard.metrics.dispatched(method);
        shard.metrics.answered(method, Duration::ZERO);
        let refused = PendingResponse::refused(&error, to, pending.is_empty(), outbox);
        return Dispatched::Untied(refused.map(PendingResponse::untied));
    }
    let takes_document = operation.is_some_and(Operation::takes_document);
    if body.len() > shard.limits.max_frame_bytes && !takes_document {
        let error = FrameTooLarge { length: body.len(), limit: shard.limits.max_frame_bytes };
        let error = OpError::Refused(ErrorCode::FrameTooLarge, format!("{error}; raise --max-frame-bytes"));
        return Dispatched::Authenticated(PendingResponse::refused(&error, to, pending.is_empty(), outbox));
    }
    if must_wait(row, pending) || pending.back().is_some_and(PendingResponse::is_decoded_elsewhere) {
        return Dispatched::Wait;
    }
    let begun = Instant::now();
    let Some(Row { operation, handler }) = row else {
        shard.metrics.dispatched(method);
        response::error(outbox, to, &OpError::Text(absent_text(method)));
        shard.metrics.answered(method, begun.elapsed());
        return Dispatched::Authenticated(None);
    };
    let Client { peer, connection, .. } = client;
    let envelope = peer.identified(envelope);
    let request = Request { envelope, operation, begun, peer, connection };
    let computes = matches!(handler, Handler::Compute(_));
    let admitted = keys::check(shard, &request)
        .map_err(Refusal::Error)
        .and_then(|()| access::check(shard, &request, pending))
        .and_then(|()| quota::admit(shard, &request, computes, body.len(), place, pending));
    // Only what is run now begins in the log.
    let admitted = admitted.and_then(|tenant| Ok((tenant, audit::begin(shard, &request, body.len())?)));
    let (tenant, recording) = match admitted {
        Ok(admitted) => admitted,
        Err(Refusal::Wait) => return Dispatched::Wait,
        Err(Refusal::Error(error)) => {
            audit::refused(shard, &request, body.len(), &error);
            shard.metrics.dispatched(method);
            shard.metrics.answered(method, begun.elapsed());
            return Dispatched::Authenticated(PendingResponse::refused(
                &error,
                to,
                pending.is_empty(),
                outbox,
            ));
        }
    };
    shard.metrics.dispatched(method);
    let before = outbox.len();
    let promised = match *handler {
        Handler::Inline(run) => {
            service::inline(shard, &request, run, outbox);
            None
        }
        Handler::Counters(read) => graph_read::counters(shard, &request, body, read, outbox),
        Handler::Point(read) => graph_read::point(shard, &request, body, read, outbox),
        Handler::Scan(read) => graph_read::scan(shard, &request, body, read, outbox),
        Handler::Stream(send) => graph_read::stream(shard, &request, body, send, outbox),
        Handler::Union(read) => union_read::submit(shard, &request, body, read, outbox),
        Handler::Compute(compute) => {
            computation::submit(shard, &request, body, tenant.clone(), compute, outbox)
        }
        Handler::Write(decode, answers) => {
            let queued = write::submit(shard, &request, body, tenant.as_ref(), (decode, answers));
            promised_or_refused(queued, to, pending.is_empty(), outbox)
        }
        Handler::Commit(commit) => {
            let queued = commit(shard, &request, tenant.as_ref());
            promised_or_refused(queued, to, pending.is_empty(), outbox)
        }
        Handler::Service(run) => Some(service::spawn(shard, client.transfers, &request, body, run)),
    };
    let answered = outbox.len() - before;
    if let Some(tenant) = &tenant {
        tenant.answered(answered);
    }
    let promised = match (recording, promised) {
        (Some(recording), Some(pending)) => Some(pending.followed(recording.follow())),
        (Some(recording), None) => {
            recording.answered(outbox, before);
            None
        }
        (None, promised) => promised,
    };
    if promised.is_none() {
        let took = begun.elapsed();
        shard.metrics.answered(method, took);
        if let Some(ready) = shard.slow.ready(&request, Phases::read(took), answered) {
            return Dispatched::Ready(ready);
        }
    }
    let charged = |pending: PendingResponse| match tenant {
        Some(tenant) => pending.charged_to(tenant),
        None => pending,
    };
    let promised = promised.map(charged);
    if needs_no_lease(method) {
        return Dispatched::Untied(promised.map(PendingResponse::untied));
    }
    Dispatched::Authenticated(promised)
}

/// Whether the request has to wait for answers before it: everything does, so that its answer follows theirs and
/// it sees what they wrote, but writes behind writes, which the commit thread keeps in order.
fn must_wait(row: Option<&Row>, pending: &VecDeque<PendingResponse>) -> bool {
    if row.is_some_and(|row| matches!(row.handler, Handler::Write(..) | Handler::Commit(_))) {
        // Nothing but writes is ever promised behind a write, so the first tells of all.
        pending.front().is_some_and(|first| !first.is_write())
    } else {
        !pending.is_empty()
    }
}

/// The promise of a write. A refusal goes to the outbox, or keeps its place when answers are due before it.
fn promised_or_refused(
    queued: Result<PendingResponse, OpError>,
    to: ReplyTo,
    alone: bool,
    outbox: &mut Vec<u8>,
) -> Option<PendingResponse> {
    match queued {
        Ok(pending) => Some(pending),
        Err(error) => PendingResponse::refused(&error, to, alone, outbox),
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
