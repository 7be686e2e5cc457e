//! `egctl channel`: the channels that agents talk in.

mod close;
mod history;
mod list;
mod place;
mod show;

use anyhow::Result;
use clap::Subcommand;
use tokio::runtime::Runtime;

/// The channel commands.
#[derive(Subcommand, Debug)]
pub(super) enum ChannelCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    History(history::HistoryArgs),
    Close(close::CloseArgs),
}

/// Runs one of them.
pub(super) fn run(command: &ChannelCommand, runtime: &Runtime) -> Result<()> {
    match command {
        ChannelCommand::List(args) => list::run(args, runtime),
        ChannelCommand::Show(args) => show::run(args, runtime),
        ChannelCommand::History(args) => history::run(args, runtime),
        ChannelCommand::Close(args) => close::run(args, runtime),
    }
}
