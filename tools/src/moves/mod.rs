//! Moving a graph from one place to another without losing a write (docs/decisions/0019-moves.md, 0021-moves-by-proof.md).
//!
//! * `party`: what a move asks of a place; `shard`: a running shard; `directory`: a stopped one.
//! * `mover`: one move up to the handover, from whatever state the two places are in; `drain`: the handover; `settle`: what
//!   follows it; `compare`: what must be equal; `timing`: limits and waits.
//! * `abort`: giving a move up; `gone`: ending one whose other place is gone for good; `find`: which one has begun.
//! * `journal`: what was done and agreed upon, on disk; `receipt`: the proof of a finished move.
//! * `control`: pace, pause and stop; `explorer`: every order of faults, for tests.

mod abort;
mod compare;
mod control;
mod directory;
mod drain;
#[cfg(test)]
mod explorer;
mod find;
mod gone;
#[cfg(test)]
mod hooked;
mod journal;
mod mover;
mod party;
mod receipt;
mod settle;
mod shard;
#[cfg(test)]
mod tests;
mod timing;

pub(crate) use abort::abort;
pub(crate) use control::Control;
pub(crate) use directory::DirectoryParty;
pub(crate) use find::begun;
pub(crate) use gone::{Held, Rest};
#[cfg(test)]
pub(crate) use hooked::{Hook, Hooked};
pub(crate) use journal::{Journal, Line, Lines, Step, is_held, is_locked, read as read_journal};
pub(crate) use mover::{BeforeDrop, Move, Watch};
pub(crate) use party::{
    Admission, Content, Party, Refusal, ServiceTaken, StandingName, Status, is_aborted, is_truncated,
};
pub(crate) use receipt::Receipt;
pub(crate) use shard::ShardParty;
pub(crate) use timing::{Timing, parse_pause};
