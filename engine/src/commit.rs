//! The commit thread: one writer, group commit.
//!
//! Waiting writes are drained and committed as one batch with one fsync; then all are answered. While the disk works the next
//! group gathers. When more wait than a group may cost, tenants take turns (`waiting.rs`). Writes of a graph that is about to move are put aside
//! and tried again (`held_up.rs`); the others go on. What belongs to no graph, channels and identities for example, goes along
//! with the next group ([`Beside`]). A store over a network may be out of reach: then what waits behind the commit that is under
//! way is refused after a while (`out_of_reach.rs`).

mod held_up;
mod out_of_reach;
mod waiting;

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use epistemic_storage::{
    Durability, GraphStore, StoreError,
    backend::GroupLimits,
    graph::{Beside, FENCE_CHECK, GraphError, LONGEST_WAIT, Op, Outcome, Progress, Write},
};
use held_up::HeldUp;
use out_of_reach::{Done, Remote, Task};
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

/// What each part of a write costs that is made in parts.
const PART_COST: u64 = 1 << 20;
/// For less the thread does not go to sleep.
const SHORT: Duration = Duration::from_millis(1);

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

/// What comes to the thread.
#[expect(clippy::large_enum_variant, reason = "nearly all are writes, and a box for each would cost more")]
enum Arrival {
    Write(Job),
    Beside(Arc<dyn Beside>),
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
    arrivals: Arc<Sender<Arrival>>,
    queued: IntGauge,
}

/// How groups follow each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pacing {
    /// Time between the beginnings of two commits, unless a group is full.
    pub(crate) interval: Duration,
    /// How long writes wait for a store over a network that does not answer.
    pub(crate) deadline: Duration,
}

/// Starts the commit thread. From now on all that the store commits goes through it; once the last clone of the committer is
/// dropped it is committed as it comes.
pub(crate) fn start(
    graphs: Arc<GraphStore>,
    durability: Durability,
    Pacing { interval, deadline }: Pacing,
    dirty: Arc<Dirty>,
    metrics: Arc<Metrics>,
) -> std::io::Result<(Committer, JoinHandle<()>)> {
    let (arrivals, queue) = channel();
    let committer = Committer { arrivals: Arc::new(arrivals), queued: metrics.writes_queued() };
    // Not a clone: the store would keep the thread, and the thread the store.
    let arrivals = Arc::downgrade(&committer.arrivals);
    graphs.set_group_committer(Box::new(move |beside| match arrivals.upgrade() {
        Some(arrivals) => arrivals.send(Arrival::Beside(Arc::clone(&beside))).map_err(|_| beside),
        None => Err(beside),
    }));
    let limits = graphs.store().group_limits();
    let remote = graphs.store().reads_wait();
    let remote = remote.then(|| Remote::start(&graphs, durability, deadline)).transpose()?;
    let thread = std::thread::Builder::new().name("commit".into()).spawn(move || {
        let _guard = AbortOnPanic;
        Thread {
            graphs,
            durability,
            remote,
            limits,
            pace: Pace { interval, due: Instant::now() },
            dirty,
            waits: metrics.writes_waiting(),
            metrics,
            queue,
            held_up: HeldUp::new(LONGEST_WAIT),
            waiting: Waiting::new(limits),
            besides: Vec::new(),
        }
        .run();
    })?;
    Ok((committer, thread))
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
        let _ = self.arrivals.send(Arrival::Write(Job { write, waiter }));
        receiver
    }
}

/// What the commit thread works with.
struct Thread {
    graphs: Arc<GraphStore>,
    durability: Durability,
    /// Where groups are committed, if not here.
    remote: Option<Remote>,
    limits: GroupLimits,
    pace: Pace,
    dirty: Arc<Dirty>,
    metrics: Arc<Metrics>,
    /// How long writes waited for their group.
    waits: LocalHistogram,
    queue: Receiver<Arrival>,
    held_up: HeldUp,
    waiting: Waiting,
    besides: Vec<Arc<dyn Beside>>,
}

/// When the next commit may begin.
struct Pace {
    interval: Duration,
    due: Instant,
}

impl Thread {
    /// Until nobody can send writes any more.
    fn run(mut self) {
        let mut last_group = 0;
        loop {
            let begun = Instant::now();
            let mut first = begun;
            let mut group = Group::new(self.limits);
            self.held_up.release(&self.graphs, &mut group);
            if group.writes.is_empty() && self.waiting.is_empty() && self.besides.is_empty() {
                match self.first_arrival() {
                    Ok(arrival) => {
                        first = Instant::now();
                        self.take(arrival);
                    }
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            self.gather(begun, last_group);
            if !group.is_full() {
                for job in self.waiting.next_group(group.cost) {
                    self.held_up.pass(job, &mut group);
                }
            }
            last_group = group.writes.len();
            if last_group > 0 || !self.besides.is_empty() {
                self.pace.due = Instant::now() + self.pace.interval;
                self.commit(group, first);
            }
        }
    }

    fn take(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Write(job) => self.waiting.add(job),
            Arrival::Beside(beside) => self.besides.push(beside),
        }
    }

    /// Waits for something to do; not for long while writes are held up.
    fn first_arrival(&self) -> Result<Arrival, RecvTimeoutError> {
        if self.held_up.is_empty() {
            return self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        self.queue.recv_timeout(FENCE_CHECK)
    }

    /// Takes what is there. What comes a little later will do while fewer wait than were in the last group: writers that were
    /// answered together ask again together, and a commit without them would make them wait for another one. And what comes
    /// until the commit is due.
    fn gather(&mut self, begun: Instant, last_group: usize) {
        loop {
            match self.queue.try_recv() {
                Ok(arrival) => self.take(arrival),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    let left = self.wait_left(begun, last_group);
                    if left.is_zero() {
                        return;
                    }
                    if left < SHORT {
                        std::thread::yield_now();
                    } else if let Ok(arrival) = self.queue.recv_timeout(left) {
                        self.take(arrival);
                    }
                }
            }
        }
    }

    /// How long the group that is gathered since `begun` waits for more.
    fn wait_left(&self, begun: Instant, last_group: usize) -> Duration {
        let for_writers = match self.waiting.len() < last_group {
            true => self.limits.gather.saturating_sub(begun.elapsed()),
            false => Duration::ZERO,
        };
        if self.pace.interval.is_zero() || self.waiting.fill_a_group() {
            return for_writers;
        }
        for_writers.max(self.pace.due.saturating_duration_since(Instant::now()))
    }

    /// Commits a group that gathered since `first`.
    fn commit(&mut self, mut group: Group, first: Instant) {
        let begun = Instant::now();
        for waiter in &mut group.waiters {
            if waiter.begun.is_none() {
                waiter.begun = Some(begun);
                self.waits.observe((begun - waiter.queued).as_secs_f64());
            }
        }
        let log_before = self.graphs.store().log_time();
        let task = Task { group, besides: std::mem::take(&mut self.besides) };
        let Done { mut group, besides, results, written } = match self.remote.take() {
            None => task.run(&self.graphs, self.durability),
            Some(remote) => {
                // More may come to wait there while it is under way.
                let running = task.besides.clone();
                let done = remote.run(task, || self.refuse_waiting(remote.deadline, &running));
                self.remote = Some(remote);
                done
            }
        };
        let committed = Instant::now();
        // Others write to the log too, though seldom.
        let syncing = (self.graphs.store().log_time() - log_before).min(committed - begun);
        self.besides.extend(besides.into_iter().filter(|beside| beside.has_more()));
        for ((waiter, result), bytes) in group.waiters.iter_mut().zip(&results).zip(written) {
            if let (Some(charge), Ok(_)) = (&mut waiter.charge, result) {
                charge.wrote(bytes);
            }
        }
        if !group.writes.is_empty() {
            self.metrics.commit_group(group.writes.len());
        }
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

    /// Tells all who wait that the store is out of reach, those who come meanwhile too.
    fn refuse_waiting(&mut self, deadline: Duration, running: &[Arc<dyn Beside>]) {
        while let Ok(arrival) = self.queue.try_recv() {
            self.take(arrival);
        }
        let error = self.graphs.store().accepts_writes().err().unwrap_or_else(|| StoreError::Unreachable {
            detail: format!("a commit has waited for over {} s (--store-deadline)", deadline.as_secs()),
        });
        self.besides.drain(..).for_each(|beside| beside.refuse(&error));
        running.iter().for_each(|beside| beside.refuse(&error));
        let held_up = self.held_up.take_all();
        for Job { write, waiter } in held_up.into_iter().chain(self.waiting.take_all()) {
            self.graphs.abandon(write);
            waiter.answer(Err(error.clone().into()));
        }
    }
}

/// Writes that are committed together, and who waits for them.
struct Group {
    limits: GroupLimits,
    writes: Vec<Write>,
    waiters: Vec<Waiter>,
    cost: u64,
}

impl Group {
    fn new(limits: GroupLimits) -> Self {
        Self { limits, writes: Vec::new(), waiters: Vec::new(), cost: 0 }
    }

    fn push(&mut self, Job { write, waiter }: Job) {
        self.cost += waiting::cost(&write, &waiter);
        self.writes.push(write);
        self.waiters.push(waiter);
    }

    fn is_full(&self) -> bool {
        self.writes.len() >= self.limits.writes || self.cost >= self.limits.bytes
    }
}

#[cfg(test)]
fn not_counted() -> Counted {
    Counted(IntGauge::new("writes", "Of a test.").unwrap())
}

#[cfg(test)]
mod tests;
