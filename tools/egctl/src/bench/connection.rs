//! One connection of the load generator: its window of requests and its buffers.

use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use epistemic_router::Endpoint;

use super::answer;
use super::template::{Envelope, Template};
use super::wire::Stream;
use super::workload::Kind;

const READ_BYTES: usize = 64 * 1024;

/// A place in the window. Its request id, and so its token over that, stays the same for the whole run.
struct Slot {
    /// One frame for each kind of the workload.
    frames: Vec<Template>,
    kind: usize,
    /// When the request was handed to the socket; `None` while the slot is free.
    sent: Option<Instant>,
}

/// A response, matched to its request.
pub(super) struct Answer<'a> {
    pub(super) slot: usize,
    pub(super) kind: usize,
    pub(super) sent: Instant,
    pub(super) outcome: answer::Outcome<'a>,
}

/// A non-blocking connection with a window of requests.
pub(super) struct Connection {
    pub(super) stream: Stream,
    first_id: u64,
    slots: Vec<Slot>,
    input: Vec<u8>,
    /// Range of `input` that was received and not yet parsed.
    received: std::ops::Range<usize>,
    output: Vec<u8>,
    written: usize,
}

impl Connection {
    /// Connects and encodes the frames of the whole window; ids start at `first_id`.
    pub(super) fn open(
        endpoint: &Endpoint,
        envelope: Envelope<'_>,
        kinds: &[Kind],
        first_id: u64,
        in_flight: u32,
    ) -> Result<Self> {
        let stream = Stream::connect(endpoint)?;
        stream.set_nonblocking()?;
        let slot = |id| -> Result<Slot> {
            let frames = kinds.iter().map(|kind| kind.template(envelope, id)).collect::<Result<_>>()?;
            Ok(Slot { frames, kind: 0, sent: None })
        };
        let slots = (first_id..first_id + u64::from(in_flight)).map(slot).collect::<Result<_>>()?;
        let input = vec![0; READ_BYTES];
        Ok(Self { stream, first_id, slots, input, received: 0..0, output: Vec::new(), written: 0 })
    }

    /// Queues a request of `kind` about node `number` in a free slot; `flush` sends it.
    pub(super) fn queue(&mut self, slot: usize, kind: usize, number: u64, now: Instant) -> Result<()> {
        let slot = &mut self.slots[slot];
        slot.kind = kind;
        slot.sent = Some(now);
        slot.frames[kind].renumber(number)?;
        self.output.extend_from_slice(slot.frames[kind].frame());
        Ok(())
    }

    /// Size of the window.
    pub(super) fn window(&self) -> usize {
        self.slots.len()
    }

    /// Requests without an answer yet.
    pub(super) fn in_flight(&self) -> usize {
        self.slots.iter().filter(|slot| slot.sent.is_some()).count()
    }

    /// Writes what the socket takes; true when everything is written.
    pub(super) fn flush(&mut self) -> Result<bool> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => bail!("server closed a connection while a request was written"),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("cannot write a request"),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(true)
    }

    /// Reads once; `next_answer` then yields the answers that are complete.
    pub(super) fn receive(&mut self) -> Result<()> {
        if self.received.is_empty() {
            self.received = 0..0;
        }
        if self.received.end == self.input.len() {
            self.input.copy_within(self.received.clone(), 0);
            self.received = 0..self.received.len();
            if self.received.end > self.input.len() / 2 {
                self.input.resize(self.input.len() * 2, 0);
            }
        }
        match self.stream.read(&mut self.input[self.received.end..]) {
            Ok(0) => bail!("server closed a connection with {} requests unanswered", self.in_flight()),
            Ok(count) => self.received.end += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error).context("cannot read an answer"),
        }
        Ok(())
    }

    /// Takes the next complete answer out of the input and frees its slot.
    pub(super) fn next_answer(&mut self) -> Result<Option<Answer<'_>>> {
        let bytes = &self.input[self.received.clone()];
        let Some((prefix, rest)) = bytes.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        self.received.start += 4 + length;
        let (id, outcome) = answer::parse(body)?;
        let slot = id.checked_sub(self.first_id).and_then(|slot| usize::try_from(slot).ok());
        let Some((slot, found)) = slot.and_then(|slot| Some((slot, self.slots.get_mut(slot)?))) else {
            bail!("answer to request {id}, which was never sent on this connection: {outcome:?}");
        };
        let kind = found.kind;
        let Some(sent) = found.sent.take() else { bail!("second answer to request {id}") };
        Ok(Some(Answer { slot, kind, sent, outcome }))
    }
}
