//! `egctl audit`: the audit log of a server, read again.

mod tail;
mod verify;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use epistemic_audit::{all_of, first_line};

/// The audit commands.
#[derive(Subcommand, Debug)]
pub(super) enum AuditCommand {
    Verify(verify::VerifyArgs),
    Tail(tail::TailArgs),
}

/// Runs one of them.
pub(super) fn run(command: &AuditCommand) -> Result<()> {
    match command {
        AuditCommand::Verify(args) => verify::run(args),
        AuditCommand::Tail(args) => tail::run(args),
    }
}

/// The files of a log, oldest first: what was named, and what it was rotated into.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in named {
        all.extend(all_of(path).with_context(|| format!("audit log '{}'", path.display()))?);
    }
    // The one that is written is the last.
    all.sort_by_key(|file| (first_line(file).unwrap_or(u64::MAX), file.clone()));
    // A pattern of the shell names those that were rotated, too.
    all.dedup();
    Ok(all)
}
