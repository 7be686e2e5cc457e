//! Responses out, in the order of the requests.

use std::io;

use tokio::{
    io::AsyncWriteExt,
    time::{Duration, Instant, timeout},
};

use super::{Connection, FREE, MAX_OUTBOX};
use crate::{
    memory::Charge,
    request::{
        error::OpError,
        pending::{PendingResponse, ResponsePart},
        response,
    },
    stream::Stream,
    wire::{Envelope, ReplyTo},
};

/// A client that takes nothing for this long is dropped.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);
/// So many bytes a second it takes on average at least, after that.
const SLOWEST: usize = 64 << 10;

impl<S: Stream> Connection<S> {
    /// Counts an answer that was put into the outbox at once, from `begun` on; one for which there is no room gives way to an
    /// error. Such an answer changed nothing.
    pub(super) fn make_room(&mut self, begun: usize, body: &[u8]) {
        let large: usize = self.large.iter().map(Charge::bytes).sum();
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
        response::error(&mut self.outbox, to, &OpError::Text(no_room.to_string()));
    }

    /// Moves finished answers from the front of the queue to the outbox.
    pub(super) fn collect_answers(&mut self) -> io::Result<()> {
        while self.outbox.len() < MAX_OUTBOX
            && let Some(part) = self.pending.front_mut().and_then(PendingResponse::try_part)
        {
            self.take_part(part)?;
        }
        Ok(())
    }

    pub(super) fn take_part(&mut self, part: ResponsePart) -> io::Result<()> {
        let (bytes, last) = match part {
            ResponsePart::More(bytes) => (bytes, false),
            ResponsePart::Last(bytes) => (bytes, true),
            ResponsePart::Large(bytes, charge) => {
                self.large.push(charge);
                (bytes, true)
            }
            ResponsePart::Broken => {
                return Err(io::Error::other("an answer failed after its first part was sent"));
            }
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

    pub(super) async fn flush(&mut self) -> io::Result<()> {
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
