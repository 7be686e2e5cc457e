//! Writes of graphs that are about to move.
//!
//! A move stops the writes of its graph for some milliseconds, and no client of the reference tries again what is refused
//! then. So they wait here, beside the other graphs: each graph's in the order of their arrival, none before one that
//! came earlier, and no longer than a given time. They keep their places in `admission.rs`, which bounds them. When the
//! fence falls they are done, or told where the graph is now.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use epistemic_storage::{
    GraphStore,
    graph::{GraphError, Op, Outcome},
};

use super::{Group, Job, Reply};

pub(super) struct HeldUp {
    graphs: HashMap<Arc<str>, VecDeque<Job>>,
    longest: Duration,
}

impl HeldUp {
    /// Nothing waits for longer than this.
    pub(super) fn new(longest: Duration) -> Self {
        Self { graphs: HashMap::new(), longest }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.graphs.is_empty()
    }

    /// Puts a write into the group, or behind those of its graph that wait. Steps of moves wait for nothing.
    pub(super) fn pass(&mut self, mut job: Job, group: &mut Group) {
        match self.graphs.get_mut(&job.write.graph) {
            Some(before) if !is_step(&job) => {
                job.waiter.until = Some(Instant::now() + self.longest);
                before.push_back(job);
            }
            Some(_) | None => group.push(job),
        }
    }

    /// Puts writes whose graph is not about to move any more into the group, as far as it has room, and refuses those
    /// that have waited long enough.
    pub(super) fn release(&mut self, graphs: &GraphStore, group: &mut Group) {
        let now = Instant::now();
        self.graphs.retain(|name, jobs| {
            match graphs.held_up(name) {
                None => {
                    while !group.is_full()
                        && let Some(job) = jobs.pop_front()
                    {
                        group.push(job);
                    }
                }
                Some(moving) => {
                    while let Some(job) = jobs.pop_front_if(|job| job.waiter.until <= Some(now)) {
                        refuse(graphs, job, moving.clone());
                    }
                }
            }
            !jobs.is_empty()
        });
    }

    /// Answers the writes of a group, but for those that met a fence, which wait, and those that are not done: it returns
    /// these, in their order, unless others of their graph wait here, before which they come.
    pub(super) fn answer(
        &mut self,
        graphs: &GraphStore,
        results: impl Iterator<Item = (Job, Reply)>,
    ) -> Vec<Job> {
        let now = Instant::now();
        let (mut waiting, mut unfinished) = (Vec::new(), Vec::new());
        for (mut job, result) in results {
            match result {
                Err(moving @ GraphError::Moving { .. }) if !is_step(&job) => {
                    if *job.waiter.until.get_or_insert(now + self.longest) <= now {
                        refuse(graphs, job, moving);
                    } else {
                        waiting.push(job);
                    }
                }
                Ok(Outcome::Unfinished(reached)) => {
                    job.waiter.reached = *reached;
                    if self.graphs.contains_key(&job.write.graph) {
                        job.waiter.until = Some(now + self.longest);
                        waiting.push(job);
                    } else {
                        unfinished.push(job);
                    }
                }
                result => job.waiter.answer(result),
            }
        }
        // They came before those that wait already: the group had none of such a graph but the oldest.
        for job in waiting.into_iter().rev() {
            self.graphs.entry(Arc::clone(&job.write.graph)).or_default().push_front(job);
        }
        unfinished
    }
}

impl HeldUp {
    /// All of them, each graph's in their order.
    pub(super) fn take_all(&mut self) -> Vec<Job> {
        self.graphs.drain().flat_map(|(_, jobs)| jobs).collect()
    }
}

fn is_step(job: &Job) -> bool {
    matches!(job.write.op, Op::Move(_))
}

fn refuse(graphs: &GraphStore, job: Job, moving: GraphError) {
    graphs.abandon(job.write);
    job.waiter.answer(Err(moving));
}

#[cfg(test)]
mod tests;
