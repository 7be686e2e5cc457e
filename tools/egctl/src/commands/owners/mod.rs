//! `egctl owners`: names that two shards serve, or none, because one was set back to before a move; and ending that
//! (docs/decisions/0025-one-owner.md).
//!
//! * `check` lists them, `resolve` ends them; `steps` is what `resolve` does, `words` how conflicts are told.

mod check;
mod resolve;
mod steps;
mod words;

use anyhow::Result;
use clap::Subcommand;
use tokio::runtime::Runtime;

pub(super) use words::{Conflicts, failure};

/// The commands about owners.
#[derive(Subcommand, Debug)]
pub(super) enum OwnersCommand {
    Check(check::CheckArgs),
    Resolve(resolve::ResolveArgs),
}

/// Runs one of them.
pub(super) fn run(command: &OwnersCommand, runtime: &Runtime) -> Result<()> {
    match command {
        OwnersCommand::Check(args) => check::run(args, runtime),
        OwnersCommand::Resolve(args) => resolve::run(args, runtime),
    }
}
