//! `egctl shard`: the process that serves a shard, where others could.

mod hand_over;

use anyhow::Result;
use clap::Subcommand;
use tokio::runtime::Runtime;

/// The shard commands.
#[derive(Subcommand, Debug)]
pub(super) enum ShardCommand {
    HandOver(hand_over::HandOverArgs),
}

/// Runs one of them.
pub(super) fn run(command: &ShardCommand, runtime: &Runtime) -> Result<()> {
    match command {
        ShardCommand::HandOver(args) => hand_over::run(args, runtime),
    }
}
