//! `egctl sessions`: the connections of shards.

mod kill;
mod list;

use anyhow::Result;
use clap::Subcommand;
use tokio::runtime::Runtime;

/// The sessions commands.
#[derive(Subcommand, Debug)]
pub(super) enum SessionsCommand {
    List(list::ListArgs),
    Kill(kill::KillArgs),
}

/// Runs one of them.
pub(super) fn run(command: &SessionsCommand, runtime: &Runtime) -> Result<()> {
    match command {
        SessionsCommand::List(args) => list::run(args, runtime),
        SessionsCommand::Kill(args) => kill::run(args, runtime),
    }
}
