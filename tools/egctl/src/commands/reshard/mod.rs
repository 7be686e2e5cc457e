//! `egctl reshard`: the list of endpoints changes, and graphs move to their new owners. The work is done in
//! `epistemic_operations::reshard`.
//!
//! * `plan` is `egctl reshard plan`, `report` shows a plan to people.
//! * `apply` is the other commands, `args` their arguments; `board` shows progress, `summary` what it came to.

mod apply;
mod args;
mod board;
mod plan;
mod report;
mod summary;

use std::io::{self, Write};

use anyhow::Result;
use clap::Subcommand;
use epistemic_operations::reshard::Refusal;
use serde::Serialize;
use tokio::runtime::Runtime;

use self::args::{AbortArgs, ApplyArgs, PauseArgs, ResumeArgs, StatusArgs};
use self::plan::PlanArgs;
use crate::output::Report;

/// The reshard commands.
#[derive(Subcommand, Debug)]
pub(in crate::commands) enum ReshardCommand {
    Plan(PlanArgs),
    Apply(ApplyArgs),
    Resume(ResumeArgs),
    Pause(PauseArgs),
    Abort(AbortArgs),
    Status(StatusArgs),
}

/// Runs one of them.
pub(in crate::commands) fn run(command: &ReshardCommand, runtime: &Runtime) -> Result<()> {
    match command {
        ReshardCommand::Plan(args) => plan::run(args, runtime),
        ReshardCommand::Apply(args) => apply::apply(args, runtime),
        ReshardCommand::Resume(args) => apply::resume(args, runtime),
        ReshardCommand::Pause(args) => apply::pause(args),
        ReshardCommand::Abort(args) => apply::abort(args, runtime),
        ReshardCommand::Status(args) => apply::status(args),
    }
}

/// What `--json` prints in place of a plan. People read it on stderr.
#[derive(Serialize)]
struct Refused<'r> {
    refusals: &'r [Refusal],
}

impl Report for Refused<'_> {
    fn write_text(&self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
