//! Answers that are due later.

use std::{sync::Arc, time::Instant};

use tokio::sync::{mpsc, oneshot};

use super::{
    OpError,
    answer::{self, WriteAnswer},
};
use crate::{admission::Permit, analytics::Cancel, commit::Reply, shard::Shard, wire::Method};

/// A piece of an answer.
pub(crate) enum Part {
    /// Bytes with more to come.
    More(Vec<u8>),
    /// The last bytes.
    Last(Vec<u8>),
    /// The answer cannot be finished.
    Broken,
}

/// An answer that keeps its place in the order of a connection.
pub(crate) struct Pending {
    source: Source,
    /// Bytes of its request.
    bytes: usize,
    /// Held until the answer is out.
    _permit: Option<Permit>,
    /// The computation to end when nobody waits for it any more.
    cancel: Option<Cancel>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.client_gone();
    }
}

enum Source {
    Ready(Option<Vec<u8>>),
    Write(PendingWrite),
    Task(mpsc::Receiver<Part>),
}

impl Pending {
    /// A finished answer behind others.
    pub(crate) fn ready(bytes: Vec<u8>) -> Self {
        Self { source: Source::Ready(Some(bytes)), bytes: 0, _permit: None, cancel: None }
    }

    /// An error in its place: in the outbox when no answer is due before it, else promised.
    pub(super) fn refused(error: &OpError, id: u64, alone: bool, outbox: &mut Vec<u8>) -> Option<Self> {
        if alone {
            answer::error(outbox, id, error);
            return None;
        }
        let mut bytes = Vec::new();
        answer::error(&mut bytes, id, error);
        Some(Self::ready(bytes))
    }

    pub(super) fn write(write: PendingWrite, bytes: usize) -> Self {
        Self { source: Source::Write(write), bytes, _permit: None, cancel: None }
    }

    pub(super) fn task(parts: mpsc::Receiver<Part>, permit: Option<Permit>) -> Self {
        Self { source: Source::Task(parts), bytes: 0, _permit: permit, cancel: None }
    }

    pub(super) fn computation(parts: mpsc::Receiver<Part>, permit: Permit, cancel: Cancel) -> Self {
        let mut pending = Self::task(parts, Some(permit));
        pending.cancel = Some(cancel);
        pending
    }

    /// The client sends nothing more: a computation for it is ended, everything else finished.
    pub(crate) fn client_gone(&self) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }

    /// Bytes of the request that waits for this answer.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it creates or deletes a graph.
    pub(super) fn changes_graphs(&self) -> bool {
        matches!(&self.source, Source::Write(write) if !matches!(write.answer, WriteAnswer::Ok))
    }

    pub(crate) fn is_write(&self) -> bool {
        matches!(self.source, Source::Write(_) | Source::Ready(_))
    }

    /// The next part, waiting for it.
    pub(crate) async fn part(&mut self) -> Part {
        match &mut self.source {
            Source::Ready(bytes) => Part::Last(bytes.take().unwrap_or_default()),
            Source::Write(write) => {
                let reply = (&mut write.reply).await.ok();
                write.answer(reply)
            }
            Source::Task(parts) => parts.recv().await.unwrap_or(Part::Broken),
        }
    }

    /// The next part if it is there.
    pub(crate) fn try_part(&mut self) -> Option<Part> {
        match &mut self.source {
            Source::Ready(bytes) => Some(Part::Last(bytes.take().unwrap_or_default())),
            Source::Write(write) => match write.reply.try_recv() {
                Ok(reply) => Some(write.answer(Some(reply))),
                Err(oneshot::error::TryRecvError::Empty) => None,
                Err(oneshot::error::TryRecvError::Closed) => Some(write.answer(None)),
            },
            Source::Task(parts) => match parts.try_recv() {
                Ok(part) => Some(part),
                Err(mpsc::error::TryRecvError::Empty) => None,
                Err(mpsc::error::TryRecvError::Disconnected) => Some(Part::Broken),
            },
        }
    }
}

/// A write on its way through the commit thread.
pub(super) struct PendingWrite {
    pub(super) shard: Arc<Shard>,
    pub(super) id: u64,
    pub(super) method: Method,
    pub(super) begun: Instant,
    pub(super) answer: WriteAnswer,
    pub(super) reply: oneshot::Receiver<Reply>,
}

impl PendingWrite {
    fn answer(&self, reply: Option<Reply>) -> Part {
        if let (WriteAnswer::Deleted(graph), Some(Ok(_))) = (&self.answer, &reply) {
            self.shard.metrics.renew_graph(graph, &self.shard.graphs);
        }
        let mut out = Vec::with_capacity(64);
        answer::write_reply(&mut out, self.id, &self.answer, reply);
        self.shard.metrics.answered(self.method, self.begun.elapsed());
        Part::Last(out)
    }
}
