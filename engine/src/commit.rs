//! The commit thread: one writer, group commit.
//!
//! Waiting writes are drained and committed as one batch with one fsync; then all are answered. While the disk works the next
//! group gathers. When more wait than a group may cost, tenants take turns (`waiting.rs`). Writes of a graph that is about to move are put aside
//! and tried again (`held_up.rs`); the others go on.

mod held_up;
mod waiting;

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
    graph::{FENCE_CHECK, GraphError, LONGEST_WAIT, Op, Outcome, Progress, Write},
};
use held_up::HeldUp;
use tokio::sync::oneshot;
use waiting::Waiting;

use prometheus::{IntGauge, local::LocalHistogram};

use crate::{
    account::Account,
    admission::Permit,
    checkpoints::Dirty,
    metrics::{GroupTimes, Metrics},
    quotas::WriteCharge,
};

/// Writes of one group at most.
const MAX_GROUP: usize = 1024;
/// A group is closed when it costs about so many bytes: nobody waits for more than one that has begun.
const MAX_GROUP_COST: u64 = 3 << 20;
/// What each part of a write costs that is made in parts.
const PART_COST: u64 = 1 << 20;

/// How long the thread waits for the writers of the last group to come back before it commits without them.
const GATHER: Duration = Duration::from_micros(40);

/// What a write comes to.
pub(crate) type Reply = Result<Outcome, GraphError>;

/// That, and when its commit began.
pub(crate) struct Committed {
    pub(crate) reply: Reply,
    /// None when it was refused before.
    pub(crate) begun: Option<Instant>,
}

struct Job {
    write: Write,
    waiter: Waiter,
}

/// Whoever waits for a write.
struct Waiter {
    account: Account,
    /// The number of the connection that it came by, if any.
    connection: Option<u64>,
    /// How much of the write is done.
    reached: Progress,
    reply: oneshot::Sender<Committed>,
    queued: Instant,
    /// Since when its first group is committed.
    begun: Option<Instant>,
    permit: Option<Permit>,
    /// Whose quota it counts for, if anybody's.
    charge: Option<WriteCharge>,
    /// Until when the write is tried again, once it met a fence.
    until: Option<Instant>,
    /// Counts it until it is answered.
    _counted: Counted,
}

impl Waiter {
    fn new(account: Account, reply: oneshot::Sender<Committed>, counted: Counted) -> Self {
        Self {
            account,
            connection: None,
            reached: Progress::default(),
            reply,
            queued: Instant::now(),
            begun: None,
            permit: None,
            charge: None,
            until: None,
            _counted: counted,
        }
    }

    fn answer(self, reply: Reply) {
        drop(self.permit);
        // The client may be gone; its write is committed all the same.
        let _ = self.reply.send(Committed { reply, begun: self.begun });
    }
}

/// Counts a write for as long as it is there.
struct Counted(IntGauge);

impl Counted {
    fn new(writes: &IntGauge) -> Self {
        writes.inc();
        Self(writes.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Sends writes to the commit thread. The thread ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Committer {
    jobs: Sender<Job>,
    queued: IntGauge,
}

/// Starts the commit thread.
pub(crate) fn start(
    graphs: Arc<GraphStore>,
    durability: Durability,
    dirty: Arc<Dirty>,
    metrics: Arc<Metrics>,
) -> std::io::Result<(Committer, JoinHandle<()>)> {
    let (jobs, queue) = channel();
    let queued = metrics.writes_queued();
    let thread = std::thread::Builder::new().name("commit".into()).spawn(move || {
        let _guard = AbortOnPanic;
        Thread {
            graphs,
            durability,
            dirty,
            waits: metrics.writes_waiting(),
            metrics,
            queue,
            held_up: HeldUp::new(LONGEST_WAIT),
            waiting: Waiting::default(),
        }
        .run();
    })?;
    Ok((Committer { jobs, queued }, thread))
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
    /// Queues a write on an account. Writes of a connection are made in their order. The receiver gets the outcome once it is durable as configured; it gets an error when the
    /// commit thread is gone. A place given with it is given back when the write is done, whenever its client takes the answer.
    pub(crate) fn submit(
        &self,
        account: Account,
        connection: Option<u64>,
        op: Op,
        permit: Option<Permit>,
        charge: Option<WriteCharge>,
    ) -> oneshot::Receiver<Committed> {
        let (reply, receiver) = oneshot::channel();
        let write = Write { graph: Arc::clone(&account.graph), op };
        let waiter =
            Waiter { connection, permit, charge, ..Waiter::new(account, reply, Counted::new(&self.queued)) };
        // When the thread is gone the job, and with it the sender, is dropped: the receiver reports that.
        let _ = self.jobs.send(Job { write, waiter });
        receiver
    }
}

/// What the commit thread works with.
struct Thread {
    graphs: Arc<GraphStore>,
    durability: Durability,
    dirty: Arc<Dirty>,
    metrics: Arc<Metrics>,
    /// How long writes waited for their group.
    waits: LocalHistogram,
    queue: Receiver<Job>,
    held_up: HeldUp,
    waiting: Waiting,
}

impl Thread {
    /// Until nobody can send writes any more.
    fn run(mut self) {
        let mut last_group = 0;
        loop {
            let begun = Instant::now();
            let mut first = begun;
            let mut group = Group::default();
            self.held_up.release(&self.graphs, &mut group);
            if group.writes.is_empty() && self.waiting.is_empty() {
                match self.first_job() {
                    Ok(job) => {
                        first = Instant::now();
                        self.waiting.add(job);
                    }
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            while let Some(job) = next_job(&self.queue, begun, self.waiting.len() < last_group) {
                self.waiting.add(job);
            }
            if !group.is_full() {
                for job in self.waiting.next_group(group.cost) {
                    self.held_up.pass(job, &mut group);
                }
            }
            last_group = group.writes.len();
            if last_group > 0 {
                self.commit(group, first);
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

    /// Commits a group that gathered since `first`.
    fn commit(&mut self, mut group: Group, first: Instant) {
        let begun = Instant::now();
        let reached: Vec<_> = group.waiters.iter().map(|waiter| waiter.reached.clone()).collect();
        for waiter in &mut group.waiters {
            if waiter.begun.is_none() {
                waiter.begun = Some(begun);
                self.waits.observe((begun - waiter.queued).as_secs_f64());
            }
        }
        let log_before = self.graphs.store().log_time();
        let (results, written) = self.graphs.commit_counted(&group.writes, &reached, self.durability);
        let committed = Instant::now();
        // Others write to the log too, though seldom.
        let syncing = (self.graphs.store().log_time() - log_before).min(committed - begun);
        for ((waiter, result), bytes) in group.waiters.iter_mut().zip(&results).zip(written) {
            if let (Some(charge), Ok(_)) = (&mut waiter.charge, result) {
                charge.wrote(bytes);
            }
        }
        self.metrics.commit_group(group.writes.len());
        let done = group.writes.iter().zip(&results).filter(|(_, result)| result.is_ok());
        self.dirty.note(done.map(|(write, _)| Arc::clone(&write.graph)));
        let jobs = group.writes.into_iter().zip(group.waiters);
        let jobs = jobs.map(|(write, waiter)| Job { write, waiter });
        let unfinished = self.held_up.answer(&self.graphs, jobs.zip(results));
        // What was behind the rest of another write of its graph comes behind it again.
        unfinished.into_iter().rev().for_each(|job| self.waiting.put_back(job));
        let times = GroupTimes {
            gathering: begun - first,
            writing: committed - begun - syncing,
            syncing,
            answering: committed.elapsed(),
        };
        self.metrics.commit_times(times);
        self.waits.flush();
    }
}

/// Writes that are committed together, and who waits for them.
#[derive(Default)]
struct Group {
    writes: Vec<Write>,
    waiters: Vec<Waiter>,
    cost: u64,
}

impl Group {
    fn push(&mut self, Job { write, waiter }: Job) {
        self.cost += waiting::cost(&write, &waiter);
        self.writes.push(write);
        self.waiters.push(waiter);
    }

    fn is_full(&self) -> bool {
        self.writes.len() >= MAX_GROUP || self.cost >= MAX_GROUP_COST
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

#[cfg(test)]
fn not_counted() -> Counted {
    Counted(IntGauge::new("writes", "Of a test.").unwrap())
}
