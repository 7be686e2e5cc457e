//! `egctl owners resolve`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::error::message_of;
use epistemic_operations::names::shown;
use epistemic_router::Endpoint;
use epistemic_router::owners::{Conflict, Scope};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::failure;
use super::steps::{Aside, Plan, Steps, plan};
use super::words::content;
use crate::exit::{EXIT_CODES, Exit, Failure, exit_of};
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;

/// See to it that one shard serves each graph that two serve, or none.
///
/// Of two owners the one with the newest term keeps the graph, or the one given with --keep. The other becomes a signpost, and
/// its records stay there under another name, NAME.set-aside-ID, to be compared, exported or deleted. A graph that nobody
/// serves is served again where its records are; when they are nowhere, what to do is told. May be repeated, also after a
/// kill: each step is one commit.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ResolveArgs {
    /// Exact names of graphs.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    graphs: Vec<String>,
    /// All graphs with two owners or none.
    #[arg(long)]
    all: bool,
    /// The shard that keeps the graphs that it and another one serve.
    #[arg(long, value_name = "E")]
    keep: Option<Endpoint>,
    /// Drop the records of shards that give way, in place of giving them another name.
    #[arg(long)]
    drop: bool,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Resolved {
    dry_run: bool,
    graphs: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    graph: String,
    #[serde(flatten)]
    plan: Option<Plan>,
    /// What became of the records of shards that gave way.
    set_aside: Vec<Aside>,
    /// Why it has two owners or none still.
    error: Option<String>,
}

pub(super) fn run(args: &ResolveArgs, runtime: &Runtime) -> Result<()> {
    let mut survey = runtime.block_on(args.shards.survey(Scope::All))?;
    if !survey.unasked.is_empty() {
        // Who does not answer may have the newest term.
        survey.conflicts.clear();
        return Ok(failure(&survey)?);
    }
    survey.conflicts.retain(|conflict| args.all || args.graphs.contains(&conflict.graph));
    let steps = Steps { shards: &args.shards, runtime, drop: args.drop };
    let mut failed = Vec::new();
    let mut row = |conflict: &Conflict| {
        let planned = plan(conflict, args.keep.as_ref());
        let done = match &planned {
            Ok(_) if args.dry_run => Ok(Vec::new()),
            Ok(plan) => steps.carry_out(conflict, plan),
            Err(_) => Ok(Vec::new()),
        };
        let restore = match &planned {
            Ok(Plan::Restore { at, .. }) if !args.dry_run => Some(restore(conflict, at)),
            Ok(_) | Err(_) => None,
        };
        let (plan, unplanned) = match planned {
            Ok(plan) => (Some(plan), None),
            Err(error) => (None, Some(anyhow::Error::from(error))),
        };
        let (set_aside, undone) = match done {
            Ok(set_aside) => (set_aside, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let error = unplanned.or(undone).or(restore);
        let told = error.as_ref().map(message_of);
        failed.extend(error);
        Row { graph: conflict.graph.clone(), plan, set_aside, error: told }
    };
    let graphs: Vec<Row> = survey.conflicts.iter().map(&mut row).collect();
    let done = graphs.len() - failed.len();
    args.output.print(&Resolved { dry_run: args.dry_run, graphs })?;
    let Some(first) = failed.first() else { return Ok(()) };
    let exit = if done > 0 { Exit::Partly } else { exit_of(first) };
    let messages: Vec<String> = failed.iter().map(message_of).collect();
    Err(Failure::new(exit, messages.join("\negctl: ")).into())
}

/// No shard has the records.
fn restore(conflict: &Conflict, at: &str) -> anyhow::Error {
    let graph = &conflict.graph;
    let posts: Vec<&str> = conflict.signposts.iter().map(|post| post.endpoint.as_str()).collect();
    let message = format!(
        "graph '{graph}': no shard has its records. Restore it where it is to be, egctl backup restore --graph '{graph}' \
         --endpoint {at}, or from a newer checkpoint of that shard; or give it up, egctl moves --forget '{graph}' \
         --endpoint {}",
        posts.join(" and --endpoint ")
    );
    Failure::new(Exit::Failed, message).into()
}

impl Report for Resolved {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.graphs.is_empty() {
            return writeln!(out, "nothing to resolve: each of these graphs has one owner");
        }
        let would = if self.dry_run { "would be " } else { "" };
        for row in self.graphs.iter().filter(|row| row.error.is_none()) {
            let graph = shown(&row.graph);
            match &row.plan {
                Some(Plan::Keep { serves, term, give_way }) => {
                    let (endpoint, had) = (&serves.endpoint, content(serves));
                    writeln!(
                        out,
                        "{graph}: {would}served by {endpoint} alone, with term {term} (it had {had})"
                    )?;
                    let asked = give_way
                        .iter()
                        .map(|other| format!("{} gives way ({})", other.endpoint, content(other)));
                    let told = row.set_aside.iter().map(Aside::told);
                    asked.chain(told).try_for_each(|line| writeln!(out, "  {line}"))?;
                }
                Some(Plan::TakeBack { serves }) => {
                    writeln!(out, "{graph}: {would}served by {} again, as it left there", serves.endpoint)?;
                }
                Some(Plan::Open { serves, .. }) => {
                    writeln!(
                        out,
                        "{graph}: {would}served by {} as it had arrived there ({})",
                        serves.endpoint,
                        content(serves)
                    )?;
                }
                Some(Plan::Restore { at, .. }) => {
                    writeln!(out, "{graph}: no shard has its records, it has to be restored at {at}")?;
                }
                None => {}
            }
        }
        Ok(())
    }
}
