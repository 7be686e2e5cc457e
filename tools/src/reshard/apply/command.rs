//! `egctl reshard apply`, `resume`, `pause`, `abort` and `status`.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::super::command::{Refused, Wanted};
use super::super::gather::gather;
use super::super::model::Plan;
use super::super::refusal::{Refusal, failure};
use super::args::{AbortArgs, ApplyArgs, PauseArgs, ResumeArgs, RunArgs, StatusArgs};
use super::board::Board;
use super::check::{Objection, check};
use super::outcome::Outcome;
use super::places::Places;
use super::run::{Failed, Run};
use super::state::{self, Claim, State};
use super::summary::Summary;
use crate::cli::{CredentialArgs, Exit, Failure, OutputArgs, Report, exit_of, message_of};
use crate::moves::{Control, Timing, is_locked};

/// Times that the shards are looked at for graphs that were created meanwhile.
const ROUNDS: usize = 4;

pub(crate) fn apply(args: &ApplyArgs, runtime: &Runtime) -> Result<()> {
    let claim = Claim::new(&args.run.state).map_err(|error| held(error, &args.run.state))?;
    let plan = match (&args.plan, &args.from, &args.to) {
        (Some(path), ..) => Ok(Plan::load(path)?),
        (None, Some(from), Some(to)) => {
            let wanted = Wanted {
                from,
                to,
                affinity_groups: args.affinity_groups.as_deref(),
                directories: &args.run.directories,
                rate_limit: args.run.rate_limit,
                credentials: &args.run.credentials,
            };
            // Before anything is asked over the network.
            args.run.directories(&wanted.change()?)?;
            wanted.plan(runtime)?
        }
        (None, ..) => return Err(Failure::new(Exit::Usage, "give --plan, or --from and --to").into()),
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(refusals) => return Err(refused(&args.run.output, &refusals)),
    };
    let directories = args.run.directories(&plan.change()?)?;
    let mut state = claim.begin(plan, directories);
    carry_out(&mut state, &args.run, runtime)
}

pub(crate) fn resume(args: &ResumeArgs, runtime: &Runtime) -> Result<()> {
    let dir = &args.run.state;
    state::set_paused(dir, false)?;
    let mut state = match State::open(dir) {
        Ok(state) => state,
        Err(error) if is_locked(&error) => {
            return args.run.output.print(&Told { told: "the egctl that carries it out goes on" });
        }
        Err(error) => return Err(error),
    };
    if !args.run.directories.is_empty() {
        state.task.directories = args.run.directories(&state.task.plan.change()?)?;
    }
    carry_out(&mut state, &args.run, runtime)
}

pub(crate) fn pause(args: &PauseArgs) -> Result<()> {
    state::set_paused(&args.look.state, true)?;
    args.look.output.print(&Told {
        told: "it holds before its next step or piece; a graph whose writes are refused is handed over first",
    })
}

pub(crate) fn status(args: &StatusArgs) -> Result<()> {
    let dir = &args.look.state;
    let seen = state::look(dir)?;
    let outcomes = seen.task.outcomes(&seen.lines);
    args.look.output.print(&Summary::new(dir, &seen.task, &outcomes, seen.running, seen.paused)?)
}

pub(crate) fn abort(args: &AbortArgs, runtime: &Runtime) -> Result<()> {
    let state = State::open(&args.state).map_err(|error| held(error, &args.state))?;
    let outcomes = state.outcomes();
    let wanted = |number: &usize| {
        let named = state.task.get(*number).map(|graph| &graph.graph);
        outcomes[*number].is_open() && args.graph.as_ref().is_none_or(|graph| named == Some(graph))
    };
    let numbers: Vec<usize> = (0..outcomes.len()).filter(wanted).collect();
    if let Some(graph) = args.graph.as_ref().filter(|_| numbers.is_empty()) {
        let message = format!("no move of graph '{graph}' is left in '{}'", args.state.display());
        return Err(Failure::new(Exit::Failed, message).into());
    }
    let places = places(&state, &numbers, &args.credentials, runtime)?;
    let control = Control::new(None);
    let timing = Timing::default();
    let no_checkpoint = false;
    let run = Run { state: &state, places: &places, control: &control, parallel: 1, timing, no_checkpoint };
    // What is served at its destination stays there.
    let board = Board::new(std::iter::empty());
    let is_gone = |endpoint: &str| args.gone.iter().any(|gone| gone.as_str() == endpoint);
    let both_there = |number: usize| {
        state.task.get(number).is_some_and(|graph| !is_gone(&graph.from) && !is_gone(&graph.to))
    };
    let (settled, begun): (Vec<usize>, Vec<usize>) =
        numbers.iter().partition(|&&number| outcomes[number] == Outcome::Settled && both_there(number));
    let mut failed = run.leave(&settled, &board);
    failed.extend(run.abort(&begun, &args.gone)?);
    finish(&state, &args.output, &failed, "given up")
}

/// Checks, reserves, moves, and looks again until nothing is left.
fn carry_out(state: &mut State, args: &RunArgs, runtime: &Runtime) -> Result<()> {
    let control = Arc::new(Control::new(args.rate_limit));
    control.stop_at_interrupt(runtime);
    let (mut failed, mut objection) = (Vec::new(), None);
    for round in 0..ROUNDS {
        let numbers = match look_again(state, args, runtime, round == 0) {
            Ok(numbers) => numbers,
            Err(error) if round == 0 => return Err(error),
            Err(error) => {
                objection = Some(error);
                break;
            }
        };
        state.save()?;
        if numbers.is_empty() || round + 1 == ROUNDS {
            break;
        }
        let places = places(state, &numbers, &args.credentials, runtime)?;
        let (parallel, timing, no_checkpoint) = (args.parallel.into(), args.timing(), args.no_checkpoint);
        let run = Run { state, places: &places, control: &control, parallel, timing, no_checkpoint };
        let board = Board::new(numbers.iter().filter_map(|&number| state.task.get(number)));
        run.reserve(&numbers)?;
        failed = run.move_all(&numbers, &board)?;
        if !failed.is_empty() || control.is_stopped() {
            break;
        }
    }
    finish(state, &args.output, &failed, "moved")?;
    objection.map_or(Ok(()), Err)
}

/// Compares what is there with the task; returns what is to be moved.
fn look_again(state: &mut State, args: &RunArgs, runtime: &Runtime, first: bool) -> Result<Vec<usize>> {
    let change = state.task.plan.change()?;
    let mut given = Vec::new();
    for (endpoint, path) in &state.task.directories {
        given.push((epistemic_router::Endpoint::parse(endpoint)?, path.clone()));
    }
    let outcomes = state.outcomes();
    let objection = match gather(&change, &given, &args.credentials, runtime)? {
        Ok(shards) => match check(&mut state.task, &outcomes, &change, shards) {
            Ok(numbers) => return Ok(numbers),
            Err(objection) => objection,
        },
        Err(refusals) => Objection::Refused(refusals),
    };
    Err(match objection {
        Objection::Other(failure) => failure.into(),
        Objection::Refused(refusals) if first => refused(&args.output, &refusals),
        Objection::Refused(refusals) => {
            failure("the graphs have moved, but the shards are not as they have to be:", &refusals).into()
        }
    })
}

fn places(
    state: &State,
    numbers: &[usize],
    credentials: &CredentialArgs,
    runtime: &Runtime,
) -> Result<Places> {
    let graphs = numbers.iter().filter_map(|&number| state.task.get(number));
    let endpoints = graphs.flat_map(|graph| [graph.from.as_str(), graph.to.as_str()]).collect();
    Places::open(&endpoints, &state.task.directories, credentials, runtime.handle())
}

/// Saves and prints the summary.
///
/// # Errors
/// Something is left to do.
fn finish(state: &State, output: &OutputArgs, failed: &[Failed], what: &str) -> Result<()> {
    let summary = Summary::new(state.dir(), &state.task, &state.outcomes(), false, false)?;
    state.save_summary(&summary)?;
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

fn refused(output: &OutputArgs, refusals: &[Refusal]) -> anyhow::Error {
    match output.print(&Refused { refusals }) {
        Ok(()) => failure("nothing was changed:", refusals).into(),
        Err(error) => error,
    }
}

/// Words for a directory that another process holds.
fn held(error: anyhow::Error, dir: &Path) -> anyhow::Error {
    if !is_locked(&error) {
        return error;
    }
    let message = format!("another egctl works with '{}': wait for it, or end it with ctrl-c", dir.display());
    Failure::new(Exit::Failed, message).into()
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
