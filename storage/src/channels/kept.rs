//! What is kept of channels in memory, and the changes of them that wait for the next group of commits.

use std::sync::{
    atomic::{AtomicUsize, Ordering},
    mpsc::SyncSender,
};

use imbl::OrdMap;
use parking_lot::Mutex;

use super::{
    Channel, ChannelError, Keep,
    change::{Change, Changed, Working},
};
use crate::{
    batch::WriteBatch,
    error::{Result, StoreError},
    graph::{Beside, End, GraphStore},
    limits::MAX_NAMES,
    store::Durability,
};

/// Bytes of changes after which the rest waits for the next group.
const GROUP_BYTES: usize = 3 << 20;

/// Cloning it is O(1).
pub(super) type ById = OrdMap<String, Channel>;

pub(super) type Reply = Result<Changed, ChannelError>;

/// A change and who waits for it.
pub(super) struct Waiter {
    pub(super) change: Change,
    pub(super) reply: SyncSender<Reply>,
}

#[derive(Default)]
struct Queue {
    waiters: Vec<Waiter>,
    /// The last group had no room for these: whoever committed it goes on with them.
    left_over: bool,
}

pub(super) struct Kept {
    /// As the newest commit has left it.
    open: Mutex<ById>,
    waiting: Mutex<Queue>,
    /// What their names count, and may count.
    pub(super) names: AtomicUsize,
    pub(super) most_names: AtomicUsize,
    keep: Keep,
    durability: Durability,
}

impl Kept {
    pub(super) fn new(open: ById, keep: Keep, durability: Durability) -> Self {
        let names = AtomicUsize::new(open.iter().map(|(id, channel)| channel.names(id)).sum());
        let (open, waiting) = (Mutex::new(open), Mutex::default());
        Self { open, waiting, names, most_names: AtomicUsize::new(MAX_NAMES), keep, durability }
    }

    pub(super) fn open(&self) -> ById {
        self.open.lock().clone()
    }

    /// Takes what another process has committed.
    pub(super) fn go_on_to(&self, open: ById) {
        self.names.store(open.iter().map(|(id, channel)| channel.names(id)).sum(), Ordering::Relaxed);
        *self.open.lock() = open;
    }

    /// Queues a change; true when it is the first, so that somebody has to have them committed.
    pub(super) fn wait(&self, waiter: Waiter) -> bool {
        let waiters = &mut self.waiting.lock().waiters;
        waiters.push(waiter);
        waiters.len() == 1
    }

    /// Those that fit a group, at least one where there are some.
    fn next(&self) -> Vec<Waiter> {
        let Queue { waiters, left_over } = &mut *self.waiting.lock();
        let mut bytes = 0;
        let fitting = waiters.iter().take_while(|waiter| {
            let fits = bytes < GROUP_BYTES;
            bytes += waiter.change.cost();
            fits
        });
        let count = fitting.count();
        *left_over = count < waiters.len();
        waiters.drain(..count).collect()
    }
}

impl Beside for Kept {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn begin<'a>(&'a self, graphs: &'a GraphStore, batch: &mut WriteBatch) -> End<'a> {
        let names = (self.names.load(Ordering::Relaxed), self.most_names.load(Ordering::Relaxed));
        let mut working = Working::new(self.open(), names, self.keep, graphs.store());
        let mut made = Vec::new();
        let unchanged = batch.len();
        for Waiter { change, reply } in self.next() {
            let result = working.apply(change, batch);
            if batch.len() == unchanged {
                // Nothing that may fail yet has a part in it.
                let _ = reply.try_send(result);
            } else {
                made.push((reply, result));
            }
        }
        Box::new(move |ended| {
            if ended.is_ok() {
                self.names.store(working.names, Ordering::Relaxed);
                *self.open.lock() = working.open;
            }
            for (reply, result) in made {
                // What was refused may rest on what failed.
                let _ = reply.try_send(ended.clone().map_err(ChannelError::from).and(result));
            }
        })
    }

    fn has_more(&self) -> bool {
        self.waiting.lock().left_over
    }

    fn refuse(&self, error: &StoreError) {
        let refused = std::mem::take(&mut *self.waiting.lock());
        for waiter in refused.waiters {
            let _ = waiter.reply.try_send(Err(error.clone().into()));
        }
    }
}

#[cfg(test)]
mod tests;
