//! The threads that computations run on, beside the threads that serve connections.
//!
//! They have a lower priority, so that point reads of other tenants keep their latency while algorithms use what is
//! left of the cores. Graphs take turns, and one graph uses at most a quarter of the threads, or two, at a time. There are twice
//! as many threads as cores: long computations of a few graphs share the cores with the short ones of others instead of
//! keeping them waiting.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use epistemic_storage::StoreError;
use parking_lot::{Condvar, Mutex};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::analytics::{Cancel, Cancelled};

/// Niceness of the threads: a tenth of the weight of a normal one.
const NICENESS: i32 = 10;

/// A scan of the store ends when nobody waits for what is made of it.
impl From<Cancelled> for StoreError {
    fn from(_: Cancelled) -> Self {
        StoreError::Stopped
    }
}

/// Runs computations: each graph's in the order of their arrival, the graphs in turn.
pub(crate) struct ComputePool {
    queue: Arc<Queue>,
    parallel: Mutex<ThreadPool>,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

struct Job {
    cancel: Cancel,
    work: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
struct Jobs {
    /// Graphs with jobs, the one whose turn is next first.
    waiting: VecDeque<(Arc<str>, VecDeque<Job>)>,
    running: Vec<Arc<str>>,
    share: usize,
    closed: bool,
}

impl Jobs {
    fn add(&mut self, graph: &Arc<str>, job: Job) {
        match self.waiting.iter_mut().find(|(other, _)| other == graph) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.waiting.push_back((Arc::clone(graph), VecDeque::from([job]))),
        }
    }

    /// The oldest job of the first graph that has not its share of threads. The graph's next turn comes after the others'.
    fn take(&mut self) -> Option<(Arc<str>, Job)> {
        let running = &self.running;
        let free = |graph: &Arc<str>| running.iter().filter(|other| *other == graph).count() < self.share;
        let index = self.waiting.iter().position(|(graph, _)| free(graph))?;
        let (graph, mut jobs) = self.waiting.remove(index)?;
        let job = jobs.pop_front()?;
        if !jobs.is_empty() {
            self.waiting.push_back((Arc::clone(&graph), jobs));
        }
        self.running.push(Arc::clone(&graph));
        Some((graph, job))
    }

    fn done(&mut self, graph: &Arc<str>) {
        if let Some(index) = self.running.iter().position(|running| running == graph) {
            self.running.swap_remove(index);
        }
    }

    fn take_cancelled(&mut self) -> Vec<Job> {
        let mut cancelled = Vec::new();
        for (_, jobs) in &mut self.waiting {
            let (gone, kept): (Vec<_>, Vec<_>) = jobs.drain(..).partition(|job| job.cancel.check().is_err());
            cancelled.extend(gone);
            *jobs = kept.into();
        }
        self.waiting.retain(|(_, jobs)| !jobs.is_empty());
        cancelled
    }
}

impl ComputePool {
    /// Starts the threads for a machine with so many cores, and as many as it has cores for parallel parts.
    pub(crate) fn start(cores: usize) -> anyhow::Result<Self> {
        let threads = (2 * cores).max(4);
        Self::with_threads(threads, (threads / 4).max(2), cores)
    }

    /// One graph uses at most `share` of the `threads`.
    fn with_threads(threads: usize, share: usize, parallel: usize) -> anyhow::Result<Self> {
        let queue = Arc::new(Queue::default());
        queue.jobs.lock().share = share;
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name(format!("compute-{number}")).spawn(move || run(&queue))?;
        }
        let parallel = ThreadPoolBuilder::new()
            .num_threads(parallel)
            .thread_name(|number| format!("parallel-{number}"))
            .start_handler(|_| lower_priority())
            .build()?;
        Ok(Self { queue, parallel: Mutex::new(parallel) })
    }

    /// Queues a computation on behalf of `graph`. It is dropped instead of run when [`ComputePool::discard_cancelled`]
    /// finds it cancelled.
    pub(crate) fn submit(&self, graph: &Arc<str>, cancel: &Cancel, work: impl FnOnce() + Send + 'static) {
        let job = Job { cancel: cancel.clone(), work: Box::new(work) };
        self.queue.jobs.lock().add(graph, job);
        self.queue.changed.notify_one();
    }

    /// Drops waiting computations that were cancelled: what they hold must not pile up behind a long one.
    pub(crate) fn discard_cancelled(&self) {
        let cancelled = self.queue.jobs.lock().take_cancelled();
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

    /// Computations that run and that wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let jobs = self.queue.jobs.lock();
        (jobs.running.len(), jobs.waiting.iter().map(|(_, jobs)| jobs.len()).sum())
    }
}

impl Drop for ComputePool {
    fn drop(&mut self) {
        self.queue.jobs.lock().closed = true;
        self.queue.changed.notify_all();
    }
}

fn run(queue: &Queue) {
    lower_priority();
    let _alone =
        alone().inspect_err(|error| tracing::error!(%error, "a compute thread without its own pool"));
    let mut jobs = queue.jobs.lock();
    loop {
        if let Some((graph, job)) = jobs.take() {
            drop(jobs);
            if catch_unwind(AssertUnwindSafe(job.work)).is_err() {
                tracing::error!(%graph, "a computation panicked");
            }
            jobs = queue.jobs.lock();
            jobs.done(&graph);
            // A job of the same graph may have waited for its share.
            queue.changed.notify_one();
        } else if jobs.closed {
            return;
        } else {
            queue.changed.wait(&mut jobs);
        }
    }
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
mod tests {
    use std::sync::mpsc;

    use rayon::prelude::*;

    use super::*;

    fn names() -> [Arc<str>; 3] {
        ["a", "b", "c"].map(Arc::from)
    }

    /// Queues a job that ends when the sender is used or dropped.
    fn block(pool: &ComputePool, graph: &Arc<str>) -> mpsc::Sender<()> {
        let (release, gate) = mpsc::channel();
        let (begun, running) = mpsc::channel();
        pool.submit(graph, &Cancel::default(), move || {
            begun.send(()).unwrap();
            let _ = gate.recv();
        });
        running.recv().unwrap();
        release
    }

    #[test]
    fn one_graph_leaves_threads_to_the_others() {
        let pool = ComputePool::with_threads(2, 1, 2).unwrap();
        let [a, b, _] = names();
        let release = block(&pool, &a);
        let (done, finished) = mpsc::channel();
        for graph in [&a, &b] {
            let (graph, done) = (Arc::clone(graph), done.clone());
            pool.submit(&Arc::clone(&graph), &Cancel::default(), move || done.send(graph).unwrap());
        }
        assert_eq!(finished.recv().unwrap(), b, "the first job of `a` still runs");
        drop(release);
        assert_eq!(finished.recv().unwrap(), a);
    }

    #[test]
    fn graphs_take_turns() {
        let pool = ComputePool::with_threads(1, 1, 1).unwrap();
        let [a, b, c] = names();
        let release = block(&pool, &a);
        let (done, finished) = mpsc::channel();
        for (number, graph) in [&a, &a, &b, &b, &c].into_iter().enumerate() {
            let done = done.clone();
            pool.submit(graph, &Cancel::default(), move || done.send(number).unwrap());
        }
        drop((release, done));
        assert_eq!(finished.iter().collect::<Vec<_>>(), [0, 2, 4, 1, 3]);
    }

    #[test]
    fn cancelled_jobs_are_dropped_and_the_others_stay() {
        let pool = ComputePool::with_threads(1, 1, 1).unwrap();
        let [a, b, _] = names();
        let release = block(&pool, &a);
        let (done, finished) = mpsc::channel();
        let cancels = [(&a, 0), (&b, 1), (&a, 2)].map(|(graph, number)| {
            let (cancel, done) = (Cancel::default(), done.clone());
            pool.submit(graph, &cancel, move || done.send(number).unwrap());
            cancel
        });
        assert_eq!(pool.load(), (1, 3));
        cancels[..2].iter().for_each(Cancel::cancel);
        pool.discard_cancelled();
        assert_eq!(pool.load(), (1, 1));
        drop((release, done));
        assert_eq!(finished.iter().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn parallel_parts_do_not_wait_for_each_other() {
        let pool = Arc::new(ComputePool::with_threads(2, 1, 2).unwrap());
        let [a, b, _] = names();
        let (release, gate) = mpsc::channel::<()>();
        let (begun, running) = mpsc::channel();
        let first = Arc::clone(&pool);
        pool.submit(&a, &Cancel::default(), move || {
            first.parallel(move || {
                begun.send(()).unwrap();
                let _ = gate.recv();
            });
        });
        running.recv().unwrap();
        let (done, finished) = mpsc::channel();
        let second = Arc::clone(&pool);
        pool.submit(&b, &Cancel::default(), move || {
            let threads = second.parallel(rayon::current_num_threads);
            let sum = second.parallel(|| (0..1_000_000_u64).into_par_iter().sum::<u64>());
            done.send((threads, sum)).unwrap();
        });
        assert_eq!(finished.recv().unwrap(), (1, 499_999_500_000));
        drop(release);
    }

    #[test]
    fn a_panic_does_not_cost_a_thread() {
        let pool = ComputePool::with_threads(1, 1, 1).unwrap();
        let [a, ..] = names();
        let (done, finished) = mpsc::channel();
        pool.submit(&a, &Cancel::default(), || panic!("on purpose"));
        pool.submit(&a, &Cancel::default(), move || done.send(1).unwrap());
        assert_eq!(finished.recv().unwrap(), 1);
    }
}
