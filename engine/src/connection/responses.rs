//! Responses out, in the order of the requests.

use std::io;

use tokio::task::block_in_place;

use super::{
    Connection, FREE, MAX_OUTBOX,
    pace::{PATIENCE, Pace},
};
use crate::{
    memory::Charge,
    request::{
        error::OpError,
        pending::{PendingResponse, Piece, ResponsePart},
        response,
    },
    spool::Spooled,
    stream::Stream,
    wire::{Envelope, ReplyTo},
};

/// So many bytes of responses stay in memory for a slow client.
const KEPT: usize = 64 << 10;

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
            && self.on_disk.is_empty()
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
            ResponsePart::OnDisk(head, charge, rest) => {
                self.large.extend(charge);
                self.on_disk.extend(rest);
                (head, true)
            }
            ResponsePart::Broken => {
                return Err(io::Error::other("an answer failed after its first part was sent"));
            }
        };
        if let Some(answered) = self.pending.front() {
            self.unproven |= !answered.is_untied();
            answered.charge(bytes.len() + self.on_disk.iter().map(Piece::bytes).sum::<usize>());
        }
        if self.outbox.is_empty() {
            self.outbox = bytes;
        } else {
            self.outbox.extend_from_slice(&bytes);
        }
        if last {
            let Some(done) = self.pending.pop_front() else { return Ok(()) };
            self.pending_bytes -= done.bytes();
            self.ready.extend(done.into_ready());
        }
        Ok(())
    }

    /// Sends what is in the outbox. What a slow client leaves of it is put on disk, where there is room.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let done = self.send().await;
        self.ready.drain(..).for_each(|ready| self.shard.slow.sent(ready));
        done
    }

    async fn send(&mut self) -> io::Result<()> {
        let (mut pace, mut written, mut may_spool) = (Pace::begin(), 0, true);
        while written < self.outbox.len() {
            may_spool &= self.outbox.len() - written > KEPT;
            let patience = may_spool.then_some(PATIENCE);
            written += pace.write(&mut self.stream, &self.outbox[written..], patience).await?;
            if may_spool && pace.is_slow() {
                match block_in_place(|| self.shard.spool.put(&self.outbox[written..])) {
                    Ok(rest) => {
                        written = self.outbox.len();
                        self.on_disk.push_front(Piece::File(rest));
                    }
                    Err(error) => {
                        tracing::debug!(%error, "the response of a slow client stays in memory");
                        may_spool = false;
                    }
                }
            }
        }
        self.sent();
        while let Some(piece) = self.on_disk.pop_front() {
            match piece {
                Piece::Bytes(bytes) => pace.write_all(&mut self.stream, &bytes).await?,
                Piece::File(file) => self.send_file(&file, &mut pace).await?,
            }
        }
        pace.flush(&mut self.stream).await
    }

    async fn send_file(&mut self, file: &Spooled, pace: &mut Pace) -> io::Result<()> {
        let (mut buffer, mut offset) = (Vec::new(), 0);
        while offset < file.bytes() {
            buffer.resize(KEPT.min((file.bytes() - offset) as usize), 0);
            block_in_place(|| file.read_exact_at(&mut buffer, offset))?;
            offset += buffer.len() as u64;
            pace.write_all(&mut self.stream, &buffer).await?;
        }
        Ok(())
    }

    /// Empties the outbox.
    fn sent(&mut self) {
        if self.outbox.capacity() > 1 << 20 {
            self.outbox = Vec::new();
        }
        self.outbox.clear();
        self.large.clear();
        self.outgoing.note(0);
    }
}
