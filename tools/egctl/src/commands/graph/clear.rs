//! `egctl graph clear`.

use anyhow::Result;
use clap::Args;
use epistemic_storage::graph::Op;
use tokio::runtime::Runtime;

use super::Done;
use crate::commands::irreversible::Irreversible;
use crate::confirm::ConfirmArgs;
use crate::exit::EXIT_CODES;
use crate::output::OutputArgs;
use crate::place::PlaceArgs;

/// Remove all nodes, edges and embeddings of a graph, and its ledger; the graph stays. Asks for its name again.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ClearArgs {
    /// Exact name.
    graph: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ClearArgs, runtime: &Runtime) -> Result<()> {
    let graph = &args.graph;
    let change = Irreversible {
        graph,
        doing: "clearing",
        op: Op::Clear,
        in_any_state: false,
        method: "ClearGraph",
        params: (),
    };
    let place = change.make(args.confirm, &args.place, runtime)?;
    args.output.print(&Done { graph: graph.clone(), place, done: "cleared" })
}
