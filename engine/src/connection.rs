//! One connection: [`frames`] in, [`responses`] out, in the order of the requests.
//!
//! Reads are answered at once. Writes are handed to the commit thread and the next frame is looked at meanwhile, so
//! pipelined writes share fsyncs; a request that must see them waits in [`Connection::deferred_frame`]. Answers that are due
//! later keep their place in [`Connection::pending`].

mod frames;
mod pace;
mod responses;

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::BytesMut;
use epistemic_listen::Place;
use epistemic_logging::Limit;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::OwnedSemaphorePermit,
    task::{block_in_place, yield_now},
    time::{Duration, Instant, sleep, sleep_until, timeout},
};

use crate::{
    guesses::ON_ONE_CONNECTION,
    keys::Session,
    memory::{Body, Charge as MemoryCharge, Part as MemoryPart},
    oversized::{self, Oversized},
    quotas,
    request::{
        dispatch::{Dispatched, dispatch},
        incoming::Client,
        pending::{PendingResponse, Piece, ResponsePart},
        strangers, write,
    },
    sessions::Peer,
    shard::Shard,
    slow_requests::Ready,
    stream::Stream,
    transfer::Transfers,
    unauthenticated::Charge,
    wire::response,
};

/// The number of the next connection.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Requests of one connection that wait for their answer.
const MAX_PENDING: usize = 1024;
/// Bytes of such requests: a client that pipelines more is read from when some are answered.
const MAX_PENDING_BYTES: usize = 8 << 20;
/// Frames of one connection that are dispatched before the other connections have their turn.
const TURN: usize = 32;
/// Bytes of answers that are gathered before they are sent.
const MAX_OUTBOX: usize = 256 << 10;
/// A refused connection is read from for this long, so that its client sees the last answer.
pub(crate) const LINGER: Duration = Duration::from_millis(500);
/// Bytes read ahead while a frame waits. The end of a TCP connection comes behind everything that was sent before, so a
/// client that pipelines more than this and goes away is noticed only when its computation has ended.
const READ_AHEAD: usize = 1 << 20;
/// Buffers of no more bytes are part of what a connection takes anyway.
const FREE: usize = 16 << 10;

struct Connection<S> {
    shard: Arc<Shard>,
    /// Its writes are known by it.
    number: u64,
    place: Place,
    /// What it counts as for the tenant of its first request about a graph, where there are quotas.
    quota: Option<quotas::Place>,
    /// Where it comes from: connections of one origin share what it gets.
    origin: Arc<str>,
    /// That, and the key that it belongs to.
    session: Arc<Session>,
    stream: S,
    inbox: BytesMut,
    /// Bytes of the frame that has begun, its prefix included.
    expected: usize,
    /// The charge for the inbox of a client that is known.
    incoming: MemoryCharge,
    outbox: Vec<u8>,
    /// Something in the outbox was read when nobody has looked yet whether this process still served the store then.
    unproven: bool,
    /// What is sent after the outbox.
    on_disk: VecDeque<Piece>,
    /// Charges of large answers in the outbox.
    large: Vec<MemoryCharge>,
    /// The charge for the rest of it.
    outgoing: MemoryCharge,
    pending: VecDeque<PendingResponse>,
    /// Bytes of the requests that wait for their answer.
    pending_bytes: usize,
    /// Requests whose answers are in the outbox, of those that were slow or may be until it is sent.
    ready: Vec<Ready>,
    transfers: Arc<Transfers>,
    /// A complete frame that waits for the answers before it.
    deferred_frame: Option<Body>,
    /// A frame over the limit that is being passed over.
    oversized: Option<Oversized>,
    /// The place of a large document, from the time that its length is known.
    document: Option<OwnedSemaphorePermit>,
    /// Present until the first authenticated request.
    unauthenticated: Option<Charge>,
    /// Wrong tokens before the first right one.
    wrong_tokens: u32,
    /// The answer to a wrong token waits until then.
    answer_at: Option<Instant>,
    /// Something has arrived.
    spoke: bool,
    /// When the first authenticated request, or the rest of the frame in the inbox, must be here.
    deadline: Option<Instant>,
    /// Nothing more is read.
    closing: bool,
    /// The client has ended its side: it still gets its answers, but nothing long is computed for it.
    gone: bool,
    /// The client was told why, while it may still be sending.
    refused: bool,
}

/// Why no more frames were dispatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// There are no more, or what is next has to wait for the answers before it.
    All,
    /// There is no room for more answers; there may be more frames.
    NoRoom,
    /// It is the turn of others; there may be more frames.
    Turn,
}

/// Serves a connection until its client is gone, breaks the framing or the server stops.
pub(crate) async fn serve<S: Stream>(shard: Arc<Shard>, stream: S, place: Place, peer: Peer) {
    let charge = Charge::new(&shard.unauthenticated);
    let deadline = Some(Instant::now() + shard.limits.frame_deadline);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let session = Arc::new(Session::new(number, peer));
    if let Some(keys) = shard.authentication.keys() {
        keys.certify(&session);
    }
    let _listed = shard.sessions.add(&session);
    let origin = Arc::clone(session.origin());
    let connection = Connection {
        shard: Arc::clone(&shard),
        number,
        incoming: shard.memory.open(MemoryPart::Requests, &origin),
        outgoing: shard.memory.open(MemoryPart::Answers, &origin),
        place,
        quota: None,
        stream,
        inbox: BytesMut::new(),
        expected: 0,
        outbox: Vec::new(),
        unproven: false,
        on_disk: VecDeque::new(),
        large: Vec::new(),
        pending: VecDeque::new(),
        pending_bytes: 0,
        ready: Vec::new(),
        transfers: shard.open_transfers.connect(&origin),
        origin,
        session,
        deferred_frame: None,
        oversized: None,
        document: None,
        unauthenticated: Some(charge),
        wrong_tokens: 0,
        answer_at: None,
        spoke: false,
        deadline,
        closing: false,
        gone: false,
        refused: false,
    };
    if let Err(error) = connection.run().await {
        tracing::debug!(%error, "connection ended");
    }
    // Its promises are dropped and with them their computations cancelled.
    shard.compute.discard_cancelled();
    shard.reads.discard_cancelled();
}

/// Anybody who can connect can cause this line.
fn tell_of_silence() {
    static LINES: Limit = Limit::new(5, Duration::from_secs(60));
    if let Some(left_out) = LINES.admit() {
        tracing::info!(left_out, "connection closed: no complete request within --frame-deadline");
    }
}

impl<S: Stream> Connection<S> {
    async fn run(mut self) -> io::Result<()> {
        // Of its own, so that connections do not contend for the one of the shard.
        let stop = self.shard.stop.child_token();
        let stop = stop.cancelled();
        let ended = self.session.ended();
        tokio::pin!(stop, ended);
        loop {
            if self.session.is_ended() {
                return self.close().await;
            }
            if self.shard.is_fenced() {
                return Ok(());
            }
            let after = self.dispatch_frames();
            let more = after != After::All;
            if let Some(at) = self.answer_at.take() {
                tokio::select! {
                    () = sleep_until(at) => {}
                    () = &mut stop => self.closing = true,
                    () = &mut ended => return self.close().await,
                    () = self.place.pushed_out(), if self.unauthenticated.is_some() => self.closing = true,
                }
            }
            self.collect_answers()?;
            if self.unproven && !self.prove(&mut stop).await {
                return Ok(());
            }
            if !self.outbox.is_empty() && !self.shard.is_fenced() {
                tokio::select! {
                    biased;
                    flushed = self.flush() => flushed?,
                    // Its client may take a large answer for long.
                    () = &mut ended => return Ok(()),
                }
            }
            if after == After::Turn && !self.closing {
                yield_now().await;
                continue;
            }
            if (self.deferred_frame.is_some() || more) && self.pending.is_empty() {
                continue;
            }
            if self.closing && self.pending.is_empty() && self.deferred_frame.is_none() {
                return self.close().await;
            }
            let reading = !self.closing && !more && self.pending.len() < MAX_PENDING && self.may_hold_more();
            if reading {
                self.reserve();
            }
            // A client on a unix socket, or one that resets its connection, is noticed also while it is not read from.
            let listening = reading || !self.gone && !self.pending.is_empty();
            let deadline = self.deadline;
            tokio::select! {
                biased;
                part = next_part(self.pending.front_mut()), if !self.pending.is_empty() => self.take_part(part)?,
                read = receive(&mut self.stream, &mut self.inbox, reading), if listening => self.received(read?, reading),
                () = &mut stop, if !self.closing => self.closing = true,
                () = &mut ended => return self.close().await,
                () = self.place.pushed_out(), if self.unauthenticated.is_some() => self.closing = true,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && reading => self.overdue(),
            }
        }
    }

    /// Waits until it is certain that this process served the store when the answers in the outbox were made. False when that
    /// will not be known in time: nothing of them may be sent.
    async fn prove(&mut self, stop: &mut (impl Future<Output = ()> + Unpin)) -> bool {
        let role = &self.shard.role;
        if !role.holds() {
            tokio::select! {
                biased;
                held = role.held() => if !held { return false },
                () = stop => return false,
                () = sleep(self.shard.held_up_for) => return false,
            }
        }
        self.unproven = false;
        true
    }

    /// The deadline has passed. Who has said nothing at all may be a client with nothing to ask yet: it stays while there
    /// are few of its kind.
    fn overdue(&mut self) {
        if !self.spoke && !self.shard.places.crowded() {
            self.deadline = Some(Instant::now() + self.shard.limits.frame_deadline);
            return;
        }
        tell_of_silence();
        self.closing = true;
    }

    /// While a frame waits only a little is read ahead: enough to see that the client is gone.
    fn may_hold_more(&self) -> bool {
        self.deferred_frame.is_none() || self.inbox.len() < READ_AHEAD
    }

    fn received(&mut self, bytes: usize, everything: bool) {
        if bytes > 0 && !self.spoke {
            self.spoke = true;
            self.deadline = Some(Instant::now() + self.shard.limits.frame_deadline);
        }
        if bytes == 0 {
            self.closing |= everything;
            self.gone = true;
            self.pending.iter().for_each(PendingResponse::client_gone);
            self.shard.compute.discard_cancelled();
        }
    }

    /// Dispatches the frames that have arrived, as far as order allows.
    fn dispatch_frames(&mut self) -> After {
        let mut dispatched = 0;
        let after = loop {
            if self.pending.len() >= MAX_PENDING
                || self.pending_bytes >= MAX_PENDING_BYTES
                || self.outbox.len() >= MAX_OUTBOX
                || !self.on_disk.is_empty()
            {
                break After::NoRoom;
            }
            if self.deferred_frame.is_some() && !self.pending.is_empty() {
                break After::All;
            }
            if dispatched == TURN {
                break After::Turn;
            }
            let (body, authenticated) = match self.deferred_frame.take() {
                Some(body) => (body, true),
                None => match self.next_frame() {
                    Ok(Some(body)) => (body, false),
                    Ok(None) => break After::All,
                    Err(error) => {
                        self.refuse(&oversized::text(error));
                        return After::All;
                    }
                },
            };
            dispatched += 1;
            let begun = self.outbox.len();
            let Self { shard, number, transfers, session, quota, pending, outbox, .. } = self;
            let client = Client { connection: *number, transfers, peer: session };
            let is_stranger = self.unauthenticated.is_some() && !authenticated;
            let mut run = || {
                if is_stranger {
                    strangers::dispatch_stranger(shard, client, &body, quota, pending, outbox)
                } else {
                    dispatch(shard, client, &body, authenticated, quota, pending, outbox)
                }
            };
            // To walk and to hash a large frame takes long, and this worker serves others too.
            let step = if body.len() > write::LARGE { block_in_place(run) } else { run() };
            let tied = matches!(step, Dispatched::Authenticated(_) | Dispatched::Ready(_));
            self.unproven |= tied && self.outbox.len() > begun;
            match step {
                Dispatched::Answered(refusal) => {
                    self.document = None;
                    self.pending.extend(refusal);
                }
                Dispatched::WrongToken(refusal) => {
                    self.document = None;
                    self.pending.extend(refusal);
                    self.guessed();
                    break if self.closing { After::All } else { After::NoRoom };
                }
                Dispatched::Ended(refusal) => {
                    self.document = None;
                    self.pending.extend(refusal);
                    self.inbox = BytesMut::new();
                    self.closing = true;
                    self.refused = true;
                    break After::All;
                }
                Dispatched::Ready(ready) => {
                    self.ready.push(ready);
                    self.sender_is_known();
                    self.deadline = None;
                    self.make_room(begun, &body);
                    self.document = None;
                }
                Dispatched::Authenticated(pending) | Dispatched::Untied(pending) => {
                    self.sender_is_known();
                    self.deadline = None;
                    if pending.is_none() {
                        self.make_room(begun, &body);
                    }
                    let document = self.document.take();
                    let pending = pending.map(|pending| pending.holding(document));
                    self.pending_bytes += pending.as_ref().map_or(0, PendingResponse::bytes);
                    if self.gone {
                        pending.iter().for_each(PendingResponse::client_gone);
                    }
                    self.pending.extend(pending);
                }
                Dispatched::Wait => {
                    self.deferred_frame = Some(body);
                    break After::All;
                }
            }
        };
        self.watch_frame();
        after
    }

    fn sender_is_known(&mut self) {
        if self.unauthenticated.take().is_some() {
            self.place.work();
        }
    }

    /// Answers that the stream cannot be followed any further, and ends it.
    fn refuse(&mut self, text: &str) {
        self.shard.metrics.undecodable();
        self.inbox = BytesMut::new();
        self.closing = true;
        self.refused = true;
        let mut answer = Vec::new();
        if response::error(&mut answer, 0, text).is_ok() {
            self.pending.push_back(PendingResponse::ready(answer));
        }
    }

    /// A wrong token was answered. The answer may have to wait, and the connection may end with it.
    fn guessed(&mut self) {
        let wait = self.shard.guesses.count(self.place.origin(), &self.session.peer().to_string());
        self.answer_at = (!wait.is_zero()).then(|| Instant::now() + wait);
        // Who has shown a right one does not guess.
        self.wrong_tokens += u32::from(self.unauthenticated.is_some());
        if self.wrong_tokens >= ON_ONE_CONNECTION {
            self.inbox = BytesMut::new();
            self.closing = true;
            self.refused = true;
        }
    }

    /// Ends the connection so that the client gets the last answer although it may still be sending: closing over
    /// unread bytes would throw it away.
    async fn close(mut self) -> io::Result<()> {
        timeout(LINGER, self.stream.shutdown()).await.unwrap_or(Ok(()))?;
        if !self.refused {
            return Ok(());
        }
        let drained = async {
            while self.stream.read_buf(&mut self.inbox).await? > 0 {
                self.inbox.clear();
            }
            Ok(())
        };
        timeout(LINGER, drained).await.unwrap_or(Ok(()))
    }
}

/// Reads. Without `reading` it waits for the end of the client's side, which is 0 bytes.
async fn receive(stream: &mut impl Stream, inbox: &mut BytesMut, reading: bool) -> io::Result<usize> {
    if reading {
        return stream.read_buf(inbox).await;
    }
    stream.ended().await;
    Ok(0)
}

async fn next_part(pending: Option<&mut PendingResponse>) -> ResponsePart {
    match pending {
        Some(pending) => pending.part().await,
        None => std::future::pending().await,
    }
}
