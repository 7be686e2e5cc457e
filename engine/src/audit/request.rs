//! A request in the log: a line before it is run, where that is required, and one before its answer goes out. What it came to is
//! read from the answer, which is the one place that all ways of running it come to.

use std::sync::Arc;

use epistemic_audit::Entry;
use epistemic_listen::Origin;
use epistemic_protocol::ErrorCode;

use super::{Audit, events};
use crate::{
    keys::Session,
    request::{error::OpError, incoming::Request, pending::ResponsePart, response},
    shard::Shard,
    wire::{Envelope, Method, ReplyTo, response::Outcome},
};

const DENIED: &str = "denied";
const QUOTA: &str = "quota-refused";
const UNAUTHENTICATED: &str = "auth-refused";

/// A request that is about to be run.
pub(crate) struct Recording<'a> {
    audit: &'a Arc<Audit>,
    shard: &'a Shard,
    request: &'a Request<'a>,
    bytes: usize,
    /// Sequence of the line that it begins with.
    begun: Option<u64>,
}

/// Writes that a request of `bytes` begins, where that is required. Nothing where there is no log.
///
/// # Errors
/// The line cannot be written: it must not be run.
pub(crate) fn begin<'a>(
    shard: &'a Shard,
    request: &'a Request<'a>,
    bytes: usize,
) -> Result<Option<Recording<'a>>, OpError> {
    let Some(audit) = &shard.audit else { return Ok(None) };
    let mut recording = Recording { audit, shard, request, bytes, begun: None };
    if audit.is_required() && events::kind(request.method()).is_some() {
        let entry = Entry { stage: Some("begun".into()), ..recording.entry(None) };
        let written = audit.record_now(entry);
        recording.begun = Some(written.map_err(|error| {
            audit.series.refused.inc();
            let text = format!("the audit log cannot be written, so nothing was done: {error}");
            OpError::Refused(
                ErrorCode::AuditUnavailable,
                format!("{text} ({:#})", ErrorCode::AuditUnavailable),
            )
        })?);
    }
    Ok(Some(recording))
}

impl Recording<'_> {
    /// `kind` is that of a refusal.
    fn entry(&self, kind: Option<&'static str>) -> Entry {
        let (graph, about) = events::about(self.shard, self.request);
        Entry {
            graph,
            about,
            request_bytes: Some(self.bytes as u64),
            operation: Some(self.request.method().name().to_owned()),
            principal: self.request.envelope.agent_id.map(str::to_owned),
            ..of_session(self.request.peer, kind.or(events::kind(self.request.method())).unwrap_or(DENIED))
        }
    }

    /// It was answered at once, into the outbox from `start` on.
    pub(crate) fn answered(self, outbox: &mut Vec<u8>, start: usize) {
        let outcome = Outcome::of(&outbox[start..]);
        let is_recorded = events::kind(self.request.method()).is_some();
        if !is_recorded && refusal_of(outcome).is_none() {
            return;
        }
        let (to, sent) = (self.request.reply_to(), outbox.len() - start);
        let code = outcome.code();
        if let Err(error) = self.follow().ended(code, sent as u64) {
            outbox.truncate(start);
            response::error(outbox, to, &error);
        }
    }

    /// It will be answered later.
    pub(crate) fn follow(self) -> Followed {
        Followed {
            audit: Arc::clone(self.audit),
            to: self.request.reply_to(),
            kind: events::kind(self.request.method()),
            entry: Some(Entry {
                stage: self.begun.map(|_| "done".to_owned()),
                of: self.begun,
                ..self.entry(None)
            }),
            sent: 0,
            code: None,
            source: source(self.request.peer),
        }
    }
}

/// A request whose answer is on its way.
pub(crate) struct Followed {
    audit: Arc<Audit>,
    to: ReplyTo,
    /// None has a line only if it is refused.
    kind: Option<&'static str>,
    /// Taken when the line is written.
    entry: Option<Entry>,
    sent: u64,
    /// What the answer began with: the code of an error, or none.
    code: Option<Option<ErrorName>>,
    source: String,
}

/// The name of a code, or what a server made of it.
type ErrorName = String;

impl Followed {
    /// A part of the answer is about to go out. With the last one the line is written; when that cannot be done where it is
    /// required, an error goes out instead.
    pub(crate) fn saw(&mut self, part: ResponsePart) -> ResponsePart {
        let (bytes, is_last) = match &part {
            ResponsePart::More(bytes) => (&bytes[..], false),
            ResponsePart::Last(bytes) | ResponsePart::Large(bytes, _) | ResponsePart::OnDisk(bytes, ..) => {
                (&bytes[..], true)
            }
            ResponsePart::Broken => (&[][..], true),
        };
        let is_first = self.code.is_none();
        let code = self.code.get_or_insert_with(|| Outcome::of(bytes).code()).clone();
        self.sent += bytes.len() as u64 + part.bytes_on_disk();
        if !is_last {
            return part;
        }
        let code = if matches!(part, ResponsePart::Broken) {
            Some(ErrorCode::Internal.name().to_owned())
        } else {
            code
        };
        match self.end(code) {
            Ok(()) => part,
            Err(error) if is_first => {
                let mut bytes = Vec::new();
                response::error(&mut bytes, self.to, &error);
                ResponsePart::Last(bytes)
            }
            Err(_) => ResponsePart::Broken,
        }
    }

    fn ended(mut self, code: Option<ErrorName>, sent: u64) -> Result<(), OpError> {
        self.sent = sent;
        self.end(code)
    }

    fn end(&mut self, code: Option<ErrorName>) -> Result<(), OpError> {
        let Some(mut entry) = self.entry.take() else { return Ok(()) };
        entry.outcome = Some(if code.is_some() { "error" } else { "ok" }.to_owned());
        entry.response_bytes = Some(self.sent);
        let refusal = code.as_deref().and_then(refusal_kind);
        entry.code = code;
        match (self.kind, refusal) {
            // One that has begun in the log ends there.
            (_, Some(refusal)) if entry.of.is_none() => {
                entry.event = refusal.to_owned();
                self.audit.refuse(refusal, &self.source, entry);
            }
            (None, _) => {}
            (Some(_), _) if self.audit.is_required() => {
                let was_done = entry.code.is_none();
                self.audit.record_now(entry).map_err(|error| {
                    self.audit.series.refused.inc();
                    let what = if was_done { "it was done" } else { "it failed" };
                    let text = format!("{what}, but the audit log cannot be written: {error}");
                    let code = ErrorCode::AuditUnavailable;
                    OpError::Refused(code, format!("{text} ({code:#})"))
                })?;
            }
            (Some(_), _) => self.audit.record(entry),
        }
        Ok(())
    }
}

/// Its client was gone before the answer: what it came to nobody was told.
impl Drop for Followed {
    fn drop(&mut self) {
        if let (Some(_), Some(entry)) = (self.kind, self.entry.take()) {
            self.audit.record(Entry { outcome: Some("unknown".into()), ..entry });
        }
    }
}

/// A request was refused before it was run.
pub(crate) fn refused(shard: &Shard, request: &Request<'_>, bytes: usize, error: &OpError) {
    let Some(audit) = &shard.audit else { return };
    let mut answer = Vec::new();
    response::error(&mut answer, ReplyTo { coded: true, ..request.reply_to() }, error);
    let outcome = Outcome::of(&answer);
    let Some(kind) = refusal_of(outcome) else { return };
    let recording = Recording { audit, shard, request, bytes, begun: None };
    let entry = Entry { outcome: Some("error".into()), code: outcome.code(), ..recording.entry(Some(kind)) };
    audit.refuse(kind, &source(request.peer), entry);
}

/// There was no TLS with somebody.
pub(crate) fn no_handshake(shard: &Shard, origin: Origin, peer: &str, reason: &str) {
    let Some(audit) = &shard.audit else { return };
    let entry = Entry {
        peer: Some(peer.to_owned()),
        outcome: Some("error".into()),
        code: Some(ErrorCode::TlsFailed.name().to_owned()),
        ..Entry::new(UNAUTHENTICATED).detail(reason)
    };
    audit.refuse(UNAUTHENTICATED, &origin.to_string(), entry);
}

/// A request did not show whose it is. Of a large one the envelope is not looked at.
pub(crate) fn unauthenticated(
    shard: &Shard,
    session: &Session,
    envelope: Option<&Envelope<'_>>,
    reason: &str,
) {
    let Some(audit) = &shard.audit else { return };
    // Whom he says to be. Nothing shows that he is.
    let claimed =
        envelope.and_then(|envelope| envelope.agent_id).map(|agent| format!("claims to be {agent}"));
    let known = envelope.and_then(|envelope| Method::from_name(envelope.method));
    let entry = Entry {
        about: claimed,
        operation: known.map(|method| method.name().to_owned()),
        outcome: Some("error".into()),
        code: Some(ErrorCode::AuthenticationFailed.name().to_owned()),
        ..of_session(session, UNAUTHENTICATED).detail(reason)
    };
    audit.refuse(UNAUTHENTICATED, session.origin(), entry);
}

fn of_session(session: &Session, event: &str) -> Entry {
    Entry {
        key: session.grant().map(|grant| grant.id().to_owned()),
        peer: Some(session.peer().to_string()),
        session: Some(session.number()),
        ..Entry::new(event)
    }
}

/// Whose refusals are counted together.
fn source(session: &Session) -> String {
    session.grant().map_or_else(|| session.origin().to_string(), |grant| format!("key {}", grant.id()))
}

fn refusal_of(outcome: Outcome<'_>) -> Option<&'static str> {
    outcome.code().as_deref().and_then(refusal_kind)
}

fn refusal_kind(code: &str) -> Option<&'static str> {
    if code == ErrorCode::AccessDenied.name() {
        Some(DENIED)
    } else if code == ErrorCode::Quota.name() {
        Some(QUOTA)
    } else {
        None
    }
}
