//! `egctl repair`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use epistemic_storage::audit::{Audit, Findings, repair};
use serde::Serialize;

use super::report::write_findings;
use super::shown;
use crate::cli::directory::{open_store_read_only, open_store_writable};
use crate::cli::output::{OutputArgs, Report};
use crate::cli::{EXIT_CODES, Exit, Failure};

/// Rebuild derived records of a stopped server: edges by target, the label index, counters, what awaits reclamation.
///
/// Nodes, edges, embeddings, the ledger and the names of graphs are never touched: what is wrong with them is listed and
/// left. All changes of a graph are made together; after an interruption run it again. Ends with 1 when something is left.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct RepairArgs {
    /// Persist directory of a stopped server; with --dry-run a checkpoint will do too.
    #[arg(long, value_name = "PATH")]
    dir: PathBuf,
    /// Only tell what would be changed.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Repaired<'a> {
    dir: &'a Path,
    dry_run: bool,
    /// What was made right, or would be.
    repaired: Findings,
    /// What is wrong with records that cannot be rebuilt.
    left: Findings,
}

pub(in crate::cli) fn run(args: &RepairArgs) -> Result<()> {
    let Audit { repaired, found: left, .. } = if args.dry_run {
        let (_owner, store) = open_store_read_only(&args.dir)?;
        repair(&store, true, &mut shown("repair"))?
    } else {
        let (_owner, store) = open_store_writable(&args.dir)?;
        repair(&store, false, &mut shown("repair"))?
    };
    let report = Repaired { dir: &args.dir, dry_run: args.dry_run, repaired, left };
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

impl Report for Repaired<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.repaired.is_empty() && self.left.is_empty() {
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
