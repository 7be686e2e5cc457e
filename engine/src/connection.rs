//! One connection: frames in, answers out, in the order of the requests.
//!
//! Reads are answered at once. Writes are handed to the commit thread and the next frame is looked at meanwhile, so
//! pipelined writes share fsyncs; a request that must see them waits in [`Connection::held`]. Answers that are due
//! later keep their place in [`Connection::pending`].

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
use epistemic_protocol::ErrorCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::OwnedSemaphorePermit,
    task::block_in_place,
    time::{Duration, Instant, sleep_until, timeout},
};

use crate::{
    dispatch::{
        self, Client, OpError, Part, Pending, Step, answer,
        authenticate::{self, Shown},
    },
    guesses::ON_ONE_CONNECTION,
    memory::{Body, Charge as MemoryCharge, NoRoom, Part as MemoryPart},
    oversized::{self, Oversized},
    quotas,
    shard::Shard,
    stream::Stream,
    transfer::Transfers,
    unauthenticated::Charge,
    wire::{
        Envelope, ReplyTo,
        frame::{self, FrameTooLarge},
        response,
    },
};

/// The number of the next connection.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Requests of one connection that wait for their answer.
const MAX_PENDING: usize = 1024;
/// Bytes of such requests: a client that pipelines more is read from when some are answered.
const MAX_PENDING_BYTES: usize = 8 << 20;
/// Bytes of answers that are gathered before they are sent.
const MAX_OUTBOX: usize = 256 << 10;
/// Space made for one read while a frame is incomplete; it grows with what has arrived.
const READ_BYTES: usize = 8 << 10;
/// A client that takes nothing for this long is dropped.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);
/// So many bytes a second it takes on average at least, after that.
const SLOWEST: usize = 64 << 10;
/// An empty inbox keeps no more room.
const MAX_IDLE_INBOX: usize = 256 << 10;
/// A refused connection is read from for this long, so that its client sees the last answer.
const LINGER: Duration = Duration::from_millis(500);
/// Bytes read ahead while a frame waits. The end of a TCP connection comes behind everything that was sent before, so a
/// client that pipelines more than this and goes away is noticed only when its computation has ended.
const READ_AHEAD: usize = 1 << 20;
/// Buffers of no more bytes are part of what a connection takes anyway.
const FREE: usize = 16 << 10;
/// A stranger with a request of no more bytes is never turned away for others.
const SMALL: usize = 1 << 10;

struct Connection<S> {
    shard: Arc<Shard>,
    /// Its writes are known by it.
    number: u64,
    place: Place,
    /// What it counts as for the tenant of its first request about a graph, where there are quotas.
    quota: Option<quotas::Place>,
    /// Who is at the other end, for the log.
    peer: String,
    /// Where it comes from: connections of one origin share what it gets.
    origin: Arc<str>,
    stream: S,
    inbox: BytesMut,
    /// Bytes of the frame that has begun, its prefix included.
    expected: usize,
    /// The charge for the inbox of a client that is known.
    incoming: MemoryCharge,
    outbox: Vec<u8>,
    /// Charges of large answers in the outbox.
    large: Vec<MemoryCharge>,
    /// The charge for the rest of it.
    outgoing: MemoryCharge,
    pending: VecDeque<Pending>,
    /// Bytes of the requests that wait for their answer.
    pending_bytes: usize,
    transfers: Arc<Transfers>,
    /// A complete frame that waits for the answers before it.
    held: Option<Body>,
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

/// Serves a connection until its client is gone, breaks the framing or the server stops.
pub(crate) async fn serve<S: Stream>(shard: Arc<Shard>, stream: S, place: Place, peer: String) {
    let charge = Charge::new(&shard);
    let deadline = Some(Instant::now() + shard.limits.frame_deadline);
    let origin: Arc<str> = place.origin().to_string().into();
    let connection = Connection {
        shard: Arc::clone(&shard),
        number: NEXT.fetch_add(1, Ordering::Relaxed),
        incoming: shard.memory.open(MemoryPart::Requests, &origin),
        outgoing: shard.memory.open(MemoryPart::Answers, &origin),
        place,
        quota: None,
        peer,
        stream,
        inbox: BytesMut::new(),
        expected: 0,
        outbox: Vec::new(),
        large: Vec::new(),
        pending: VecDeque::new(),
        pending_bytes: 0,
        transfers: shard.open_transfers.connect(&origin),
        origin,
        held: None,
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

/// What a large frame may take on a slow network beyond the usual: a second for each MiB.
fn time_for(length: usize) -> Duration {
    Duration::from_secs((length >> 20) as u64)
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
        tokio::pin!(stop);
        loop {
            let more = self.dispatch_frames();
            if let Some(at) = self.answer_at.take() {
                tokio::select! {
                    () = sleep_until(at) => {}
                    () = &mut stop => self.closing = true,
                    () = self.place.pushed_out(), if self.unauthenticated.is_some() => self.closing = true,
                }
            }
            self.collect_answers()?;
            if !self.outbox.is_empty() {
                self.flush().await?;
            }
            if (self.held.is_some() || more) && self.pending.is_empty() {
                continue;
            }
            if self.closing && self.pending.is_empty() && self.held.is_none() {
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
                () = self.place.pushed_out(), if self.unauthenticated.is_some() => self.closing = true,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && reading => self.overdue(),
            }
        }
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
        self.held.is_none() || self.inbox.len() < READ_AHEAD
    }

    /// Makes room for a read: a little at first, then as much as has arrived of an incomplete frame.
    fn reserve(&mut self) {
        let least = if self.unauthenticated.is_some() { SMALL } else { READ_BYTES };
        let missing = self.expected.saturating_sub(self.inbox.len()).max(least);
        self.inbox.reserve(least.max(self.inbox.len().min(1 << 20)).min(missing));
        if let Some(charge) = &mut self.unauthenticated {
            // Whether there is room is asked when something has arrived.
            charge.set(self.inbox.capacity());
        }
    }

    fn received(&mut self, bytes: usize, everything: bool) {
        if bytes > 0 && !self.spoke {
            self.spoke = true;
            self.deadline = Some(Instant::now() + self.shard.limits.frame_deadline);
        }
        if bytes == 0 {
            self.closing |= everything;
            self.gone = true;
            self.pending.iter().for_each(Pending::client_gone);
            self.shard.compute.discard_cancelled();
        }
    }

    /// Dispatches the frames that have arrived, as far as order allows. True when it stopped for want of room for
    /// answers: there may be more frames.
    fn dispatch_frames(&mut self) -> bool {
        let more = loop {
            if self.pending.len() >= MAX_PENDING
                || self.pending_bytes >= MAX_PENDING_BYTES
                || self.outbox.len() >= MAX_OUTBOX
            {
                break true;
            }
            if self.held.is_some() && !self.pending.is_empty() {
                break false;
            }
            let (body, authenticated) = match self.held.take() {
                Some(body) => (body, true),
                None => match self.next_frame() {
                    Ok(Some(body)) => (body, false),
                    Ok(None) => break false,
                    Err(error) => {
                        self.refuse(&oversized::text(error));
                        return false;
                    }
                },
            };
            let begun = self.outbox.len();
            let Self { shard, number, transfers, origin, quota, pending, outbox, .. } = self;
            let client = Client { connection: *number, transfers, peer: origin };
            let is_stranger = self.unauthenticated.is_some() && !authenticated;
            let mut dispatch = || {
                if is_stranger {
                    dispatch::dispatch_stranger(shard, client, &body, quota, pending, outbox)
                } else {
                    dispatch::dispatch(shard, client, &body, authenticated, quota, pending, outbox)
                }
            };
            // To walk and to hash a large frame takes long, and this worker serves others too.
            let step = if body.len() > dispatch::LARGE { block_in_place(dispatch) } else { dispatch() };
            match step {
                Step::Answered(refusal) => {
                    self.document = None;
                    self.pending.extend(refusal);
                }
                Step::WrongToken(refusal) => {
                    self.document = None;
                    self.pending.extend(refusal);
                    self.guessed();
                    break !self.closing;
                }
                Step::Authenticated(pending) => {
                    self.sender_is_known();
                    self.deadline = None;
                    if pending.is_none() {
                        self.make_room(begun, &body);
                    }
                    let document = self.document.take();
                    let pending = pending.map(|pending| pending.holding(document));
                    self.pending_bytes += pending.as_ref().map_or(0, Pending::bytes);
                    if self.gone {
                        pending.iter().for_each(Pending::client_gone);
                    }
                    self.pending.extend(pending);
                }
                Step::Wait => {
                    self.held = Some(body);
                    break false;
                }
            }
        };
        self.watch_frame();
        more
    }

    fn sender_is_known(&mut self) {
        if self.unauthenticated.take().is_some() {
            self.place.work();
        }
    }

    /// The next frame, once it is complete. Frames over the limit are passed over, if their sender is known or signs
    /// them.
    ///
    /// # Errors
    /// One that is not, with which the connection ends.
    fn next_frame(&mut self) -> Result<Option<Body>, FrameTooLarge> {
        loop {
            if let Some(mut oversized) = self.oversized.take() {
                if !oversized.pass_over(&mut self.inbox) {
                    self.oversized = Some(oversized);
                    return Ok(None);
                }
                self.pending.push_back(Pending::ready(oversized.answer()));
            }
            let (limits, known) = (self.shard.limits, self.unauthenticated.is_none());
            let (length, text) = match frame::body_length(&self.inbox, limits.frame_bytes(known)) {
                Ok(Some(length)) if length > limits.max_frame_bytes && self.document.is_none() => {
                    self.deadline = Some(Instant::now() + limits.frame_deadline + time_for(length));
                    match Arc::clone(&self.shard.documents).try_acquire_owned() {
                        Ok(place) => {
                            self.document = Some(place);
                            continue;
                        }
                        Err(_) => {
                            let code = ErrorCode::Busy;
                            (
                                length,
                                format!("{code}: another large document is on its way, retry with backoff"),
                            )
                        }
                    }
                }
                Ok(None) => return Ok(None),
                Ok(Some(length)) => match self.frame(length, known) {
                    Ok(frame) => return Ok(frame),
                    Err(no_room) => (length, no_room.to_string()),
                },
                Err(error) if error.length > oversized::LONGEST => return Err(error),
                Err(error) if known => {
                    self.deadline = Some(Instant::now() + limits.frame_deadline + time_for(error.length));
                    self.note_oversized(error);
                    (error.length, oversized::text(error))
                }
                Err(error) => match self.first_frame() {
                    None => return Ok(None),
                    Some(Shown::Known) => {
                        self.sender_is_known();
                        continue;
                    }
                    Some(Shown::Signs) => {
                        self.note_oversized(error);
                        (error.length, oversized::signed_text(error))
                    }
                    Some(Shown::Nothing) => return Err(error),
                },
            };
            self.document = None;
            (self.expected, self.incoming) = (0, self.shard.memory.open(MemoryPart::Requests, &self.origin));
            self.oversized = Some(Oversized::begin(&mut self.inbox, length, text));
        }
    }

    /// The frame of this length at the beginning of the inbox if it is complete; else makes room for more of it.
    ///
    /// # Errors
    /// There is none.
    fn frame(&mut self, length: usize, known: bool) -> Result<Option<Body>, NoRoom> {
        let whole = frame::PREFIX + length;
        if self.inbox.len() < whole {
            // Strangers have little room together: who shows the token first needs none of it.
            let looks = !known && length > FREE && self.inbox.len() <= 2 * oversized::HEAD;
            if looks && matches!(self.first_frame(), Some(Shown::Known)) {
                self.sender_is_known();
            }
            if self.unauthenticated.is_none() && length > FREE {
                self.grow_inbox(whole)?;
            }
            return Ok(None);
        }
        let charge = if length <= FREE {
            None
        } else if known && length > frame::LARGE {
            // The buffer goes along.
            self.incoming.set(self.inbox.capacity())?;
            let next = self.shard.memory.open(MemoryPart::Requests, &self.origin);
            Some(std::mem::replace(&mut self.incoming, next))
        } else {
            Some(self.shard.memory.take(MemoryPart::Requests, &self.origin, length)?)
        };
        self.expected = 0;
        let body = frame::split_frame(&mut self.inbox, length).ok().flatten();
        Ok(body.map(|body| Body::new(body, charge)))
    }

    /// Makes room for more of a frame that has `whole` bytes: four times as much as has arrived, and all of it in one buffer once
    /// a quarter has.
    fn grow_inbox(&mut self, whole: usize) -> Result<(), NoRoom> {
        let wanted = self.inbox.len().saturating_mul(4).max(FREE).min(whole) + READ_BYTES;
        self.expected = whole;
        let grows = self.inbox.capacity() < wanted && self.inbox.len() * 2 > self.inbox.capacity();
        self.incoming.set(if grows { wanted } else { self.inbox.capacity() })?;
        if grows {
            // Reserving room would take twice as much in the end.
            let mut larger = BytesMut::with_capacity(wanted);
            larger.extend_from_slice(&self.inbox);
            self.inbox = larger;
        }
        Ok(())
    }

    /// Counts an answer that was put into the outbox at once, from `begun` on; one for which there is no room gives way to an
    /// error. Such an answer changed nothing.
    fn make_room(&mut self, begun: usize, body: &[u8]) {
        let large: usize = self.large.iter().map(MemoryCharge::bytes).sum();
        let own = self.outbox.capacity().saturating_sub(large);
        if own <= FREE {
            return;
        }
        let Err(no_room) = self.outgoing.set(own) else { return };
        if self.outbox.len() - begun <= FREE {
            return;
        }
        let to =
            Envelope::parse(body).map_or(ReplyTo { id: 0, coded: false }, |envelope| envelope.reply_to());
        self.outbox.truncate(begun);
        self.outbox.shrink_to(begun + FREE);
        answer::error(&mut self.outbox, to, &OpError::Text(no_room.to_string()));
    }

    fn note_oversized(&self, error: FrameTooLarge) {
        self.shard.metrics.oversized();
        oversized::tell(&self.peer, error);
    }

    /// What the beginning of a connection's first frame shows of its sender; none while too little of it is there.
    fn first_frame(&self) -> Option<Shown> {
        let begun = &self.inbox[frame::PREFIX..];
        match Envelope::parse(begun) {
            Ok(envelope) => Some(authenticate::look(&self.shard, &envelope)),
            Err(_) if begun.len() < oversized::HEAD => None,
            Err(_) => Some(Shown::Nothing),
        }
    }

    /// Keeps the deadline and the budget in step with what is in the inbox.
    fn watch_frame(&mut self) {
        if self.inbox.is_empty() && self.inbox.capacity() > MAX_IDLE_INBOX {
            self.inbox = BytesMut::new();
        }
        if self.unauthenticated.is_none() && self.expected == 0 {
            let bytes = self.inbox.capacity();
            self.incoming.note(if bytes > FREE { bytes } else { 0 });
        }
        match &mut self.unauthenticated {
            Some(charge) => {
                if !charge.set(self.inbox.capacity()) && self.inbox.len() > SMALL {
                    let code = ErrorCode::Busy;
                    self.refuse(&format!(
                        "{code}: too many bytes from connections that have not authenticated, retry with backoff"
                    ));
                }
            }
            None if self.oversized.is_none() && (self.inbox.is_empty() || self.held.is_some()) => {
                self.deadline = None
            }
            None => {
                let limit = self.shard.limits.frame_deadline;
                self.deadline.get_or_insert_with(|| Instant::now() + limit);
            }
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
            self.pending.push_back(Pending::ready(answer));
        }
    }

    /// A wrong token was answered. The answer may have to wait, and the connection may end with it.
    fn guessed(&mut self) {
        let wait = self.shard.guesses.count(self.place.origin(), &self.peer);
        self.answer_at = (!wait.is_zero()).then(|| Instant::now() + wait);
        // Who has shown a right one does not guess.
        self.wrong_tokens += u32::from(self.unauthenticated.is_some());
        if self.wrong_tokens >= ON_ONE_CONNECTION {
            self.inbox = BytesMut::new();
            self.closing = true;
            self.refused = true;
        }
    }

    /// Moves finished answers from the front of the queue to the outbox.
    fn collect_answers(&mut self) -> io::Result<()> {
        while self.outbox.len() < MAX_OUTBOX
            && let Some(part) = self.pending.front_mut().and_then(Pending::try_part)
        {
            self.take_part(part)?;
        }
        Ok(())
    }

    fn take_part(&mut self, part: Part) -> io::Result<()> {
        let (bytes, last) = match part {
            Part::More(bytes) => (bytes, false),
            Part::Last(bytes) => (bytes, true),
            Part::Large(bytes, charge) => {
                self.large.push(charge);
                (bytes, true)
            }
            Part::Broken => return Err(io::Error::other("an answer failed after its first part was sent")),
        };
        if let Some(answered) = self.pending.front() {
            answered.charge(bytes.len());
        }
        if self.outbox.is_empty() {
            self.outbox = bytes;
        } else {
            self.outbox.extend_from_slice(&bytes);
        }
        if last {
            self.pending_bytes -= self.pending.pop_front().map_or(0, |done| done.bytes());
        }
        Ok(())
    }

    /// Ends the connection so that the client gets the last answer although it may still be sending: closing over
    /// unread bytes would throw it away.
    async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
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

    async fn flush(&mut self) -> io::Result<()> {
        let (mut written, begun) = (0, Instant::now());
        while written < self.outbox.len() {
            let write = self.stream.write(&self.outbox[written..]);
            let pace = WRITE_DEADLINE + Duration::from_secs((written / SLOWEST) as u64);
            match timeout(WRITE_DEADLINE.min(pace.saturating_sub(begun.elapsed())), write).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count?,
                Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads no answers")),
            }
        }
        if self.outbox.capacity() > 1 << 20 {
            self.outbox = Vec::new();
        }
        self.outbox.clear();
        self.large.clear();
        self.outgoing.note(0);
        Ok(())
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

async fn next_part(pending: Option<&mut Pending>) -> Part {
    match pending {
        Some(pending) => pending.part().await,
        None => std::future::pending().await,
    }
}
