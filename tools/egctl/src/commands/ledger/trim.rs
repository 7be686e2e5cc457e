//! `egctl ledger trim`.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::graph::LedgerKeep;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;

/// Drop the oldest changes of a ledger now, and keep the rest: on the shard that owns the graph, on one shard, or in a directory.
///
/// A shard trims by itself, by the rule that egctl ledger keep sets; this leaves that rule as it is. Nodes, edges and embeddings are
/// not touched. Who has copied the graph lately may still need its newest changes: these stay for a while. The room is free after
/// a while too (egctl compact).
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct TrimArgs {
    /// Exact name of the graph.
    graph: String,
    /// What is kept: one or more of records:COUNT, bytes:SIZE (512MiB) and age:TIME (30d), separated by commas.
    #[arg(value_name = "RULE")]
    rule: LedgerKeep,
    #[command(flatten)]
    place: PlaceArgs,
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

#[derive(Serialize)]
struct Params {
    keep: String,
}

#[derive(Deserialize)]
struct Step {
    records: u64,
    ledger_from: u64,
    more: bool,
}

pub(super) fn run(args: &TrimArgs, runtime: &Runtime) -> Result<()> {
    let TrimArgs { graph, rule, place, output } = args;
    let trimmed = match &place.dir {
        Some(dir) => offline(graph, rule, dir)?,
        None => runtime.block_on(async {
            let client = place.shards.owner_of(graph).await?;
            let params = Params { keep: rule.to_string() };
            let mut records = 0;
            loop {
                let step: Step = call(&client, graph, "LedgerTrim", &params).await?;
                records += step.records;
                if !step.more {
                    let place = client.endpoint().to_string();
                    return anyhow::Ok(Trimmed { graph, place, records, ledger_from: step.ledger_from });
                }
            }
        })?,
    };
    output.print(&trimmed)
}

fn offline<'a>(graph: &'a str, rule: &LedgerKeep, dir: &Path) -> Result<Trimmed<'a>> {
    let directory = Directory::open_writable(dir)?;
    let found = directory.graphs.graph(graph)?;
    let mut records = 0;
    loop {
        let step = directory.graphs.trim_ledger(&found, rule)?;
        if step == 0 {
            break;
        }
        records += step;
    }
    let ledger_from = found.counters().complete_from;
    Ok(Trimmed { graph, place: dir.display().to_string(), records, ledger_from })
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
