//! `egctl ledger keep`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::graph::{LedgerKeep, Op};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;

/// Set how much of its ledger a graph keeps, on the shard that owns it, on one shard, or in a directory.
///
/// The rule belongs to the graph: snapshots, backups and moves carry it. The server trims in the background, the oldest
/// records first; nodes, edges and embeddings are not touched. What is trimmed cannot be had any more: who copies the graph
/// change by change and is further behind begins again with a snapshot (docs/errors/ledger-truncated.md).
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct KeepArgs {
    /// Exact name of the graph.
    graph: String,
    /// `all`; or one or more of records:COUNT, bytes:SIZE (512MiB) and age:TIME (30d), separated by commas: a record goes when
    /// any of them no longer covers it; or `default`: as the shard keeps others (--ledger-keep of the server).
    #[arg(value_name = "RULE", value_parser = parse)]
    rule: Rule,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The rule of a graph; none is that of its shard.
#[derive(Debug, Clone, Copy)]
struct Rule(Option<LedgerKeep>);

fn parse(text: &str) -> Result<Rule, String> {
    if text == "default" { Ok(Rule(None)) } else { text.parse().map(|keep| Rule(Some(keep))) }
}

#[derive(Serialize)]
struct KeepParams {
    keep: Option<String>,
}

#[derive(Serialize)]
struct Kept<'a> {
    graph: &'a str,
    /// None is as the shard keeps others.
    ledger_keep: Option<String>,
    place: String,
}

pub(super) fn run(args: &KeepArgs, runtime: &Runtime) -> Result<()> {
    let KeepArgs { graph, rule: Rule(keep), place, output } = args;
    let ledger_keep = keep.map(|keep| keep.to_string());
    let place = match &place.dir {
        Some(dir) => {
            Directory::open_writable(dir)?.graphs.write(graph, Op::KeepLedger(*keep))?;
            dir.display().to_string()
        }
        None => runtime.block_on(async {
            let client = place.shards.owner_of(graph).await?;
            let params = KeepParams { keep: ledger_keep.clone() };
            let _: String = call(&client, graph, "LedgerKeep", &params).await?;
            anyhow::Ok(client.endpoint().to_string())
        })?,
    };
    output.print(&Kept { graph, ledger_keep, place })
}

impl Report for Kept<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rule = self.ledger_keep.as_deref().unwrap_or("as much of its ledger as its shard says");
        writeln!(out, "{} at {} keeps {rule}", shown(self.graph), self.place)
    }
}
