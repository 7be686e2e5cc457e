//! `egctl snapshot`: one graph as a file.
//!
//! * `export` and `import` move a graph to and from a file; `check` is `verify` and `inspect`.
//! * `file` is a file that appears only when it is complete; `counted` counts bytes on their way.
//! * `summary` is what is printed about a snapshot.

mod check;
pub(crate) mod counted;
mod export;
mod file;
mod import;
mod summary;

pub(super) use check::verified;
pub(super) use counted::{Count, Counted};

use anyhow::Result;
use clap::Subcommand;
pub(crate) use file::{NewFile, sync_parent};
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
