//! `egctl graph delete`.

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::graph::Op;
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::runtime::Runtime;

use super::Done;
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
    let will = |place: &str| format!("deleting {} at {place} cannot be undone", shown(graph));
    let place = match &args.place.dir {
        Some(dir) => {
            let directory = Directory::open_writable(dir)?;
            let place = dir.display().to_string();
            directory.graphs.graph_in_any_state(graph)?;
            args.confirm.ask(&will(&place), graph)?;
            directory.graphs.write(graph, Op::Delete)?;
            place
        }
        None => {
            let client = runtime.block_on(args.place.shards.owner_of(graph))?;
            let place = client.endpoint().to_string();
            args.confirm.ask(&will(&place), graph)?;
            let params = Params { graph_name: graph };
            let _: IgnoredAny = runtime.block_on(call(&client, graph, "DeleteGraph", &params))?;
            place
        }
    };
    args.output.print(&Done { graph: graph.clone(), place, done: "deleted" })
}
