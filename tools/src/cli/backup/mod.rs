//! `egctl backup`: copies of graphs in a directory or an object store, and back.
//!
//! One file per command; the work is done in `crate::backup`.

mod create;
mod list;
mod prune;
mod restore;
mod verify;

use anyhow::Result;
use clap::{Args, Subcommand};
use tokio::runtime::Runtime;

use crate::backup::Objects;

/// The backup commands.
#[derive(Subcommand, Debug)]
pub(super) enum BackupCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Verify(verify::VerifyArgs),
    Restore(restore::RestoreArgs),
    Prune(prune::PruneArgs),
}

/// Runs one of them.
pub(super) fn run(command: &BackupCommand, runtime: &Runtime) -> Result<()> {
    match command {
        BackupCommand::Create(args) => create::run(args, runtime),
        BackupCommand::List(args) => list::run(args, runtime),
        BackupCommand::Verify(args) => verify::run(args, runtime),
        BackupCommand::Restore(args) => restore::run(args, runtime),
        BackupCommand::Prune(args) => prune::run(args, runtime),
    }
}

/// Where a backup is.
#[derive(Args, Debug)]
struct FromArgs {
    /// The backup: file:///PATH, /PATH or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "URL")]
    from: String,
}

impl FromArgs {
    fn open(&self, runtime: &Runtime) -> Result<Objects> {
        Objects::open(&self.from, false, runtime.handle())
    }
}
