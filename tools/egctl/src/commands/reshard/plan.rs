//! `egctl reshard plan`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::quantity::parse_rate;
use epistemic_operations::reshard::{PlanRefused, Wanted};
use epistemic_router::{AFFINITY_VAR, EndpointList};
use epistemic_storage::durable::NewFile;
use tokio::runtime::Runtime;

use super::Refused;
use super::report::PlanReport;
use crate::exit::EXIT_CODES;
use crate::output::OutputArgs;
use crate::shards::CredentialArgs;

/// Show which graphs have to move when the list of endpoints changes, and whether they can. Changes nothing.
///
/// Every graph on any shard of both lists goes to its owner by the new list; an empty __commons__ is on every shard. All
/// shards are read, the new ones too: running ones over the network, others from the directory given with --dir. There is no
/// plan when a graph could be lost, doubled or left behind; each reason is told with what to do.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct PlanArgs {
    /// The list so far, comma-separated or as a JSON list, letter by letter as clients have it.
    #[arg(long, value_name = "LIST", value_parser = EndpointList::parse)]
    from: EndpointList,
    /// The list from now on.
    #[arg(long, value_name = "LIST", value_parser = EndpointList::parse)]
    to: EndpointList,
    /// Read this shard offline: the persist directory of a stopped server, an empty one for a new shard, or a checkpoint.
    /// May be repeated.
    #[arg(long = "dir", value_name = "ENDPOINT=PATH")]
    directories: Vec<String>,
    /// Most bytes per second that the moves will take, such as 50MB; makes the expected time longer.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    rate_limit: Option<u64>,
    /// Further groups of graphs that are placed together, as in every client.
    #[arg(long, value_name = "GROUPS", env = AFFINITY_VAR)]
    affinity_groups: Option<String>,
    /// Save the plan to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// List all graphs that move, not only the first ones.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &PlanArgs, runtime: &Runtime) -> Result<()> {
    let credentials = args.credentials.credentials()?;
    let wanted = Wanted {
        from: &args.from,
        to: &args.to,
        affinity_groups: args.affinity_groups.as_deref(),
        directories: &args.directories,
        rate_limit: args.rate_limit,
        credentials: &credentials,
    };
    let plan = match wanted.plan(runtime)? {
        Ok(plan) => plan,
        Err(refusals) => {
            args.output.print(&Refused { refusals: &refusals })?;
            return Err(
                PlanRefused { heading: "there is no plan, and nothing was changed:", refusals }.into()
            );
        }
    };
    if let Some(path) = &args.out {
        let mut file = NewFile::create(path)?;
        serde_json::to_writer_pretty(&mut file, &plan)?;
        file.write_all(b"\n")?;
        file.finish()?;
    }
    args.output.print(&PlanReport { plan: &plan, all: args.all, saved: args.out.as_deref() })
}
