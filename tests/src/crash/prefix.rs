//! The check where acknowledged does not mean synced: what survived is a prefix of what was acknowledged, without a hole.

use anyhow::{Context, Result, bail, ensure};

use super::check::{Verdict, differences};
use super::domain::Domain;
use super::load::{Writers, lock};
use super::state::State;
use crate::server::ServerProcess;

/// How much of a history was found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survived {
    /// Operations found done.
    pub done: usize,
    /// Operations of the history.
    pub of: usize,
}

/// What was found of one domain.
struct Found {
    name: String,
    /// Instants of the request and of the answer of each operation.
    spans: Vec<(u64, u64)>,
    /// The numbers of operations that explain what was found, ascending.
    fits: Vec<usize>,
    /// The one that is taken.
    done: usize,
}

impl Writers {
    /// Checks that the server holds, of each domain, what the first operations of its history make, and of all domains
    /// together a prefix: with an operation everything that was answered before it was sent, and everything up to the last
    /// one answered by the instant `at` that is synced in each mode. Needs [`Writers::with_history`]; nothing may be in flight.
    pub fn check_prefix(&self, server: &ServerProcess, at: u64) -> Result<Survived> {
        let mut verdict = Verdict::default();
        let mut found = self.read(server, &mut verdict)?;
        verdict.into_result()?;
        let mut domains = Vec::new();
        for domain in &self.domains {
            let domain = lock(domain);
            let actual = found.remove(&domain.name).unwrap_or_else(State::empty);
            domains.push(fitting(&domain, &actual, at)?);
        }
        ensure!(found.is_empty(), "content of unknown domains: {:?}", found.keys());
        without_hole(&mut domains)?;
        Ok(Survived {
            done: domains.iter().map(|domain| domain.done).sum(),
            of: domains.iter().map(|domain| domain.spans.len()).sum(),
        })
    }
}

fn fitting(domain: &Domain, actual: &State, at: u64) -> Result<Found> {
    let (mut state, mut fits, mut nearest) = (State::empty(), Vec::new(), Vec::new());
    for done in 0..=domain.history.len() {
        if let Some(entry) = done.checked_sub(1).map(|index| &domain.history[index]) {
            state.apply(&entry.op);
        }
        if state == *actual || differences(&state, actual).is_empty() {
            fits.push(done);
        } else if fits.is_empty() {
            let found = differences(&state, actual);
            if nearest.is_empty() || found.len() < nearest.len() {
                nearest = found;
            }
        }
    }
    let first = nearest.first().map(ToString::to_string).unwrap_or_default();
    let synced = domain.history.iter().rposition(|entry| entry.op.is_always_synced() && entry.answered <= at);
    let least = synced.map_or(0, |index| index + 1);
    let done = *fits.iter().find(|done| **done >= least).with_context(|| {
        let of = domain.history.len();
        let told = format!("no prefix of at least {least} of {of} operations, but {fits:?}");
        format!("{}: {told}; of the nearest: {first}", domain.name)
    })?;
    let spans = domain.history.iter().map(|entry| (entry.sent, entry.answered)).collect();
    Ok(Found { name: domain.name.clone(), spans, fits, done })
}

/// Raises the numbers as far as the others need: whoever has an operation needs all that were answered before it was sent.
fn without_hole(domains: &mut [Found]) -> Result<()> {
    loop {
        let newest =
            domains.iter().filter_map(|domain| Some(domain.spans[domain.done.checked_sub(1)?].0)).max();
        let Some(newest) = newest else { return Ok(()) };
        let mut raised = false;
        for Found { name, spans, fits, done } in &mut *domains {
            let least = spans.partition_point(|(_, answered)| *answered < newest);
            if *done >= least {
                continue;
            }
            let Some(next) = fits.iter().find(|fit| **fit >= least) else {
                bail!(
                    "{name}: {fits:?} operations are there, {least} were answered before one that is there was sent"
                );
            };
            (*done, raised) = (*next, true);
        }
        if !raised {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(spans: &[(u64, u64)], fits: &[usize]) -> Found {
        Found { name: "d".into(), spans: spans.to_vec(), fits: fits.to_vec(), done: fits[0] }
    }

    #[test]
    fn a_prefix_of_all_is_taken() {
        let mut domains = [domain(&[(1, 2), (5, 6)], &[1]), domain(&[(3, 4), (7, 8)], &[0])];
        without_hole(&mut domains).unwrap();
        assert_eq!(domains.map(|domain| domain.done), [1, 0]);
    }

    #[test]
    fn concurrent_operations_may_survive_in_any_number() {
        for fits in [[0, 1], [1, 0]] {
            let mut domains = fits.map(|fit| domain(&[(1, 9)], &[fit]));
            without_hole(&mut domains).unwrap();
        }
    }

    #[test]
    fn a_hole_is_found() {
        let mut domains = [domain(&[(1, 2), (5, 6)], &[2]), domain(&[(3, 4)], &[0])];
        assert!(without_hole(&mut domains).is_err());
    }

    #[test]
    fn an_operation_that_changes_nothing_counts_as_it_must() {
        let mut domains = [domain(&[(1, 2), (5, 6)], &[2]), domain(&[(3, 4), (9, 10)], &[0, 1, 2])];
        without_hole(&mut domains).unwrap();
        assert_eq!(domains.map(|domain| domain.done), [2, 1]);
    }
}
