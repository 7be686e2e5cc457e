//! Carrying a task out from its beginning to its end, and giving its moves up.

use anyhow::Result;
use epistemic_router::Endpoint;
use tokio::runtime::Runtime;

use super::super::error::ReshardError;
use super::super::gather::gather;
use super::super::refusal::PlanRefused;
use super::check::{Objection, check};
use super::outcome::Outcome;
use super::places::Places;
use super::progress::{NewProgress, Unseen};
use super::run::{Failed, Run};
use super::state::State;
use crate::hosts::Credentials;
use crate::moves::{Control, Timing};

/// Times that the shards are looked at for graphs that were created meanwhile.
const ROUNDS: usize = 4;

/// How the moves of a task are made.
pub struct Manner<'m> {
    /// To be let in by running shards.
    pub credentials: &'m Credentials,
    /// For what is asked of them.
    pub runtime: &'m Runtime,
    /// Pace, pause and stop.
    pub control: &'m Control,
    /// Graphs that move at the same time.
    pub parallel: usize,
    /// Limits of each move.
    pub timing: Timing,
    /// Whether destinations take no checkpoints before sources drop what left.
    pub no_checkpoint: bool,
}

/// What came of it.
pub struct Carried {
    /// Graphs that did not move.
    pub failed: Vec<Failed>,
    /// Why it was not looked once more whether all is done.
    pub objection: Option<anyhow::Error>,
}

impl State {
    /// Checks, reserves, moves, and looks again until nothing is left.
    ///
    /// # Errors
    /// [`PlanRefused`] or another error before anything was changed; a move whose journal cannot be written.
    pub fn carry_out(&mut self, manner: &Manner<'_>, progress: &NewProgress<'_>) -> Result<Carried> {
        let (mut failed, mut objection) = (Vec::new(), None);
        for round in 0..ROUNDS {
            let numbers = match self.look_again(manner, round == 0) {
                Ok(numbers) => numbers,
                Err(error) if round == 0 => return Err(error),
                Err(error) => {
                    objection = Some(error);
                    break;
                }
            };
            self.save()?;
            if numbers.is_empty() || round + 1 == ROUNDS {
                break;
            }
            let places = self.places(&numbers, manner)?;
            let run = manner.run(self, &places);
            let moves: Vec<_> = numbers.iter().filter_map(|&number| self.task.get(number)).collect();
            let progress = progress(&moves);
            run.reserve(&numbers)?;
            failed = run.move_all(&numbers, &*progress)?;
            if !failed.is_empty() || manner.control.is_stopped() {
                break;
            }
        }
        Ok(Carried { failed, objection })
    }

    /// Gives up the moves that are not finished, or that of `graph` alone; returns those that could not be. What is served
    /// at its destination stays there. Of endpoints that are `gone` for good the other one alone is asked.
    ///
    /// # Errors
    /// [`ReshardError::NoMove`]; a directory cannot be opened.
    pub fn give_up(
        &self,
        graph: Option<&str>,
        gone: &[Endpoint],
        manner: &Manner<'_>,
    ) -> Result<Vec<Failed>> {
        let outcomes = self.outcomes();
        let wanted = |number: &usize| {
            let named = self.task.get(*number).map(|planned| planned.graph.as_str());
            outcomes[*number].is_open() && graph.is_none_or(|graph| named == Some(graph))
        };
        let numbers: Vec<usize> = (0..outcomes.len()).filter(wanted).collect();
        if let Some(graph) = graph.filter(|_| numbers.is_empty()) {
            return Err(ReshardError::NoMove { graph: graph.to_owned(), dir: self.dir().to_owned() }.into());
        }
        let places = self.places(&numbers, manner)?;
        let run = manner.run(self, &places);
        let is_gone = |endpoint: &str| gone.iter().any(|gone| gone.as_str() == endpoint);
        let both_there = |number: usize| {
            self.task.get(number).is_some_and(|graph| !is_gone(&graph.from) && !is_gone(&graph.to))
        };
        let (settled, begun): (Vec<usize>, Vec<usize>) =
            numbers.iter().partition(|&&number| outcomes[number] == Outcome::Settled && both_there(number));
        let mut failed = run.leave(&settled, &Unseen);
        failed.extend(run.abort(&begun, gone)?);
        Ok(failed)
    }

    /// Compares what is there with the task; returns what is to be moved.
    fn look_again(&mut self, manner: &Manner<'_>, first: bool) -> Result<Vec<usize>> {
        let change = self.task.plan.change()?;
        let mut given = Vec::new();
        for (endpoint, path) in &self.task.directories {
            given.push((Endpoint::parse(endpoint)?, path.clone()));
        }
        let outcomes = self.outcomes();
        let objection = match gather(&change, &given, manner.credentials, manner.runtime)? {
            Ok(shards) => match check(&mut self.task, &outcomes, &change, shards) {
                Ok(numbers) => return Ok(numbers),
                Err(objection) => objection,
            },
            Err(refusals) => Objection::Refused(refusals),
        };
        Err(match objection {
            Objection::Other(error) => error.into(),
            Objection::Refused(refusals) => {
                let heading = match first {
                    true => "nothing was changed:",
                    false => "the graphs have moved, but the shards are not as they have to be:",
                };
                PlanRefused { heading, refusals }.into()
            }
        })
    }

    fn places(&self, numbers: &[usize], manner: &Manner<'_>) -> Result<Places> {
        let graphs = numbers.iter().filter_map(|&number| self.task.get(number));
        let endpoints = graphs.flat_map(|graph| [graph.from.as_str(), graph.to.as_str()]).collect();
        Places::open(&endpoints, &self.task.directories, manner.credentials, manner.runtime.handle())
    }
}

impl<'m> Manner<'m> {
    fn run(&self, state: &'m State, places: &'m Places) -> Run<'m> {
        let Self { control, parallel, timing, no_checkpoint, .. } = *self;
        Run { state, places, control, parallel, timing, no_checkpoint }
    }
}
