//! `egctl graph delete`.

use anyhow::Result;
use clap::Args;
use epistemic_storage::graph::Op;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::Done;
use crate::commands::irreversible::Irreversible;
use crate::confirm::ConfirmArgs;
use crate::exit::EXIT_CODES;
use crate::output::OutputArgs;
use crate::place::PlaceArgs;

/// Delete a graph for good, with its ledger and embeddings. Asks for its name again.
///
/// Backups and checkpoints keep what they have of it. A quarantined graph can be deleted too.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct DeleteArgs {
    /// Exact name.
    graph: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Params<'a> {
    graph_name: &'a str,
}

pub(super) fn run(args: &DeleteArgs, runtime: &Runtime) -> Result<()> {
    let graph = &args.graph;
    let change = Irreversible {
        graph,
        doing: "deleting",
        op: Op::Delete,
        in_any_state: true,
        method: "DeleteGraph",
        params: Params { graph_name: graph },
    };
    let place = change.make(args.confirm, &args.place, runtime)?;
    args.output.print(&Done { graph: graph.clone(), place, done: "deleted" })
}
