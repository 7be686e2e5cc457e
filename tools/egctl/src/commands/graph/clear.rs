//! `egctl graph clear`.

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::graph::Op;
use serde::de::IgnoredAny;
use tokio::runtime::Runtime;

use super::Done;
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
    let will = |place: &str| format!("clearing {} at {place} cannot be undone", shown(graph));
    let place = match &args.place.dir {
        Some(dir) => {
            let directory = Directory::open_writable(dir)?;
            let place = dir.display().to_string();
            directory.graphs.graph(graph)?;
            args.confirm.ask(&will(&place), graph)?;
            directory.graphs.write(graph, Op::Clear)?;
            place
        }
        None => {
            let client = runtime.block_on(args.place.shards.owner_of(graph))?;
            let place = client.endpoint().to_string();
            args.confirm.ask(&will(&place), graph)?;
            let _: IgnoredAny = runtime.block_on(call(&client, graph, "ClearGraph", &()))?;
            place
        }
    };
    args.output.print(&Done { graph: graph.clone(), place, done: "cleared" })
}
