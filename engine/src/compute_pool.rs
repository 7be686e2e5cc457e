//! Threads for work that takes long, beside the threads that serve connections: one pool for computations, one for reads of
//! whole graphs.
//!
//! They have a lower priority, so that point reads of other tenants keep their latency while others use what is left of the
//! cores. Tenants take turns, and within a tenant its graphs; one graph has at most a quarter of the threads, or two, and one
//! tenant half of them. Work that runs for over [`LONG`] gives its place up to others: its thread goes on with the least
//! priority, beside a new one in its place. So short work gets a thread also while others compute for minutes. At its
//! deadline work is told to end.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use rustix::process::Pid;

use crate::{account::Account, analytics::Cancel, fair_queue::FairQueue};

/// Niceness of the threads: a tenth of the weight of a normal one.
const NICENESS: i32 = 10;
/// That of threads with long computations: a third of the weight of the others.
const LEAST: i32 = 15;
/// Work that has run for so long is long.
const LONG: Duration = Duration::from_millis(500);
/// How often running work is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Runs work: each graph's in the order of its arrival, tenants and their graphs in turn.
pub(crate) struct ComputePool {
    queue: Arc<Queue>,
    parallel: Mutex<ThreadPool>,
}

/// How many threads there are, and who may have how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// Threads for work that is not long.
    pub(crate) threads: usize,
    /// Pieces of work of one graph that run at a time.
    pub(crate) graph: usize,
    /// Pieces of work of one tenant that run at a time and are not long.
    pub(crate) tenant: usize,
    /// Pieces of long work at a time; of one tenant half of them.
    pub(crate) long: usize,
    /// Niceness of threads with long work.
    pub(crate) long_niceness: i32,
}

impl Shares {
    /// For reads, which wait for the disk now and then.
    pub(crate) fn of_reads(cores: usize) -> Self {
        let threads = (4 * cores).max(8);
        // What a read may bring is bounded, so it ends by itself.
        Self { threads, graph: threads / 2, tenant: threads / 4 * 3, long: threads, long_niceness: NICENESS }
    }

    /// For reads of a store over a network: they wait nearly all of the time, so there are many whatever the cores.
    pub(crate) fn of_waiting_reads() -> Self {
        Self { threads: 64, graph: 32, tenant: 48, long: 64, long_niceness: NICENESS }
    }

    /// For a machine with so many cores.
    pub(crate) fn of(cores: usize) -> Self {
        let threads = (2 * cores).max(4);
        Self {
            threads,
            graph: (threads / 4).max(2),
            tenant: (threads / 2).max(2),
            long: (4 * threads).max(16),
            long_niceness: LEAST,
        }
    }
}

struct Queue {
    name: &'static str,
    jobs: Mutex<Jobs>,
    changed: Condvar,
    deadline: Option<Duration>,
}

struct Job {
    cancel: Cancel,
    work: Box<dyn FnOnce() + Send>,
}

struct Running {
    number: u64,
    account: Account,
    cancel: Cancel,
    begun: Instant,
    thread: Option<Pid>,
    long: bool,
}

struct Jobs {
    waiting: FairQueue<Job>,
    running: Vec<Running>,
    shares: Shares,
    next: u64,
    closed: bool,
}

impl Jobs {
    /// The next job of those who have not their share of threads. Its place is taken under the number.
    fn take(&mut self, thread: Option<Pid>) -> Option<(u64, Account, Job)> {
        let Self { waiting, running, shares, next, .. } = self;
        let free = |account: &Account| {
            let of_graph = running.iter().filter(|other| other.account.graph == account.graph).count();
            let of_tenant =
                running.iter().filter(|other| !other.long && other.account.tenant == account.tenant).count();
            of_graph < shares.graph && of_tenant < shares.tenant
        };
        let (account, _, job) = waiting.pop(None, free)?;
        *next += 1;
        let (number, cancel, begun) = (*next, job.cancel.clone(), Instant::now());
        running.push(Running { number, account: account.clone(), cancel, begun, thread, long: false });
        Some((number, account, job))
    }

    /// Gives the place up; whether the work was long.
    fn done(&mut self, number: u64) -> bool {
        let index = self.running.iter().position(|running| running.number == number);
        index.is_some_and(|index| self.running.swap_remove(index).long)
    }

    /// Ends what is overdue, and tells the threads of work that has become long.
    fn look(&mut self, deadline: Option<Duration>) -> Vec<Option<Pid>> {
        let mut slowed = Vec::new();
        for index in 0..self.running.len() {
            let running = &self.running[index];
            let age = running.begun.elapsed();
            if deadline.is_some_and(|deadline| age >= deadline) && !running.account.is_own() {
                running.cancel.expire();
            }
            let long = || self.running.iter().filter(|other| other.long);
            let of_tenant = long().filter(|other| other.account.tenant == running.account.tenant).count();
            if !running.long
                && age >= LONG
                && long().count() < self.shares.long
                && of_tenant < self.shares.long / 2
            {
                slowed.push(running.thread);
                self.running[index].long = true;
            }
        }
        slowed
    }
}

impl ComputePool {
    /// Starts the threads, and as many as there are cores for parallel parts. Work is told to end after `deadline`.
    pub(crate) fn start(
        name: &'static str,
        shares: Shares,
        cores: usize,
        deadline: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let jobs =
            Jobs { waiting: FairQueue::default(), running: Vec::new(), shares, next: 0, closed: false };
        let queue = Arc::new(Queue { name, jobs: Mutex::new(jobs), changed: Condvar::new(), deadline });
        for _ in 0..shares.threads {
            start_thread(&queue)?;
        }
        let watched = Arc::downgrade(&queue);
        std::thread::Builder::new().name(format!("{name}-watch")).spawn(move || watch(&watched))?;
        let parallel = ThreadPoolBuilder::new()
            .num_threads(cores)
            .thread_name(|number| format!("parallel-{number}"))
            .start_handler(|_| lower_priority())
            .build()?;
        Ok(Self { queue, parallel: Mutex::new(parallel) })
    }

    /// Queues work on an account. It is dropped instead of run when [`ComputePool::discard_cancelled`] finds it cancelled.
    pub(crate) fn submit(&self, account: &Account, cancel: &Cancel, work: impl FnOnce() + Send + 'static) {
        let job = Job { cancel: cancel.clone(), work: Box::new(work) };
        self.queue.jobs.lock().waiting.push(account, 1, job);
        self.queue.changed.notify_one();
    }

    /// Drops waiting work that was cancelled: what it holds must not pile up behind a long one.
    pub(crate) fn discard_cancelled(&self) {
        let mut jobs = self.queue.jobs.lock();
        if jobs.waiting.is_empty() {
            return;
        }
        let cancelled = jobs.waiting.extract(|job| job.cancel.check().is_err());
        drop(jobs);
        // Outside of the lock: anything may hang on them.
        drop(cancelled);
    }

    /// Runs the parallel part of a computation, for which it must be on one of the pool's threads. One computation at a
    /// time has the threads for such parts: shared by two, the end of the shorter one would wait for the longer one's.
    /// Others go on with the thread they have.
    pub(crate) fn parallel<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self.parallel.try_lock() {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Pieces of work that run and that wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let jobs = self.queue.jobs.lock();
        (jobs.running.len(), jobs.waiting.len())
    }
}

impl Drop for ComputePool {
    fn drop(&mut self) {
        self.queue.jobs.lock().closed = true;
        self.queue.changed.notify_all();
    }
}

fn start_thread(queue: &Arc<Queue>) -> std::io::Result<()> {
    let own = Arc::clone(queue);
    std::thread::Builder::new().name(queue.name.into()).spawn(move || run(&own)).map(drop)
}

fn run(queue: &Queue) {
    lower_priority();
    let _alone =
        alone().inspect_err(|error| tracing::error!(%error, "a compute thread without its own pool"));
    let thread = own_id();
    let mut jobs = queue.jobs.lock();
    loop {
        if let Some((number, account, job)) = jobs.take(thread) {
            drop(jobs);
            if catch_unwind(AssertUnwindSafe(job.work)).is_err() {
                tracing::error!(graph = %account.graph, "a computation panicked");
            }
            jobs = queue.jobs.lock();
            let long = jobs.done(number);
            // A job of the same account may have waited for its share.
            queue.changed.notify_one();
            if long {
                // Another thread has its place, and it cannot get its priority back.
                return;
            }
        } else if jobs.closed {
            return;
        } else {
            queue.changed.wait(&mut jobs);
        }
    }
}

/// Looks after the work that runs, until the pool is gone.
fn watch(watched: &Weak<Queue>) {
    let mut missing = 0;
    loop {
        std::thread::park_timeout(LOOK);
        let Some(queue) = watched.upgrade() else { return };
        let mut jobs = queue.jobs.lock();
        if jobs.closed {
            return;
        }
        let slowed = jobs.look(queue.deadline);
        let niceness = jobs.shares.long_niceness;
        drop(jobs);
        missing += slowed.len();
        for thread in slowed.into_iter().flatten() {
            if let Err(error) = rustix::process::setpriority_process(Some(thread), niceness) {
                tracing::debug!(%error, "cannot lower the priority of long work");
            }
        }
        while missing > 0 {
            match start_thread(&queue) {
                Ok(()) => missing -= 1,
                Err(error) => {
                    tracing::debug!(%error, pool = queue.name, "no thread beside long work yet");
                    break;
                }
            }
        }
    }
}

/// The calling thread as the system names it, where it tells.
fn own_id() -> Option<Pid> {
    let own = fs_err::read_link("/proc/thread-self").ok()?;
    Pid::from_raw(own.file_name()?.to_str()?.parse().ok()?)
}

/// Makes parallel iterators on the calling thread run there, instead of on rayon's global threads.
fn alone() -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new().num_threads(1).use_current_thread().build()
}

fn lower_priority() {
    // Acts on the calling thread only on Linux.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "cannot lower the priority of a compute thread");
    }
}

#[cfg(test)]
mod tests;
