//! How many moves are seen to go on.

use super::super::model::Move;
use crate::moves::Step;

/// Sees the moves of a run go on, from several threads.
pub trait Progress: Sync {
    /// A worker takes a graph in hand.
    fn begin(&self, graph: &Move);
    /// A step of its move.
    fn step(&self, graph: &str, step: &Step);
    /// Bytes of its copy so far.
    fn copied(&self, graph: &str, bytes: u64);
    /// The worker is done with it, for now or for good; `error` is why it did not move, `again` whether it is tried again.
    fn end(&self, graph: &Move, error: Option<&str>, again: bool);
    /// Called a few times a second.
    fn tick(&self, paused: bool);
}

/// Makes the progress of a run over some moves.
pub type NewProgress<'p> = dyn Fn(&[&Move]) -> Box<dyn Progress> + 'p;

/// Nobody looks.
pub struct Unseen;

impl Progress for Unseen {
    fn begin(&self, _: &Move) {}
    fn step(&self, _: &str, _: &Step) {}
    fn copied(&self, _: &str, _: u64) {}
    fn end(&self, _: &Move, _: Option<&str>, _: bool) {}
    fn tick(&self, _: bool) {}
}
