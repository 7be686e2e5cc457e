//! Carrying a plan out: `egctl reshard apply`, `resume`, `pause`, `abort`, `status`.
//!
//! * `state` is the directory that keeps all of it; `outcome` is what became of a graph, read off the journal.
//! * `check` compares the plan with what is there, at the beginning and at the end.
//! * `run` reserves all names and moves the graphs; `leave` has the sources drop what left; `queue` says which is next; `places` are the parties of the moves;
//!   `board` shows progress; `summary` is what it came to.
//! * `command` is the commands, `args` their arguments.

mod args;
mod board;
mod check;
mod command;
mod leave;
mod outcome;
mod places;
mod queue;
mod run;
mod state;
mod summary;
#[cfg(test)]
mod tests;

pub(crate) use args::{AbortArgs, ApplyArgs, PauseArgs, ResumeArgs, StatusArgs};
pub(super) use command::{abort, apply, pause, resume, status};
