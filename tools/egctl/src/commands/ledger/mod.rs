//! `egctl ledger`: what a graph's ledger tells, and how much of it is kept.

mod clear;
mod keep;
mod show;
mod trim;

use anyhow::Result;
use clap::Subcommand;
use tokio::runtime::Runtime;

/// The ledger commands.
#[derive(Subcommand, Debug)]
pub(super) enum LedgerCommand {
    Show(show::ShowArgs),
    Keep(keep::KeepArgs),
    Trim(trim::TrimArgs),
    Clear(clear::ClearArgs),
}

/// Runs one of them.
pub(super) fn run(command: &LedgerCommand, runtime: &Runtime) -> Result<()> {
    match command {
        LedgerCommand::Show(args) => show::run(args, runtime),
        LedgerCommand::Keep(args) => keep::run(args, runtime),
        LedgerCommand::Trim(args) => trim::run(args, runtime),
        LedgerCommand::Clear(args) => clear::run(args, runtime),
    }
}
