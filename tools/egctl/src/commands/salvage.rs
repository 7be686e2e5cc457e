//! `egctl salvage`: all that is sound of a damaged directory, in a new one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::{in_use, must_exist};
use epistemic_storage::datadir;
use epistemic_storage::graph::{Salvaged, SalvagedGraph, Taken};
use serde::Serialize;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::progress::{Progress, Total};
use crate::table::{shortened, write_table};

/// Move all that is sound in a damaged directory into a new one. The damaged directory is only read.
///
/// Graphs, identities, channels and what became of moves; the new directory has the identity of the old one and takes its
/// place. A graph whose ledger alone is damaged is taken without the damaged part and what is older. A graph that cannot be
/// read otherwise is lost: clients are told that it is being restored, not given an empty one, until you free its name
/// (egctl moves --forget) and restore it. Ends with 6 when not everything was taken.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct SalvageArgs {
    /// Persist directory of a stopped server, or a checkpoint.
    #[arg(long, value_name = "PATH")]
    dir: PathBuf,
    /// Directory to make: new or empty.
    #[arg(long, value_name = "NEW")]
    to_dir: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct SalvageReport<'a> {
    dir: &'a Path,
    to_dir: &'a Path,
    whole: usize,
    without_ledger: usize,
    lost_graphs: usize,
    #[serde(flatten)]
    salvaged: Salvaged,
}

pub(super) fn run(args: &SalvageArgs) -> Result<()> {
    must_exist(&args.dir)?;
    let mut progress = Progress::new("salvage", Total::Unknown);
    let salvaged = datadir::salvage(&args.dir, &args.to_dir, &mut |bytes, records| {
        progress.update(bytes, records);
    });
    drop(progress);
    let salvaged = salvaged.map_err(in_use)?;
    let report = SalvageReport {
        dir: &args.dir,
        to_dir: &args.to_dir,
        whole: salvaged.count(Taken::Whole),
        without_ledger: salvaged.count(Taken::WithoutLedger),
        lost_graphs: salvaged.count(Taken::Lost),
        salvaged,
    };
    args.output.print(&report)?;
    if report.salvaged.is_whole() {
        return Ok(());
    }
    let SalvageReport { without_ledger, lost_graphs, .. } = report;
    let beside = report.salvaged.lost.len();
    let mut message = format!(
        "'{}' has all that is sound; {lost_graphs} graphs are lost, {without_ledger} have a shorter ledger",
        args.to_dir.display()
    );
    if beside > 0 {
        message.push_str(&format!(", {beside} kinds of other records are lost"));
    }
    message.push_str(". See docs/durability.md#how-to-recover");
    Err(Failure::new(Exit::Partly, message).into())
}

impl Report for SalvageReport<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Salvaged { graphs, identities, channel_records, lost, .. } = &self.salvaged;
        let row = |graph: &SalvagedGraph| {
            let SalvagedGraph { graph, taken, reason, nodes, edges, complete_from, .. } = graph;
            let what = match taken {
                Taken::Whole => return None,
                Taken::WithoutLedger => {
                    format!("{nodes} nodes and {edges} edges, ledger from change {complete_from} on")
                }
                Taken::Lost => "LOST".to_owned(),
            };
            Some([shortened(graph), what, reason.clone().unwrap_or_default()])
        };
        let rows: Vec<_> = graphs.iter().filter_map(row).collect();
        if !rows.is_empty() {
            write_table(out, ["graph", "taken", "because"], &rows)?;
        }
        for lost in lost {
            writeln!(out, "lost: {lost}")?;
        }
        let SalvageReport { dir, to_dir, whole, without_ledger, lost_graphs, .. } = self;
        writeln!(
            out,
            "{} to {}: {} graphs: {whole} whole, {without_ledger} with a shorter ledger, {lost_graphs} lost; {identities} \
             identities, {channel_records} records of channels",
            dir.display(),
            to_dir.display(),
            graphs.len()
        )
    }
}
