//! `egctl repair`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::{StorePlace, open_store_writable};
use epistemic_operations::names::shown as shown_name;
use epistemic_storage::audit::{Audit, Findings, repair};
use epistemic_storage::graph::RestartedLedger;
use epistemic_storage::{GraphStore, Store};
use indicatif::HumanBytes;
use serde::Serialize;

use super::lost::{self, Lost};
use super::report::write_findings;
use super::shown;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::progress::{Progress, Total, while_running};

/// Rebuild what is derived from the records of a stopped server.
///
/// That is edges by target, the label index, counters, and what awaits reclamation. Nodes, edges, embeddings, the ledger and the names of graphs are not touched: what is wrong with them is listed and
/// left. All changes of a graph are made together; after an interruption run it again. Ends with 1 when something is left.
///
/// A graph whose ledger is damaged takes no writes although all its nodes and edges can be read. --restart-ledger gives up
/// the damaged part and what is older: the ledger begins anew behind it. The damaged block stays in its table, so make a
/// new directory afterwards (egctl salvage).
///
/// A log that lacks acknowledged writes keeps a directory from opening. When there is no better copy,
/// --accept-lost-writes opens it without them: as it was before the first that is missing.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct RepairArgs {
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
    /// Have ledgers that are damaged begin anew behind the damage.
    #[arg(long)]
    restart_ledger: bool,
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
    /// Ledgers that begin anew, or would.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    restarted_ledgers: Vec<RestartedLedger>,
    /// What was made right, or would be.
    repaired: Findings,
    /// What is wrong with records that cannot be rebuilt.
    left: Findings,
    /// Whether the note that a block is damaged was taken back, since none is.
    merged_again: bool,
}

pub(in crate::commands) fn run(args: &RepairArgs) -> Result<()> {
    let lost =
        if args.accept_lost_writes { lost::give_up(&args.dir, args.dry_run)? } else { Lost::default() };
    let Rebuilt { restarted_ledgers, audit, merged_again } = match args.dry_run {
        // It does not open before they are given up.
        true if !lost.is_empty() => Default::default(),
        true => {
            let (_owner, store) = StorePlace::Directory(args.dir.clone()).open_store()?;
            rebuild(args, store)?
        }
        false => {
            let (_owner, store) = open_store_writable(&args.dir)?;
            rebuild(args, store.into())?
        }
    };
    let Audit { repaired, found: left, .. } = audit;
    let report = Repaired {
        dir: &args.dir,
        dry_run: args.dry_run,
        lost,
        restarted_ledgers,
        repaired,
        left,
        merged_again,
    };
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

/// What was done about an opened store.
#[derive(Default)]
struct Rebuilt {
    restarted_ledgers: Vec<RestartedLedger>,
    audit: Audit,
    merged_again: bool,
}

/// Restarts ledgers if that is asked for, then rebuilds what is derived.
fn rebuild(args: &RepairArgs, store: Box<dyn Store>) -> Result<Rebuilt> {
    if !args.restart_ledger {
        let audit = repair(&*store, args.dry_run, &mut shown("repair"))?;
        return Ok(Rebuilt { audit, merged_again: merges_again(args, &*store)?, ..Rebuilt::default() });
    }
    let graphs = GraphStore::open_read_only(store)?;
    let mut progress = Progress::new("ledgers", Total::Unknown);
    let restarted_ledgers = graphs.restart_ledgers(args.dry_run, &mut |graphs| progress.update(0, graphs))?;
    drop(progress);
    let audit = repair(graphs.store(), args.dry_run, &mut shown("repair"))?;
    Ok(Rebuilt { restarted_ledgers, audit, merged_again: merges_again(args, graphs.store())? })
}

/// Whether a store that was noted as damaged has no damaged block any more; it is taken for sound from then on.
fn merges_again(args: &RepairArgs, store: &dyn Store) -> Result<bool> {
    if args.dry_run || store.damage().is_none() {
        return Ok(false);
    }
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
        for RestartedLedger { graph, reason, restarted_at, sequence, .. } in &self.restarted_ledgers {
            let begins = if self.dry_run { "would begin" } else { "begins" };
            let (graph, first) = (shown_name(graph), restarted_at);
            writeln!(
                out,
                "ledger of {graph} {begins} anew with change {first} (newest: {sequence}): {reason}"
            )?;
        }
        if self.merged_again {
            writeln!(out, "no block is damaged any more: db/DAMAGED is gone, tables are merged again")?;
        }
        if self.repaired.is_empty() && self.left.is_empty() {
            if !self.restarted_ledgers.is_empty() || self.merged_again {
                return Ok(());
            }
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
