//! `egctl identity copy`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use epistemic_operations::remote::{Download, ServiceTaken, upload_identities};
use epistemic_router::Endpoint;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;

/// Register the agents of one shard with others, as a new shard needs it before graphs move to it. All of a shard or none.
///
/// Agents that are registered there already stay as they are; those that are otherwise are told, and it ends with 6.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct CopyArgs {
    /// The shard that has them.
    #[arg(long, value_name = "E")]
    from: Endpoint,
    /// A shard that is to have them; may be repeated. Default: all others of the list.
    #[arg(long, value_name = "E")]
    to: Vec<Endpoint>,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Copied {
    from: String,
    copied: Vec<CopiedTo>,
}

#[derive(Serialize)]
struct CopiedTo {
    place: String,
    #[serde(flatten)]
    taken: ServiceTaken,
}

/// Copies from shard to shard, and prints what was copied when one of them fails.
pub(super) fn copy(args: &CopyArgs, runtime: &Runtime) -> Result<()> {
    let listed = if args.to.is_empty() { args.shards.list()?.as_slice().to_vec() } else { args.to.clone() };
    let to: Vec<_> = listed.into_iter().filter(|endpoint| *endpoint != args.from).collect();
    if to.is_empty() {
        let message = "there is no other shard: name one with --to, or all of them with --endpoints";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let mut copied = Vec::new();
    let ended = to.iter().try_for_each(|endpoint| {
        let taken = copy_to(args, endpoint, runtime)?;
        copied.push(CopiedTo { place: endpoint.to_string(), taken });
        anyhow::Ok(())
    });
    let differ = copied.iter().any(|to| !to.taken.other_identities.is_empty());
    args.output.print(&Copied { from: args.from.to_string(), copied })?;
    ended?;
    if differ {
        let message =
            "some agents are registered otherwise there: egctl identity add gives them another role";
        return Err(Failure::new(Exit::Partly, message).into());
    }
    Ok(())
}

fn copy_to(args: &CopyArgs, to: &Endpoint, runtime: &Runtime) -> Result<ServiceTaken> {
    let (stream, client) = runtime.block_on(async {
        let from = args.shards.connect(&args.from).await?;
        anyhow::Ok((Download::open_service(from).await?, args.shards.connect(to).await?))
    })?;
    upload_identities(runtime.handle(), &client, stream)
}

impl Report for Copied {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for CopiedTo { place, taken } in &self.copied {
            writeln!(out, "{} agents of {} are registered at {place} now", taken.identities, self.from)?;
            for agent in &taken.other_identities {
                writeln!(out, "  {} is registered there otherwise and stays so", shown(agent))?;
            }
        }
        Ok(())
    }
}
