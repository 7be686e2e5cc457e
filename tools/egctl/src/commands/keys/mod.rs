//! `egctl keys`: the keys file of shards, edited in place. Secrets are printed only when asked for.

mod add;
mod derive;
mod file;
mod freeze;
mod given;
mod list;
mod retire;
mod rotate;

use anyhow::Result;
use clap::Subcommand;
use tokio::runtime::Runtime;

/// The commands about keys.
#[derive(Subcommand, Debug)]
pub(super) enum KeysCommand {
    Add(add::AddArgs),
    List(list::ListArgs),
    Retire(retire::RetireArgs),
    Freeze(freeze::FreezeArgs),
    Thaw(freeze::ThawArgs),
    Rotate(rotate::RotateArgs),
    Derive(derive::DeriveArgs),
}

pub(super) fn run(command: &KeysCommand, runtime: &Runtime) -> Result<()> {
    match command {
        KeysCommand::Add(args) => add::run(args),
        KeysCommand::List(args) => list::run(args),
        KeysCommand::Retire(args) => retire::run(args),
        KeysCommand::Freeze(args) => freeze::freeze(args),
        KeysCommand::Thaw(args) => freeze::thaw(args),
        KeysCommand::Rotate(args) => rotate::run(args, runtime),
        KeysCommand::Derive(args) => derive::run(args),
    }
}

/// What is to be done after each change of the file.
const NEXT: &str = "each shard reads its keys file again within a second of its change, or at SIGHUP; copy it to all shards that \
                    share it";
