//! Writes that a damaged log has lost.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use epistemic_operations::hosts::own;
use epistemic_storage::backend::{LostWrites, accept_lost_writes, lost_writes};
use epistemic_storage::datadir::DB_DIR;
use serde::Serialize;

/// What is missing once a directory is opened without them.
#[derive(Serialize, Default)]
pub(super) struct Lost {
    /// Logs that are damaged or missing.
    damaged: Vec<Damaged>,
    /// Newer logs, which are left out as well.
    left_out: Vec<LeftOut>,
}

#[derive(Serialize)]
struct Damaged {
    log: PathBuf,
    reason: String,
    /// Commits known to be missing from it.
    missing_commits: Option<u64>,
}

#[derive(Serialize)]
struct LeftOut {
    log: PathBuf,
    commits: u64,
}

/// Gives up what the log of `dir` has lost, or with `dry_run` tells what that is.
pub(super) fn give_up(dir: &Path, dry_run: bool) -> Result<Lost> {
    let _owner = own(dir)?;
    let db = dir.join(DB_DIR);
    let lost = if dry_run { lost_writes(&db)? } else { accept_lost_writes(&db)? };
    Ok(lost.into())
}

impl From<LostWrites> for Lost {
    fn from(lost: LostWrites) -> Self {
        let damaged = lost.damaged.into_iter().map(|damaged| Damaged {
            log: damaged.file,
            reason: damaged.reason,
            missing_commits: damaged.missing,
        });
        let left_out = lost.left_out.into_iter().map(|(log, commits)| LeftOut { log, commits });
        Self { damaged: damaged.collect(), left_out: left_out.collect() }
    }
}

impl Lost {
    /// Whether every log was whole.
    pub(super) fn is_empty(&self) -> bool {
        self.damaged.is_empty()
    }

    pub(super) fn write_text(&self, out: &mut dyn Write, dry_run: bool) -> io::Result<()> {
        let lost = if dry_run { "would be given up" } else { "given up" };
        for Damaged { log, reason, missing_commits } in &self.damaged {
            let commits = missing_commits.map_or_else(|| "commits, it is not known how many".into(), commits);
            writeln!(out, "{lost}: {commits}; '{}' {reason}", log.display())?;
        }
        for LeftOut { log, commits: count } in &self.left_out {
            writeln!(out, "{lost}: {} behind them, in '{}'", commits(*count), log.display())?;
        }
        Ok(())
    }
}

fn commits(count: u64) -> String {
    if count == 1 { "1 commit".into() } else { format!("{count} commits") }
}
