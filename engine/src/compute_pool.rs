//! The threads that computations run on, beside the threads that serve connections.
//!
//! They have a lower priority, so that point reads of other tenants keep their latency while algorithms use what is
//! left of the cores. One graph uses at most half of them at a time.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use parking_lot::{Condvar, Mutex};

/// Niceness of the threads: a tenth of the weight of a normal one.
const NICENESS: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// Runs computations in the order of their arrival, as far as the share of their graph allows.
pub(crate) struct ComputePool {
    queue: Arc<Queue>,
    parallel: Arc<rayon::ThreadPool>,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<(Arc<str>, Work)>,
    running: Vec<Arc<str>>,
    share: usize,
    closed: bool,
}

impl Jobs {
    /// The oldest job whose graph has not its share of threads.
    fn take(&mut self) -> Option<(Arc<str>, Work)> {
        let running = &self.running;
        let free = |graph: &Arc<str>| running.iter().filter(|other| *other == graph).count() < self.share;
        let index = self.waiting.iter().position(|(graph, _)| free(graph))?;
        let (graph, work) = self.waiting.remove(index)?;
        self.running.push(Arc::clone(&graph));
        Some((graph, work))
    }

    fn done(&mut self, graph: &Arc<str>) {
        if let Some(index) = self.running.iter().position(|running| running == graph) {
            self.running.swap_remove(index);
        }
    }
}

impl ComputePool {
    /// Starts `threads` threads for computations, and as many for their parallel parts.
    pub(crate) fn start(threads: usize) -> anyhow::Result<Self> {
        let queue = Arc::new(Queue::default());
        queue.jobs.lock().share = threads.div_ceil(2);
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name(format!("compute-{number}")).spawn(move || run(&queue))?;
        }
        let parallel = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("parallel-{number}"))
            .start_handler(|_| lower_priority())
            .build()?;
        Ok(Self { queue, parallel: Arc::new(parallel) })
    }

    /// Queues a computation on behalf of `graph`. It runs inside the pool for parallel parts only when it asks for it
    /// with [`rayon::ThreadPool::install`] on [`ComputePool::parallel`].
    pub(crate) fn submit(&self, graph: &Arc<str>, work: impl FnOnce() + Send + 'static) {
        self.queue.jobs.lock().waiting.push_back((Arc::clone(graph), Box::new(work)));
        self.queue.changed.notify_one();
    }

    /// The threads for parallel parts.
    pub(crate) fn parallel(&self) -> &rayon::ThreadPool {
        &self.parallel
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
    let mut jobs = queue.jobs.lock();
    loop {
        if let Some((graph, work)) = jobs.take() {
            drop(jobs);
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
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

fn lower_priority() {
    // Acts on the calling thread only on Linux.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "cannot lower the priority of a compute thread");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn one_graph_leaves_threads_to_the_others() {
        let pool = ComputePool::start(2).unwrap();
        let (a, b) = (Arc::<str>::from("a"), Arc::<str>::from("b"));
        let (release, gate) = mpsc::channel::<()>();
        let (done, finished) = mpsc::channel();
        pool.submit(&a, move || gate.recv().unwrap());
        for graph in [&a, &b] {
            let (graph, done) = (Arc::clone(graph), done.clone());
            pool.submit(&Arc::clone(&graph), move || done.send(graph).unwrap());
        }
        assert_eq!(finished.recv().unwrap(), b, "the first job of `a` still runs");
        release.send(()).unwrap();
        assert_eq!(finished.recv().unwrap(), a);
    }

    #[test]
    fn a_panic_does_not_cost_a_thread() {
        let pool = ComputePool::start(1).unwrap();
        let (done, finished) = mpsc::channel();
        pool.submit(&"a".into(), || panic!("on purpose"));
        pool.submit(&"a".into(), move || done.send(1).unwrap());
        assert_eq!(finished.recv().unwrap(), 1);
    }
}
