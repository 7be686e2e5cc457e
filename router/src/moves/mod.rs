//! Graphs that are being moved, or were.
//!
//! [`way`] is what a call does about them: [`backoff`] is how long it waits for a moment to pass, [`trail`] how far it goes
//! from shard to shard. [`places`] is what was learned on the way. Why a moved graph is an error by default:
//! `docs/errors/moved.md`.

mod backoff;
mod counts;
mod places;
mod trail;
mod way;

pub use counts::MoveCounts;
pub(crate) use way::Way;

/// What the clones of a router know of moves.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    pub(crate) places: places::Places,
    pub(crate) counters: counts::Counters,
}
