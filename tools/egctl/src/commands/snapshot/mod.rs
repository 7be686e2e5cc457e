//! `egctl snapshot`: one graph as a file.
//!
//! * `export` and `import` move a graph to and from a file; `check` is `verify` and `inspect`.
//! * `summary` is what is printed about a snapshot.

mod check;
mod export;
mod import;
mod summary;

pub(super) use check::{Verified, verified};

use anyhow::Result;
use clap::Subcommand;
use tokio::runtime::Runtime;

/// The snapshot commands.
#[derive(Subcommand, Debug)]
pub(super) enum SnapshotCommand {
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Verify(check::VerifyArgs),
    Inspect(check::InspectArgs),
}

/// Runs one of them.
pub(super) fn run(command: &SnapshotCommand, runtime: &Runtime) -> Result<()> {
    match command {
        SnapshotCommand::Export(args) => export::run(args, runtime),
        SnapshotCommand::Import(args) => import::run(args, runtime),
        SnapshotCommand::Verify(args) => check::verify(args),
        SnapshotCommand::Inspect(args) => check::inspect(args),
    }
}
