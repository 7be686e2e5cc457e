//! Responses that are due later.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use epistemic_protocol::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
    error::OpError,
    response::{self, WriteResponse},
};
use crate::{
    admission::Permit,
    analytics::Cancel,
    audit::Followed,
    commit::Committed,
    memory::{Answer, Charge, Room},
    quotas::Tenant,
    shard::Shard,
    slow_requests::{Phases, Ready},
    spool::Spooled,
    wire::{Method, ReplyTo},
};

/// So many bytes between two files stay in memory.
const FEW: usize = 16 << 10;

/// A piece of an answer.
pub(crate) enum ResponsePart {
    /// Bytes with more to come.
    More(Vec<u8>),
    /// The last bytes.
    Last(Vec<u8>),
    /// A whole answer that is large, and its charge.
    Large(Vec<u8>, Charge),
    /// The beginning of a whole answer that is too large for memory with its charge, and what follows it.
    OnDisk(Vec<u8>, Option<Charge>, Vec<Piece>),
    /// The answer cannot be finished.
    Broken,
}

/// What follows a part on disk.
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    File(Spooled),
}

impl Piece {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::File(file) => file.bytes() as usize,
        }
    }
}

impl ResponsePart {
    /// Bytes of it that are not in memory, or behind such.
    pub(crate) fn bytes_on_disk(&self) -> u64 {
        match self {
            ResponsePart::OnDisk(_, _, rest) => rest.iter().map(|piece| piece.bytes() as u64).sum(),
            ResponsePart::More(_)
            | ResponsePart::Last(_)
            | ResponsePart::Large(..)
            | ResponsePart::Broken => 0,
        }
    }

    /// A whole answer; an error in its place when there is no room for it.
    pub(crate) fn whole(room: Room, to: ReplyTo, bytes: Vec<u8>) -> Self {
        match room.finish(bytes) {
            Ok(Answer { bytes, charge, files }) if !files.is_empty() => Self::on_disk(bytes, charge, files),
            Ok(Answer { bytes, charge: None, .. }) => ResponsePart::Last(bytes),
            Ok(Answer { bytes, charge: Some(charge), .. }) => ResponsePart::Large(bytes, charge),
            Err(no_room) => {
                let mut bytes = Vec::new();
                response::error(&mut bytes, to, &no_room.into());
                ResponsePart::Last(bytes)
            }
        }
    }

    /// `files` stand at their places in `bytes`.
    fn on_disk(mut bytes: Vec<u8>, charge: Option<Charge>, files: Vec<(usize, Spooled)>) -> Self {
        let mut rest = Vec::with_capacity(2 * files.len());
        for (at, mut file) in files.into_iter().rev() {
            let behind = bytes.split_off(at);
            if behind.len() < FEW || file.append(&behind).is_err() {
                rest.push(Piece::Bytes(behind));
            }
            rest.push(Piece::File(file));
        }
        rest.reverse();
        ResponsePart::OnDisk(bytes, charge, rest)
    }
}

/// An answer that keeps its place in the order of a connection.
pub(crate) struct PendingResponse {
    source: Source,
    /// Bytes of its request.
    bytes: usize,
    /// Held until the answer is out.
    _permit: Option<Permit>,
    /// Present for what is ended when nobody waits for it any more.
    work: Option<Work>,
    /// Held by a request over the usual limit until its answer is out.
    _document: Option<OwnedSemaphorePermit>,
    /// Whose quota its bytes count for.
    tenant: Option<Arc<Tenant>>,
    /// Filled when the whole answer is there, if it was slow or is large.
    ready: Option<Arc<OnceLock<Ready>>>,
    /// What the audit log is to tell of it.
    followed: Option<Box<Followed>>,
    /// It is true whoever serves the store when it is sent.
    untied: bool,
}

/// A computation, or a read of much.
struct Work {
    to: ReplyTo,
    cancel: Cancel,
    /// It is finished for a client that has only ended its own side, as far as can be told.
    is_read: bool,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[expect(clippy::large_enum_variant, reason = "most are writes, and a box for each would cost more")]
enum Source {
    Ready(Option<Vec<u8>>),
    Write(PendingWrite),
    Task(mpsc::Receiver<ResponsePart>),
}

impl PendingResponse {
    /// A finished answer behind others.
    pub(crate) fn ready(bytes: Vec<u8>) -> Self {
        Self::of(Source::Ready(Some(bytes)), 0, None)
    }

    /// An error in its place: in the outbox when no answer is due before it, else promised.
    pub(crate) fn refused(error: &OpError, to: ReplyTo, alone: bool, outbox: &mut Vec<u8>) -> Option<Self> {
        if alone {
            response::error(outbox, to, error);
            return None;
        }
        let mut bytes = Vec::new();
        response::error(&mut bytes, to, error);
        Some(Self::ready(bytes))
    }

    pub(crate) fn write(write: PendingWrite, bytes: usize) -> Self {
        Self::of(Source::Write(write), bytes, None)
    }

    pub(crate) fn task(parts: mpsc::Receiver<ResponsePart>, permit: Option<Permit>) -> Self {
        Self::of(Source::Task(parts), 0, permit)
    }

    fn of(source: Source, bytes: usize, permit: Option<Permit>) -> Self {
        Self {
            source,
            bytes,
            _permit: permit,
            work: None,
            _document: None,
            tenant: None,
            ready: None,
            followed: None,
            untied: false,
        }
    }

    pub(crate) fn computation(
        to: ReplyTo,
        parts: mpsc::Receiver<ResponsePart>,
        permit: Option<Permit>,
        cancel: Cancel,
    ) -> Self {
        Self::work(parts, permit, Work { to, cancel, is_read: false })
    }

    pub(crate) fn read(
        to: ReplyTo,
        parts: mpsc::Receiver<ResponsePart>,
        permit: Option<Permit>,
        cancel: Cancel,
    ) -> Self {
        Self::work(parts, permit, Work { to, cancel, is_read: true })
    }

    fn work(parts: mpsc::Receiver<ResponsePart>, permit: Option<Permit>, work: Work) -> Self {
        Self { work: Some(work), ..Self::task(parts, permit) }
    }

    /// Keeps the place of a large document until the answer is out.
    pub(crate) fn holding(mut self, document: Option<OwnedSemaphorePermit>) -> Self {
        self._document = document;
        self
    }

    /// Tells by `ready` whether it was slow.
    pub(crate) fn told(mut self, ready: Arc<OnceLock<Ready>>) -> Self {
        self.ready = Some(ready);
        self
    }

    /// Its request, when the whole answer is there and it was slow or is large.
    pub(crate) fn into_ready(self) -> Option<Ready> {
        match self.source {
            Source::Write(write) => write.ready,
            Source::Task(_) => self.ready.and_then(|ready| Arc::try_unwrap(ready).ok()?.into_inner()),
            Source::Ready(_) => None,
        }
    }

    /// Counts the bytes of the answer for a tenant.
    pub(crate) fn charged_to(mut self, tenant: Arc<Tenant>) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Has the audit log tell what it comes to.
    pub(crate) fn followed(mut self, followed: Followed) -> Self {
        self.followed = Some(Box::new(followed));
        self
    }

    /// It is true whoever serves the store when it is sent.
    pub(crate) fn untied(mut self) -> Self {
        self.untied = true;
        self
    }

    /// Whether it is true whoever serves the store when it is sent.
    pub(crate) fn is_untied(&self) -> bool {
        self.untied
    }

    /// So many bytes of the answer go out.
    pub(crate) fn charge(&self, bytes: usize) {
        if let Some(tenant) = &self.tenant {
            tenant.answered(bytes);
        }
    }

    /// The client sends nothing more: a computation for it is ended, everything else finished.
    pub(crate) fn client_gone(&self) {
        if let Some(Work { cancel, is_read: false, .. }) = &self.work {
            cancel.cancel();
        }
    }

    /// Bytes of the request that waits for this answer.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it creates or deletes a graph.
    pub(crate) fn changes_graphs(&self) -> bool {
        matches!(&self.source, Source::Write(write) if matches!(write.response, WriteResponse::Created(_) | WriteResponse::Deleted(_)))
    }

    /// Whether it is a write that was not decoded yet, so that none may be queued behind it.
    pub(crate) fn is_decoded_elsewhere(&self) -> bool {
        let Source::Write(PendingWrite { queued: Queued::Decoding(decoding), .. }) = &self.source else {
            return false;
        };
        decoding.is_empty() && !decoding.is_terminated()
    }

    pub(crate) fn is_write(&self) -> bool {
        matches!(self.source, Source::Write(_) | Source::Ready(_))
    }

    /// The next part, waiting for it.
    pub(crate) async fn part(&mut self) -> ResponsePart {
        let part = match &mut self.source {
            Source::Ready(bytes) => ResponsePart::Last(bytes.take().unwrap_or_default()),
            Source::Write(write) => write.part().await,
            Source::Task(parts) => parts.recv().await.unwrap_or_else(|| self.broken_off()),
        };
        self.seen(part)
    }

    /// The next part if it is there.
    pub(crate) fn try_part(&mut self) -> Option<ResponsePart> {
        let part = match &mut self.source {
            Source::Ready(bytes) => ResponsePart::Last(bytes.take().unwrap_or_default()),
            Source::Write(write) => write.try_part()?,
            Source::Task(parts) => match parts.try_recv() {
                Ok(part) => part,
                Err(mpsc::error::TryRecvError::Empty) => return None,
                Err(mpsc::error::TryRecvError::Disconnected) => self.broken_off(),
            },
        };
        Some(self.seen(part))
    }

    fn seen(&mut self, part: ResponsePart) -> ResponsePart {
        match &mut self.followed {
            Some(followed) => followed.saw(part),
            None => part,
        }
    }

    /// What is left to say when no last part comes.
    fn broken_off(&self) -> ResponsePart {
        // Its answer comes in one part, so the client has seen nothing of it.
        let Some(work) = &self.work else { return ResponsePart::Broken };
        let error = match work.cancel.check() {
            Err(cancelled) => cancelled.into(),
            Ok(()) => broken("the computation failed"),
        };
        let mut out = Vec::new();
        response::error(&mut out, work.to, &error);
        ResponsePart::Last(out)
    }
}

/// The answer when a thread is gone that should have given it.
fn broken(what: &str) -> OpError {
    OpError::Refused(ErrorCode::Internal, format!("{what}; the server's log tells more"))
}

/// A write on its way through the commit thread.
pub(crate) struct PendingWrite {
    pub(crate) shard: Arc<Shard>,
    pub(crate) to: ReplyTo,
    pub(crate) method: Method,
    pub(crate) begun: Instant,
    pub(crate) response: WriteResponse,
    pub(crate) queued: Queued,
    pub(crate) graph: Arc<str>,
    pub(crate) principal: Option<Box<str>>,
    /// There when it was slow.
    pub(crate) ready: Option<Ready>,
}

/// Where a write is.
pub(crate) enum Queued {
    /// On a thread that decodes it and then queues it.
    Decoding(oneshot::Receiver<Result<oneshot::Receiver<Committed>, OpError>>),
    /// In the queue of the commit thread.
    Reply(oneshot::Receiver<Committed>),
}

impl PendingWrite {
    async fn part(&mut self) -> ResponsePart {
        if let Queued::Decoding(receiver) = &mut self.queued {
            let decoded = receiver.await.ok();
            if let Some(refused) = self.decoded(decoded) {
                return refused;
            }
        }
        let reply = match &mut self.queued {
            Queued::Reply(reply) => reply.await.ok(),
            Queued::Decoding(_) => None,
        };
        self.answer(reply)
    }

    fn try_part(&mut self) -> Option<ResponsePart> {
        if let Queued::Decoding(receiver) = &mut self.queued {
            let decoded = match receiver.try_recv() {
                Ok(decoded) => Some(decoded),
                Err(oneshot::error::TryRecvError::Empty) => return None,
                Err(oneshot::error::TryRecvError::Closed) => None,
            };
            if let Some(refused) = self.decoded(decoded) {
                return Some(refused);
            }
        }
        let Queued::Reply(reply) = &mut self.queued else { return Some(self.answer(None)) };
        match reply.try_recv() {
            Ok(reply) => Some(self.answer(Some(reply))),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(self.answer(None)),
        }
    }

    /// Goes on with what was decoded, or answers why it was refused. Without anything the thread is gone.
    fn decoded(
        &mut self,
        decoded: Option<Result<oneshot::Receiver<Committed>, OpError>>,
    ) -> Option<ResponsePart> {
        let error = match decoded {
            Some(Ok(reply)) => {
                self.queued = Queued::Reply(reply);
                return None;
            }
            Some(Err(error)) => error,
            None => broken("the request was not decoded"),
        };
        let mut out = Vec::new();
        response::error(&mut out, self.to, &error);
        let took = self.begun.elapsed();
        self.answered(took, Phases { queue: took, ..Phases::default() });
        Some(ResponsePart::Last(out))
    }

    /// It took so long.
    fn answered(&mut self, took: Duration, phases: Phases) {
        self.shard.metrics.answered(self.method, took);
        if self.shard.slow.keeps(took, 0) {
            self.ready = Some(Ready {
                id: self.to.id,
                method: self.method,
                graph: (&*self.graph).into(),
                principal: self.principal.take(),
                begun: self.begun,
                ready: self.begun + took,
                phases,
            });
        }
    }

    fn answer(&mut self, committed: Option<Committed>) -> ResponsePart {
        let (reply, begun) = committed.map_or((None, None), |done| (Some(done.reply), done.begun));
        if let (WriteResponse::Deleted(graph), Some(Ok(_))) = (&self.response, &reply) {
            self.shard.metrics.renew_graph(graph, &self.shard.graphs);
        }
        let mut out = Vec::with_capacity(64);
        response::write_reply(&mut out, self.to, &self.response, reply);
        let took = self.begun.elapsed();
        let queue = begun.map_or(took, |begun| begun.duration_since(self.begun));
        self.answered(took, Phases { queue, commit: took.saturating_sub(queue), ..Phases::default() });
        ResponsePart::Last(out)
    }
}
