//! `egctl identity`: who is registered with access control.

mod add;
mod copy;
mod list;
mod remove;

use anyhow::Result;
use clap::{Args, Subcommand};
use tokio::runtime::Runtime;

use self::add::{AddArgs, add};
use self::copy::{CopyArgs, copy};
use self::list::{ListArgs, list};
use self::remove::{RemoveArgs, remove};
use crate::exit::EXIT_CODES;

/// Registered agents: list, add, copy, remove.
///
/// Once there are any, only a System identity may ask: give --agent-id, a name that the server was started with
/// (--system-agent).
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
pub(super) struct IdentityArgs {
    #[command(subcommand)]
    command: Option<IdentityCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Subcommand, Debug)]
enum IdentityCommand {
    List(ListArgs),
    Add(AddArgs),
    Copy(CopyArgs),
    Remove(RemoveArgs),
}

pub(super) fn run(args: &IdentityArgs, runtime: &Runtime) -> Result<()> {
    match &args.command {
        None => list(&args.list, runtime),
        Some(IdentityCommand::List(args)) => list(args, runtime),
        Some(IdentityCommand::Add(args)) => add(args, runtime),
        Some(IdentityCommand::Copy(args)) => copy(args, runtime),
        Some(IdentityCommand::Remove(args)) => remove(args, runtime),
    }
}
