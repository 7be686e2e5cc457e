//! Moving a graph from one place to another without losing a write (docs/decisions/0019-moves.md).
//!
//! * `party`: what a move asks of a place; `shard`: a running shard; `directory`: a stopped one.
//! * `mover`: the steps of one move, from whatever state the two places are in; `compare`: what must be equal.
//! * `journal`: what was done and agreed upon, on disk; `receipt`: the proof of a finished move.
//! * `control`: pace, pause and stop.

mod abort;
mod compare;
mod control;
mod directory;
#[cfg(test)]
mod hooked;
mod journal;
mod mover;
mod party;
mod receipt;
mod shard;
#[cfg(test)]
mod tests;

pub(crate) use abort::abort;
pub(crate) use control::Control;
pub(crate) use directory::DirectoryParty;
#[cfg(test)]
pub(crate) use hooked::{Hook, Hooked};
pub(crate) use journal::{Journal, Line, Lines, Step, is_held, is_locked, read as read_journal};
pub(crate) use mover::{Move, Watch};
pub(crate) use party::{Content, Party, StandingName, Status, is_truncated};
pub(crate) use receipt::Receipt;
pub(crate) use shard::ShardParty;
