//! Frames in: what has arrived, cut into requests, within what their sender may take.

use std::sync::Arc;

use bytes::BytesMut;
use epistemic_protocol::ErrorCode;
use tokio::time::{Duration, Instant};

use super::{Connection, FREE};
use crate::{
    memory::{Body, NoRoom, Part},
    oversized::{self, Oversized},
    request::{
        authenticate::{self, Shown},
        pending::PendingResponse,
    },
    stream::Stream,
    wire::{
        Envelope,
        frame::{self, FrameTooLarge},
    },
};

/// Space made for one read while a frame is incomplete; it grows with what has arrived.
const READ_BYTES: usize = 8 << 10;
/// An empty inbox keeps no more room.
const MAX_IDLE_INBOX: usize = 256 << 10;
/// A stranger with a request of no more bytes is never turned away for others.
const SMALL: usize = 1 << 10;

/// What a large frame may take on a slow network beyond the usual: a second for each MiB.
fn time_for(length: usize) -> Duration {
    Duration::from_secs((length >> 20) as u64)
}

impl<S: Stream> Connection<S> {
    /// Makes room for a read: a little at first, then as much as has arrived of an incomplete frame.
    pub(super) fn reserve(&mut self) {
        let least = if self.unauthenticated.is_some() { SMALL } else { READ_BYTES };
        let missing = self.expected.saturating_sub(self.inbox.len()).max(least);
        self.inbox.reserve(least.max(self.inbox.len().min(1 << 20)).min(missing));
        if let Some(charge) = &mut self.unauthenticated {
            // Whether there is room is asked when something has arrived.
            charge.set(self.inbox.capacity());
        }
    }

    /// The next frame, once it is complete. Frames over the limit are passed over, if their sender is known or signs
    /// them.
    ///
    /// # Errors
    /// One that is not, with which the connection ends.
    pub(super) fn next_frame(&mut self) -> Result<Option<Body>, FrameTooLarge> {
        loop {
            if let Some(mut oversized) = self.oversized.take() {
                if !oversized.pass_over(&mut self.inbox) {
                    self.oversized = Some(oversized);
                    return Ok(None);
                }
                self.pending.push_back(PendingResponse::ready(oversized.answer()));
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
            (self.expected, self.incoming) = (0, self.shard.memory.open(Part::Requests, &self.origin));
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
            let next = self.shard.memory.open(Part::Requests, &self.origin);
            Some(std::mem::replace(&mut self.incoming, next))
        } else {
            Some(self.shard.memory.take(Part::Requests, &self.origin, length)?)
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

    fn note_oversized(&self, error: FrameTooLarge) {
        self.shard.metrics.oversized();
        oversized::tell(&self.session.peer().to_string(), error);
    }

    /// What the beginning of a connection's first frame shows of its sender; none while too little of it is there.
    fn first_frame(&self) -> Option<Shown> {
        let begun = &self.inbox[frame::PREFIX..];
        match Envelope::parse(begun) {
            Ok(envelope) => Some(authenticate::look(&self.shard, &self.session, &envelope)),
            Err(_) if begun.len() < oversized::HEAD => None,
            Err(_) => Some(Shown::Nothing),
        }
    }

    /// Keeps the deadline and the budget in step with what is in the inbox.
    pub(super) fn watch_frame(&mut self) {
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
            None if self.oversized.is_none() && (self.inbox.is_empty() || self.deferred_frame.is_some()) => {
                self.deadline = None
            }
            None => {
                let limit = self.shard.limits.frame_deadline;
                self.deadline.get_or_insert_with(|| Instant::now() + limit);
            }
        }
    }
}
