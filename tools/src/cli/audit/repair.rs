//! `egctl repair`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use epistemic_storage::Store;
use epistemic_storage::audit::{Audit, Findings, repair};
use epistemic_storage::rocks::RocksStore;
use indicatif::HumanBytes;
use serde::Serialize;

use super::lost::{self, Lost};
use super::report::write_findings;
use super::shown;
use crate::cli::directory::{open_store_read_only, open_store_writable};
use crate::cli::output::{OutputArgs, Report};
use crate::cli::progress::while_running;
use crate::cli::{EXIT_CODES, Exit, Failure};

/// Rebuild derived records of a stopped server: edges by target, the label index, counters, what awaits reclamation.
///
/// Nodes, edges, embeddings, the ledger and the names of graphs are never touched: what is wrong with them is listed and
/// left. All changes of a graph are made together; after an interruption run it again. Ends with 1 when something is left.
///
/// A log that lacks acknowledged writes keeps a directory from opening. When there is no better copy,
/// --accept-lost-writes opens it without them: as it was before the first that is missing.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct RepairArgs {
    /// Persist directory of a stopped server; with --dry-run a checkpoint will do too.
    #[arg(long, value_name = "PATH")]
    dir: PathBuf,
    /// Only tell what would be changed.
    #[arg(long)]
    dry_run: bool,
    /// Give up the commits that a damaged or missing log has lost, and all that came after them. The logs concerned are
    /// kept in PATH/db/lost.
    #[arg(long)]
    accept_lost_writes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Repaired<'a> {
    dir: &'a Path,
    dry_run: bool,
    /// Commits that were given up, or would be.
    #[serde(skip_serializing_if = "Lost::is_empty")]
    lost: Lost,
    /// What was made right, or would be.
    repaired: Findings,
    /// What is wrong with records that cannot be rebuilt.
    left: Findings,
    /// Whether the note that a block is damaged was taken back, since none is.
    merged_again: bool,
}

pub(in crate::cli) fn run(args: &RepairArgs) -> Result<()> {
    let lost =
        if args.accept_lost_writes { lost::give_up(&args.dir, args.dry_run)? } else { Lost::default() };
    let mut merged_again = false;
    let Audit { repaired, found: left, .. } = match args.dry_run {
        // It does not open before they are given up.
        true if !lost.is_empty() => Audit::default(),
        true => {
            let (_owner, store) = open_store_read_only(&args.dir)?;
            repair(&store, true, &mut shown("repair"))?
        }
        false => {
            let (_owner, store) = open_store_writable(&args.dir)?;
            let audit = repair(&store, false, &mut shown("repair"))?;
            merged_again = store.damage().is_some() && is_sound(&store)?;
            audit
        }
    };
    let report = Repaired { dir: &args.dir, dry_run: args.dry_run, lost, repaired, left, merged_again };
    args.output.print(&report)?;
    if report.left.is_empty() {
        return Ok(());
    }
    let message = format!(
        "'{}': {} findings cannot be repaired; restore the graphs concerned from a snapshot or checkpoint, or correct them \
         through a server, see docs/errors/corrupt.md",
        args.dir.display(),
        report.left.count()
    );
    Err(Failure::new(Exit::Failed, message).into())
}

/// Whether no block of any table is damaged; the store is taken for sound from then on.
fn is_sound(store: &RocksStore) -> Result<bool> {
    let size = HumanBytes(store.stats()?.bytes);
    match while_running("checksums", size, || store.verify())? {
        Ok(()) => {
            store.forget_damage()?;
            Ok(true)
        }
        Err(error) if error.is_corruption() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Report for Repaired<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.lost.write_text(out, self.dry_run)?;
        if !self.lost.is_empty() && self.dry_run {
            return writeln!(out, "the records can be checked when this is done");
        }
        if self.merged_again {
            writeln!(out, "no block is damaged any more: db/DAMAGED is gone, tables are merged again")?;
        }
        if self.repaired.is_empty() && self.left.is_empty() && !self.merged_again {
            return writeln!(out, "{}: nothing to repair", self.dir.display());
        }
        if !self.repaired.is_empty() {
            let heading = if self.dry_run { "would be repaired" } else { "repaired" };
            writeln!(out, "{heading}: {}", self.repaired.count())?;
            write_findings(out, &self.repaired)?;
        }
        if !self.left.is_empty() {
            writeln!(out, "left as it is: {}", self.left.count())?;
            write_findings(out, &self.left)?;
        }
        Ok(())
    }
}
