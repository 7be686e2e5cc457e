//! `egctl backup`: copies of graphs in a directory or an object store, and back.
//!
//! One file per command; the work is done in `epistemic_operations::backup`. `source` opens what is backed up, `tier` is
//! `create --all`, `selection` what a restore is of, `target` what it goes to, `restored` what it says, `scratch` a store for
//! trial restores, `metrics` what Prometheus is told.

mod create;
mod drill;
mod keygen;
mod list;
mod metrics;
mod prune;
mod restore;
mod restored;
mod scratch;
mod selection;
mod source;
mod target;
mod tier;
mod verify;

pub(super) use scratch::Scratch;

use anyhow::Result;
use clap::{Args, Subcommand};
use epistemic_operations::backup::{Objects, Wanted};
use tokio::runtime::Runtime;

use crate::encryption::IdentityArgs;

/// The backup commands.
#[derive(Subcommand, Debug)]
pub(super) enum BackupCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Verify(verify::VerifyArgs),
    Drill(drill::DrillArgs),
    Restore(restore::RestoreArgs),
    Prune(prune::PruneArgs),
    Keygen(keygen::KeygenArgs),
}

/// Runs one of them.
pub(super) fn run(command: &BackupCommand, runtime: &Runtime) -> Result<()> {
    match command {
        BackupCommand::Create(args) => create::run(args, runtime),
        BackupCommand::List(args) => list::run(args, runtime),
        BackupCommand::Verify(args) => verify::run(args, runtime),
        BackupCommand::Drill(args) => drill::run(args, runtime),
        BackupCommand::Restore(args) => restore::run(args, runtime),
        BackupCommand::Prune(args) => prune::run(args, runtime),
        BackupCommand::Keygen(args) => keygen::run(args),
    }
}

/// Where a backup is.
#[derive(Args, Debug)]
struct FromArgs {
    /// The backup: file:///PATH, /PATH or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "URL")]
    from: String,
    #[command(flatten)]
    identity: IdentityArgs,
}

impl FromArgs {
    fn open(&self, runtime: &Runtime) -> Result<Objects> {
        Ok(Objects::open(&self.from, false, runtime.handle())?.with_keys(self.identity.keys()?))
    }
}

/// Which of the stores of a backup are meant.
#[derive(Args, Debug)]
struct StoreArgs {
    /// Only this store: its identity, or how that begins (egctl backup list).
    #[arg(long, value_name = "ID")]
    store: Option<String>,
    /// Only the store that was backed up from this endpoint or directory.
    #[arg(long, value_name = "SOURCE")]
    shard: Option<String>,
}

impl StoreArgs {
    fn wanted(&self) -> Wanted {
        Wanted { store: self.store.clone(), shard: self.shard.clone() }
    }
}
