//! The command line of `egctl reshard`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use epistemic_router::{AFFINITY_VAR, Affinity, EndpointList};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::apply::{self, AbortArgs, ApplyArgs, PauseArgs, ResumeArgs, StatusArgs};
use super::estimate::parse_rate;
use super::gather::{directories, gather};
use super::inventory::Change;
use super::model::Plan;
use super::plan::plan;
use super::refusal::{Refusal, failure};
use super::report::PlanReport;
use super::spelling;
use crate::cli::{CredentialArgs, EXIT_CODES, NewFile, OutputArgs, Report, must_have_schemes};

/// The reshard commands.
#[derive(Subcommand, Debug)]
pub(crate) enum ReshardCommand {
    Plan(PlanArgs),
    Apply(ApplyArgs),
    Resume(ResumeArgs),
    Pause(PauseArgs),
    Abort(AbortArgs),
    Status(StatusArgs),
}

/// Show which graphs have to move when the list of endpoints changes, and whether they can. Changes nothing.
///
/// Every graph on any shard of both lists goes to its owner by the new list; an empty __commons__ is on every shard. All
/// shards are read, the new ones too: running ones over the network, others from the directory given with --dir. There is no
/// plan when a graph could be lost, doubled or left behind; each reason is told with what to do.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct PlanArgs {
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

/// Runs one of them.
pub(crate) fn run(command: &ReshardCommand, runtime: &Runtime) -> Result<()> {
    match command {
        ReshardCommand::Plan(args) => print_plan(args, runtime),
        ReshardCommand::Apply(args) => apply::apply(args, runtime),
        ReshardCommand::Resume(args) => apply::resume(args, runtime),
        ReshardCommand::Pause(args) => apply::pause(args),
        ReshardCommand::Abort(args) => apply::abort(args, runtime),
        ReshardCommand::Status(args) => apply::status(args),
    }
}

fn print_plan(args: &PlanArgs, runtime: &Runtime) -> Result<()> {
    let wanted = Wanted {
        from: &args.from,
        to: &args.to,
        affinity_groups: args.affinity_groups.as_deref(),
        directories: &args.directories,
        rate_limit: args.rate_limit,
        credentials: &args.credentials,
    };
    let plan = match wanted.plan(runtime)? {
        Ok(plan) => plan,
        Err(refusals) => {
            args.output.print(&Refused { refusals: &refusals })?;
            return Err(failure("there is no plan, and nothing was changed:", &refusals).into());
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

/// What a plan is wanted for.
pub(super) struct Wanted<'w> {
    pub(super) from: &'w EndpointList,
    pub(super) to: &'w EndpointList,
    pub(super) affinity_groups: Option<&'w str>,
    /// As `ENDPOINT=PATH`.
    pub(super) directories: &'w [String],
    pub(super) rate_limit: Option<u64>,
    pub(super) credentials: &'w CredentialArgs,
}

impl Wanted<'_> {
    /// Reads all shards and plans. The outer error is about the command line, the inner one about the shards.
    pub(super) fn plan(&self, runtime: &Runtime) -> Result<Result<Plan, Vec<Refusal>>> {
        must_have_schemes(self.from)?;
        must_have_schemes(self.to)?;
        let change = self.change()?;
        let refusals = spelling::check(&change);
        if !refusals.is_empty() {
            return Ok(Err(refusals));
        }
        let directories = directories(&change, self.directories)?;
        let shards = gather(&change, &directories, self.credentials, runtime)?;
        let planned = shards.and_then(|shards| plan(&change, &shards, self.rate_limit));
        let affinity_groups = self.affinity_groups.map(str::to_owned);
        Ok(planned.map(|plan| Plan { affinity_groups, ..plan }))
    }

    /// The change of lists.
    pub(super) fn change(&self) -> Result<Change> {
        let affinity = Affinity::resolve(|_| self.affinity_groups.map(str::to_owned))?;
        Ok(Change { from: self.from.clone(), to: self.to.clone(), affinity })
    }
}

/// What `--json` prints in place of a plan. People read it on stderr.
#[derive(Serialize)]
pub(super) struct Refused<'r> {
    pub(super) refusals: &'r [Refusal],
}

impl Report for Refused<'_> {
    fn write_text(&self, _out: &mut dyn Write) -> std::io::Result<()> {
        Ok(())
    }
}
