//! `egctl ledger clear`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use epistemic_storage::graph::Op;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::commands::irreversible::Irreversible;
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
    let change = Irreversible {
        graph,
        doing: "clearing the ledger of",
        op: Op::ClearLedger,
        in_any_state: false,
        method: "ClearLedger",
        params: (),
    };
    let place = change.make(args.confirm, &args.place, runtime)?;
    args.output.print(&Cleared { graph, place })
}

impl Report for Cleared<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "the ledger of {} at {} begins with its next change", shown(self.graph), self.place)
    }
}
