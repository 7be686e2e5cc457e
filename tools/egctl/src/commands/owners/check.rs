//! `egctl owners check`.

use anyhow::Result;
use clap::Args;
use epistemic_router::owners::Scope;
use tokio::runtime::Runtime;

use super::{Conflicts, failure};
use crate::exit::EXIT_CODES;
use crate::output::OutputArgs;
use crate::shards::ShardArgs;

/// Look for graphs that two shards serve, or none, by what all shards say together.
///
/// A shard that was set back to a checkpoint or backup of before a move serves a graph that another serves too, or lacks
/// one that moved to it. A move that is under way is none of these. Ends with 7 when there are such graphs, with 3 when a
/// shard did not answer.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct CheckArgs {
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &CheckArgs, runtime: &Runtime) -> Result<()> {
    let report = Conflicts(runtime.block_on(args.shards.survey(Scope::All))?);
    args.output.print(&report)?;
    Ok(failure(&report.0)?)
}
