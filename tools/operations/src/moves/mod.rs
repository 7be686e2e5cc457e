//! Moving a graph from one place to another without losing a write (docs/decisions/0019-moves.md, 0021-moves-by-proof.md).
//!
//! The places are those of [`crate::hosts`].
//!
//! * `mover`: one move up to the handover, from whatever state the two places are in; `drain`: the handover; `settle`: what
//!   follows it; `compare`: what must be equal; `timing`: limits and waits.
//! * `abort`: giving a move up; `gone`: ending one whose other place is gone for good; `find`: which one has begun.
//! * `journal`: what was done and agreed upon, on disk; `receipt`: the proof of a finished move.
//! * `control`: pace, pause and stop; `error`: why it does not go on; `explorer`: every order of faults, for tests.

mod abort;
mod compare;
mod control;
mod drain;
mod error;
#[cfg(test)]
mod explorer;
mod find;
mod gone;
mod journal;
mod mover;
mod receipt;
mod settle;
#[cfg(test)]
mod tests;
mod timing;

pub use abort::abort;
pub use control::Control;
pub use error::MoveError;
pub use find::begun;
pub use gone::{Held, Rest};
pub use journal::{Journal, Line, Lines, Step, is_held, is_locked, read as read_journal};
pub use mover::{BeforeDrop, Move, Watch};
pub use receipt::Receipt;
pub use timing::{Timing, parse_pause};
