//! Which graph moves next.
//!
//! The pair of shards that has least to do at the moment is served first, and of its graphs the biggest: what is left at
//! the end is small and keeps all workers busy.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::super::model::Move;
use crate::moves::Control;

/// A worker looks at least so often whether it has to stop.
const LOOK: Duration = Duration::from_millis(100);

/// A graph that a worker has in hand.
#[derive(Debug)]
pub(super) struct Next {
    /// Number of its move.
    pub(super) number: usize,
    /// Attempts that failed.
    pub(super) failures: u32,
    pair: (String, String),
}

/// Shared by the workers.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    ready: BTreeMap<(String, String), VecDeque<(usize, u32)>>,
    /// To be tried again, not before this time.
    later: Vec<(Instant, Next)>,
    /// Moves in hand at each shard.
    busy: HashMap<String, usize>,
    in_hand: usize,
}

impl Queue {
    /// Of these moves.
    pub(super) fn new<'m>(moves: impl Iterator<Item = (usize, &'m Move)>) -> Self {
        let mut moves: Vec<_> = moves.collect();
        moves.sort_by_key(|(number, graph)| (std::cmp::Reverse(graph.bytes.unwrap_or(0)), *number));
        let mut inner = Inner::default();
        for (number, graph) in moves {
            let pair = (graph.from.clone(), graph.to.clone());
            inner.ready.entry(pair).or_default().push_back((number, 0));
        }
        Self { inner: Mutex::new(inner), changed: Condvar::new() }
    }

    /// The next graph; waits while others may have to be tried again. None when all are done, or when the moves are stopped.
    pub(super) fn take(&self, control: &Control) -> Option<Next> {
        let mut inner = self.inner.lock();
        loop {
            if control.is_stopped() || (inner.in_hand == 0 && inner.is_empty()) {
                return None;
            }
            if let Some(next) = inner.take() {
                return Some(next);
            }
            self.changed.wait_for(&mut inner, LOOK);
        }
    }

    /// Puts a graph back that [`Queue::take`] gave: done with, or to be tried again after a while.
    pub(super) fn put_back(&self, next: Next, again: Option<Duration>) {
        let mut inner = self.inner.lock();
        inner.in_hand -= 1;
        for shard in [&next.pair.0, &next.pair.1] {
            if let Some(busy) = inner.busy.get_mut(shard) {
                *busy -= 1;
            }
        }
        if let Some(delay) = again {
            let next = Next { failures: next.failures + 1, ..next };
            inner.later.push((Instant::now() + delay, next));
        }
        self.changed.notify_all();
    }
}

impl Inner {
    fn is_empty(&self) -> bool {
        self.later.is_empty() && self.ready.values().all(VecDeque::is_empty)
    }

    fn take(&mut self) -> Option<Next> {
        let now = Instant::now();
        let due = self.later.iter().position(|(at, _)| *at <= now);
        let next = match due {
            Some(due) => self.later.swap_remove(due).1,
            None => {
                let busy = |shard: &String| self.busy.get(shard).copied().unwrap_or(0);
                let load = |(from, to): &(String, String)| (busy(from).max(busy(to)), busy(from) + busy(to));
                let waiting = self.ready.iter().filter(|(_, graphs)| !graphs.is_empty());
                let pair = waiting.min_by_key(|(pair, _)| load(pair)).map(|(pair, _)| pair.clone())?;
                let (number, failures) = self.ready.get_mut(&pair)?.pop_front()?;
                Next { number, failures, pair }
            }
        };
        for shard in [&next.pair.0, &next.pair.1] {
            *self.busy.entry(shard.clone()).or_default() += 1;
        }
        self.in_hand += 1;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(from: &str, to: &str, bytes: u64) -> Move {
        let text = str::to_owned;
        Move {
            graph: format!("{from}{to}{bytes}"),
            from: text(from),
            to: text(to),
            nodes: 0,
            edges: 0,
            sequence: 1,
            bytes: Some(bytes),
            misplaced: None,
        }
    }

    #[test]
    fn the_idle_pair_is_served_first_and_its_biggest_graph() {
        let moves = [graph("a", "d", 1), graph("a", "d", 9), graph("b", "d", 5), graph("b", "c", 1)];
        let (queue, control) = (Queue::new(moves.iter().enumerate()), Control::new(None));
        let first = queue.take(&control).unwrap();
        assert_eq!(first.number, 1, "the biggest of the first pair");
        assert_eq!(queue.take(&control).unwrap().number, 3, "nothing else moves between b and c");
        queue.put_back(first, Some(Duration::ZERO));
        let again = queue.take(&control).unwrap();
        assert_eq!((again.number, again.failures), (1, 1), "what failed comes again");
    }

    #[test]
    fn workers_end_when_all_is_done_or_stopped() {
        let moves = [graph("a", "b", 1), graph("a", "b", 2)];
        let (queue, control) = (Queue::new(moves.iter().enumerate()), Control::new(None));
        for _ in 0..2 {
            let next = queue.take(&control).unwrap();
            queue.put_back(next, None);
        }
        assert!(queue.take(&control).is_none());
        let queue = Queue::new(moves.iter().enumerate());
        control.stop();
        assert!(queue.take(&control).is_none());
    }
}
