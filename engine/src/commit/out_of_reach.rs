//! Commits of a store over a network: on a thread beside the commit thread, which refuses what waits behind a commit that takes
//! too long. The one that is under way waits on, since it may be made already: it is answered once the store is.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use epistemic_storage::{Durability, GraphStore, graph::Beside};

use super::{AbortOnPanic, Group, Reply};

/// How often those are refused who come while a commit is overdue.
const LOOK: Duration = Duration::from_millis(50);

/// What is to be committed.
pub(super) struct Task {
    pub(super) group: Group,
    pub(super) besides: Vec<Arc<dyn Beside>>,
}

/// What came of it.
pub(super) struct Done {
    pub(super) group: Group,
    pub(super) besides: Vec<Arc<dyn Beside>>,
    pub(super) results: Vec<Reply>,
    pub(super) written: Vec<u64>,
}

impl Task {
    /// Blocks.
    pub(super) fn run(self, graphs: &GraphStore, durability: Durability) -> Done {
        let Self { group, besides } = self;
        let reached: Vec<_> = group.waiters.iter().map(|waiter| waiter.reached.clone()).collect();
        let (results, written) = graphs.commit_with(&group.writes, &reached, &besides, durability);
        Done { group, besides, results, written }
    }
}

/// The thread that commits; it ends with this.
pub(super) struct Remote {
    pub(super) deadline: Duration,
    tasks: Sender<Task>,
    done: Receiver<Done>,
}

impl Remote {
    pub(super) fn start(
        graphs: &Arc<GraphStore>,
        durability: Durability,
        deadline: Duration,
    ) -> io::Result<Self> {
        let ((tasks, queue), (results, done)) = (channel::<Task>(), channel());
        let graphs = Arc::clone(graphs);
        std::thread::Builder::new().name("commit-store".into()).spawn(move || {
            let _guard = AbortOnPanic;
            for task in queue {
                // The commit thread waits for it.
                let _ = results.send(task.run(&graphs, durability));
            }
        })?;
        Ok(Self { deadline, tasks, done })
    }

    /// Waits for the end of the task, however long that takes; calls `overdue` now and then once it takes too long.
    pub(super) fn run(&self, task: Task, mut overdue: impl FnMut()) -> Done {
        // The other thread ends after this one only.
        let _ = self.tasks.send(task);
        let mut patience = self.deadline;
        loop {
            match self.done.recv_timeout(patience) {
                Ok(done) => return done,
                Err(RecvTimeoutError::Timeout) => {
                    overdue();
                    patience = LOOK;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    unreachable!("a panic of that thread ends the process")
                }
            }
        }
    }
}
