//! The commit thread: one writer, group commit.
//!
//! Waiting writes are drained, applied in the order of their arrival and committed as one batch with one fsync; then
//! all are answered. While the disk works the next group gathers.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use epistemic_storage::{
    Durability, GraphStore,
    graph::{GraphError, MoveOp, Op, Outcome, Write},
};
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
    reply: oneshot::Sender<Reply>,
    permit: Option<Permit>,
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
        run(&graphs, durability, &dirty, &metrics, &queue);
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
        let _ = self.jobs.send(Job { write, reply, permit });
        receiver
    }
}

fn run(graphs: &GraphStore, durability: Durability, dirty: &Dirty, metrics: &Metrics, queue: &Receiver<Job>) {
    let mut writes = Vec::new();
    let mut replies = Vec::new();
    let mut last_group = 0;
    while let Ok(first) = queue.recv() {
        let begun = Instant::now();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(Job { write, reply, permit }) = next {
            bytes += weight(&write.op);
            writes.push(write);
            replies.push((reply, permit));
            let full = writes.len() >= MAX_GROUP || bytes >= MAX_GROUP_BYTES;
            next = if full { None } else { next_job(queue, begun, writes.len() < last_group) };
        }
        last_group = writes.len();
        let results = graphs.commit(&writes, durability);
        metrics.commit_group(writes.len());
        dirty.note(
            writes.drain(..).zip(&results).filter(|(_, result)| result.is_ok()).map(|(write, _)| write.graph),
        );
        for ((reply, permit), result) in replies.drain(..).zip(results) {
            drop(permit);
            // The client may be gone; its write is committed all the same.
            let _ = reply.send(result);
        }
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
        Op::CompareAndSet { node, conditions, updates } => {
            2 * RECORD + node.len() + conditions.len() + 2 * updates.len()
        }
        Op::AddEdge { source, target, properties } => RECORD + source.len() + target.len() + properties.len(),
        // The ledger holds the components once more.
        Op::AddVector { node, components } => RECORD + node.len() + 2 * components.len(),
        Op::Batch(items) => items.iter().map(|item| RECORD + item.bytes()).sum(),
        Op::Revise { changes, .. } => changes.iter().map(|change| RECORD + change.bytes()).sum(),
        Op::Touch { nodes, .. } => nodes.iter().map(|node| 2 * RECORD + node.len()).sum(),
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
