//! `egctl import-reference` and `egctl pull`: graphs of the reference server, stopped or running, become ours.
//!
//! * `import` and `pull` are the commands; `transfer` takes one graph after the other through a scratch store.
//! * `target` is where they go, `report` what is printed, `meter` how far it is.

mod import;
mod meter;
mod pull;
mod report;
mod target;
mod transfer;

pub(super) use import::{ImportReferenceArgs, run as import};
pub(super) use pull::{PullArgs, run as pull};
