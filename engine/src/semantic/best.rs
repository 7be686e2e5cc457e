//! The few best of many.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use super::Match;

/// At most `capacity` matches, the best of all that were offered: highest score first, of equal ones the lowest id.
pub(super) struct Best<I> {
    capacity: usize,
    /// The worst is on top.
    heap: BinaryHeap<Reverse<Ranked<I>>>,
}

struct Ranked<I>(Match<I>);

impl<I: Ord> Best<I> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, heap: BinaryHeap::new() }
    }

    /// Takes a match that is among the best so far; `id` is asked for only then.
    pub(super) fn offer(&mut self, score: f32, id: impl FnOnce() -> I) {
        if self.heap.len() < self.capacity {
            self.heap.push(Reverse(Ranked(Match { id: id(), score })));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && score >= worst.0.0.score
        {
            let new = Ranked(Match { id: id(), score });
            if new > worst.0 {
                *worst = Reverse(new);
            }
        }
    }

    /// The best of both.
    pub(super) fn merge(mut self, other: Self) -> Self {
        for Reverse(Ranked(found)) in other.heap {
            self.offer(found.score, || found.id);
        }
        self
    }

    /// In no order.
    pub(super) fn into_matches(self) -> Vec<Match<I>> {
        self.heap.into_iter().map(|Reverse(Ranked(found))| found).collect()
    }
}

/// Puts the best first.
pub(super) fn sort<I: Ord>(matches: &mut [Match<I>]) {
    matches.sort_unstable_by(|a, b| compare(b, a));
}

/// The better one is greater. Scores are numbers.
fn compare<I: Ord>(a: &Match<I>, b: &Match<I>) -> Ordering {
    a.score.partial_cmp(&b.score).unwrap_or(Ordering::Equal).then_with(|| b.id.cmp(&a.id))
}

impl<I: Ord> Ord for Ranked<I> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl<I: Ord> PartialOrd for Ranked<I> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<I: Ord> PartialEq for Ranked<I> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<I: Ord> Eq for Ranked<I> {}
