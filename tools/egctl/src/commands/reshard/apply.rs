//! `egctl reshard apply`, `resume`, `pause`, `abort` and `status`.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Result;
use epistemic_operations::error::message_of;
use epistemic_operations::moves::{Control, Timing};
use epistemic_operations::reshard::{
    Carried, Claim, Failed, Manner, Plan, PlanRefused, ReshardError, State, Summary, Wanted, set_paused,
};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::Refused;
use super::args::{AbortArgs, ApplyArgs, PauseArgs, ResumeArgs, RunArgs, StatusArgs};
use super::board::Board;
use crate::exit::{Exit, Failure, exit_of};
use crate::output::{OutputArgs, Report};

pub(super) fn apply(args: &ApplyArgs, runtime: &Runtime) -> Result<()> {
    let claim = Claim::new(&args.run.state)?;
    let plan = match (&args.plan, &args.from, &args.to) {
        (Some(path), ..) => Ok(Plan::load(path)?),
        (None, Some(from), Some(to)) => {
            let wanted = Wanted {
                from,
                to,
                affinity_groups: args.affinity_groups.as_deref(),
                directories: &args.run.directories,
                rate_limit: args.run.rate_limit,
                credentials: &args.run.credentials.credentials()?,
            };
            // Before anything is asked over the network.
            args.run.directories(&wanted.change()?)?;
            wanted.plan(runtime)?
        }
        (None, ..) => return Err(Failure::new(Exit::Usage, "give --plan, or --from and --to").into()),
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(refusals) => {
            let refused = PlanRefused { heading: "nothing was changed:", refusals };
            return Err(printed(&args.run.output, refused.into()));
        }
    };
    let directories = args.run.directories(&plan.change()?)?;
    let mut state = claim.begin(plan, directories);
    carry_out(&mut state, &args.run, runtime)
}

pub(super) fn resume(args: &ResumeArgs, runtime: &Runtime) -> Result<()> {
    let dir = &args.run.state;
    set_paused(dir, false)?;
    let mut state = match State::open(dir) {
        Ok(state) => state,
        Err(error) if matches!(error.downcast_ref(), Some(ReshardError::Held { .. })) => {
            return args.run.output.print(&Told { told: "the egctl that carries it out goes on" });
        }
        Err(error) => return Err(error),
    };
    if !args.run.directories.is_empty() {
        state.task.directories = args.run.directories(&state.task.plan.change()?)?;
    }
    carry_out(&mut state, &args.run, runtime)
}

pub(super) fn pause(args: &PauseArgs) -> Result<()> {
    set_paused(&args.look.state, true)?;
    args.look.output.print(&Told {
        told: "it holds before its next step or piece; a graph whose writes are refused is handed over first",
    })
}

pub(super) fn status(args: &StatusArgs) -> Result<()> {
    args.look.output.print(&Summary::read(&args.look.state)?)
}

pub(super) fn abort(args: &AbortArgs, runtime: &Runtime) -> Result<()> {
    let state = State::open(&args.state)?;
    let manner = Manner {
        credentials: &args.credentials.credentials()?,
        runtime,
        control: &Control::new(None),
        parallel: 1,
        timing: Timing::default(),
        no_checkpoint: false,
    };
    let failed = state.give_up(args.graph.as_deref(), &args.gone, &manner)?;
    finish(&state, &args.output, &failed, "given up")
}

fn carry_out(state: &mut State, args: &RunArgs, runtime: &Runtime) -> Result<()> {
    let control = Arc::new(Control::new(args.rate_limit));
    control.stop_at_interrupt(runtime);
    let manner = Manner {
        credentials: &args.credentials.credentials()?,
        runtime,
        control: &control,
        parallel: args.parallel.into(),
        timing: args.timing(),
        no_checkpoint: args.no_checkpoint,
    };
    let carried = state.carry_out(&manner, &|moves| Box::new(Board::new(moves)));
    let Carried { failed, objection } = carried.map_err(|error| printed(&args.output, error))?;
    finish(state, &args.output, &failed, "moved")?;
    objection.map_or(Ok(()), Err)
}

/// Saves and prints the summary.
///
/// # Errors
/// Something is left to do.
fn finish(state: &State, output: &OutputArgs, failed: &[Failed], what: &str) -> Result<()> {
    let summary = Summary::save(state)?;
    output.print(&summary)?;
    let unreachable = |failed: &&Failed| exit_of(&failed.error) == Exit::Unreachable;
    if let Some(Failed { number, error }) = failed.iter().find(unreachable).or_else(|| failed.first()) {
        let graph = state.task.get(*number).map(|graph| graph.graph.as_str()).unwrap_or_default();
        let message =
            format!("{} graphs were not {what}; graph '{graph}': {}", failed.len(), message_of(error));
        return Err(Failure::new(exit_of(error), message).into());
    }
    if summary.left > 0 && what == "moved" {
        let message = format!(
            "stopped with {} graphs left: go on with egctl reshard resume --state '{}'",
            summary.left,
            state.dir().display()
        );
        return Err(Failure::new(Exit::Failed, message).into());
    }
    Ok(())
}

/// The error, whose refusals are printed for `--json` if it is of some.
fn printed(output: &OutputArgs, error: anyhow::Error) -> anyhow::Error {
    let Some(PlanRefused { refusals, .. }) = error.downcast_ref() else { return error };
    match output.print(&Refused { refusals }) {
        Ok(()) => error,
        Err(error) => error,
    }
}

#[derive(Serialize)]
struct Told {
    told: &'static str,
}

impl Report for Told {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.told)
    }
}
