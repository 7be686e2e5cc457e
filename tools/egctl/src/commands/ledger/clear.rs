//! `egctl ledger clear`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::graph::Op;
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::runtime::Runtime;

use crate::confirm::ConfirmArgs;
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;

/// Forget all changes of a graph so far, not what they did. Asks for its name again.
///
/// Who copies the graph change by change, a backup too, begins again with a whole copy.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ClearArgs {
    /// Exact name of the graph.
    graph: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Cleared<'a> {
    graph: &'a str,
    place: String,
}

pub(super) fn run(args: &ClearArgs, runtime: &Runtime) -> Result<()> {
    let graph = &args.graph;
    let will = |place: &str| format!("clearing the ledger of {} at {place} cannot be undone", shown(graph));
    let place = match &args.place.dir {
        Some(dir) => {
            let directory = Directory::open_writable(dir)?;
            let place = dir.display().to_string();
            directory.graphs.graph(graph)?;
            args.confirm.ask(&will(&place), graph)?;
            directory.graphs.write(graph, Op::ClearLedger)?;
            place
        }
        None => {
            let client = runtime.block_on(args.place.shards.owner_of(graph))?;
            let place = client.endpoint().to_string();
            args.confirm.ask(&will(&place), graph)?;
            let _: IgnoredAny = runtime.block_on(call(&client, graph, "ClearLedger", &()))?;
            place
        }
    };
    args.output.print(&Cleared { graph, place })
}

impl Report for Cleared<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "the ledger of {} at {} begins with its next change", shown(self.graph), self.place)
    }
}
