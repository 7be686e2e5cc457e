//! `egctl ledger trim`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_storage::graph::LedgerKeep;
use serde::Serialize;

use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};

/// Drop the oldest changes of a ledger in the directory of a stopped server, now, and keep the rest.
///
/// A running shard trims by itself, by the rule that egctl ledger keep sets. Nodes, edges and embeddings are not touched. The
/// room is free once a server has run on the directory for a while.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct TrimArgs {
    /// Exact name of the graph.
    graph: String,
    /// What is kept: one or more of records:COUNT, bytes:SIZE (512MiB) and age:TIME (30d), separated by commas.
    #[arg(value_name = "RULE")]
    rule: LedgerKeep,
    /// The persist directory of a stopped server.
    #[arg(long, value_name = "PATH")]
    dir: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Trimmed<'a> {
    graph: &'a str,
    place: String,
    /// Records that are gone.
    records: u64,
    /// The first change that the ledger tells.
    ledger_from: u64,
}

pub(super) fn run(args: &TrimArgs) -> Result<()> {
    let directory = Directory::open_writable(&args.dir)?;
    let graph = directory.graphs.graph(&args.graph)?;
    let mut records = 0;
    loop {
        let step = directory.graphs.trim_ledger(&graph, &args.rule)?;
        if step == 0 {
            break;
        }
        records += step;
    }
    let ledger_from = directory.graphs.graph(&args.graph)?.counters().complete_from;
    let place = args.dir.display().to_string();
    args.output.print(&Trimmed { graph: &args.graph, place, records, ledger_from })
}

impl Report for Trimmed<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { graph, place, records, ledger_from } = self;
        writeln!(
            out,
            "{records} changes of {} at {place} are gone, it tells those from {ledger_from} on",
            shown(graph)
        )
    }
}
