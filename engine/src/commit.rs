//! The commit thread: one writer, group commit.
//!
//! Waiting writes are drained, applied in the order of their arrival and committed as one batch with one fsync; then
//! all are answered. While the disk works the next group gathers. Writes of a graph that is about to move are put aside
//! and tried again (`held_up.rs`); the others go on.

mod held_up;

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use epistemic_storage::{
    Durability, GraphStore,
    graph::{FENCE_CHECK, GraphError, LONGEST_WAIT, MoveOp, Op, Outcome, Write},
};
use held_up::HeldUp;
use tokio::sync::oneshot;

use crate::{admission::Permit, checkpoints::Dirty, metrics::Metrics};

/// Writes of one group at most.
const MAX_GROUP: usize = 1024;
/// A group is closed when its payload reaches this many bytes.
const MAX_GROUP_BYTES: usize = 8 << 20;

/// How long the thread waits for the writers of the last group to come back before it commits without them.
const GATHER: Duration = Duration::from_micros(40);

/// What a write comes to.
pub(crate) type Reply = Result<Outcome, GraphError>;

struct Job {
    write: Write,
    waiter: Waiter,
}

/// Whoever waits for a write.
struct Waiter {
    reply: oneshot::Sender<Reply>,
    permit: Option<Permit>,
    /// Until when the write is tried again, once it met a fence.
    until: Option<Instant>,
}

impl Waiter {
    fn answer(self, result: Reply) {
        drop(self.permit);
        // The client may be gone; its write is committed all the same.
        let _ = self.reply.send(result);
    }
}

/// Sends writes to the commit thread. The thread ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Committer {
    jobs: Sender<Job>,
}

/// Starts the commit thread.
pub(crate) fn start(
    graphs: Arc<GraphStore>,
    durability: Durability,
    dirty: Arc<Dirty>,
    metrics: Arc<Metrics>,
) -> std::io::Result<(Committer, JoinHandle<()>)> {
    let (jobs, queue) = channel();
    let thread = std::thread::Builder::new().name("commit".into()).spawn(move || {
        let _guard = AbortOnPanic;
        Thread { graphs, durability, dirty, metrics, queue, held_up: HeldUp::new(LONGEST_WAIT) }.run();
    })?;
    Ok((Committer { jobs }, thread))
}

/// A shard without its commit thread would refuse every write for ever: it is better restarted, and loses nothing
/// acknowledged by it.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the commit thread panicked: aborting, nothing acknowledged is lost");
            std::process::abort();
        }
    }
}

impl Committer {
    /// Queues a write. The receiver gets the outcome once it is durable as configured; it gets an error when the
    /// commit thread is gone. A place given with it is given back when the write is done, whenever its client takes the answer.
    pub(crate) fn submit(&self, write: Write, permit: Option<Permit>) -> oneshot::Receiver<Reply> {
        let (reply, receiver) = oneshot::channel();
        // When the thread is gone the job, and with it the sender, is dropped: the receiver reports that.
        let _ = self.jobs.send(Job { write, waiter: Waiter { reply, permit, until: None } });
        receiver
    }
}

/// What the commit thread works with.
struct Thread {
    graphs: Arc<GraphStore>,
    durability: Durability,
    dirty: Arc<Dirty>,
    metrics: Arc<Metrics>,
    queue: Receiver<Job>,
    held_up: HeldUp,
}

impl Thread {
    /// Until nobody can send writes any more.
    fn run(mut self) {
        let mut last_group = 0;
        loop {
            let begun = Instant::now();
            let mut group = Group::default();
            self.held_up.release(&self.graphs, &mut group);
            if group.writes.is_empty() {
                match self.first_job() {
                    Ok(job) => self.held_up.pass(job, &mut group),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            while !group.is_full()
                && let Some(job) = next_job(&self.queue, begun, group.writes.len() < last_group)
            {
                self.held_up.pass(job, &mut group);
            }
            last_group = group.writes.len();
            if last_group > 0 {
                self.commit(group);
            }
        }
    }

    /// Waits for a write; not for long while others are held up.
    fn first_job(&self) -> Result<Job, RecvTimeoutError> {
        if self.held_up.is_empty() {
            return self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        self.queue.recv_timeout(FENCE_CHECK)
    }

    fn commit(&mut self, group: Group) {
        let results = self.graphs.commit(&group.writes, self.durability);
        self.metrics.commit_group(group.writes.len());
        let done = group.writes.iter().zip(&results).filter(|(_, result)| result.is_ok());
        self.dirty.note(done.map(|(write, _)| Arc::clone(&write.graph)));
        let jobs = group.writes.into_iter().zip(group.waiters);
        let jobs = jobs.map(|(write, waiter)| Job { write, waiter });
        self.held_up.answer(&self.graphs, jobs.zip(results));
    }
}

/// Writes that are committed together, and who waits for them.
#[derive(Default)]
struct Group {
    writes: Vec<Write>,
    waiters: Vec<Waiter>,
    bytes: usize,
}

impl Group {
    fn push(&mut self, Job { write, waiter }: Job) {
        self.bytes += weight(&write.op);
        self.writes.push(write);
        self.waiters.push(waiter);
    }

    fn is_full(&self) -> bool {
        self.writes.len() >= MAX_GROUP || self.bytes >= MAX_GROUP_BYTES
    }
}

/// The next waiting write. With `gather` one that comes within [`GATHER`] of the first will do: writers that were
/// answered together ask again together, and a commit without them would make them wait for another fsync.
fn next_job(queue: &Receiver<Job>, begun: Instant, gather: bool) -> Option<Job> {
    loop {
        match queue.try_recv() {
            Ok(job) => return Some(job),
            Err(_) if gather && begun.elapsed() < GATHER => std::thread::yield_now(),
            Err(_) => return None,
        }
    }
}

/// Bytes a write adds to its group, roughly.
fn weight(op: &Op) -> usize {
    const RECORD: usize = 64;
    match op {
        Op::AddNode { id, properties } | Op::AddMissingNode { id, properties } => {
            RECORD + id.len() + properties.len()
        }
        // The node may be much larger than what is put into it.
        Op::CompareAndSet { node, conditions, updates } | Op::Claim { node, conditions, updates } => {
            2 * RECORD + node.len() + conditions.len() + 2 * updates.len()
        }
        Op::AddEdge { source, target, properties } => RECORD + source.len() + target.len() + properties.len(),
        // The ledger holds the components once more.
        Op::AddVector { node, components } => RECORD + node.len() + 2 * components.len(),
        Op::Batch(items) => items.iter().map(|item| RECORD + item.bytes()).sum(),
        Op::Transaction(transaction) => RECORD * transaction.changes.len() + 2 * transaction.bytes(),
        Op::Revise { changes, .. } => changes.iter().map(|change| RECORD + change.bytes()).sum(),
        Op::Touch { nodes, .. } => nodes.iter().map(|node| 2 * RECORD + node.len()).sum(),
        Op::Once(_, op) => RECORD + weight(op),
        Op::Replace(_) | Op::Install { .. } | Op::Move(MoveOp::Fill { .. }) => MAX_GROUP_BYTES,
        Op::Move(MoveOp::Replay { records, .. }) => {
            records.iter().map(|(_, record)| RECORD + 2 * record.len()).sum()
        }
        Op::Move(_)
        | Op::Create { .. }
        | Op::Delete
        | Op::Clear
        | Op::ClearLedger
        | Op::TrimLedger(_)
        | Op::KeepLedger(_)
        | Op::RemoveNode { .. }
        | Op::RemoveEdge { .. } => RECORD,
    }
}
