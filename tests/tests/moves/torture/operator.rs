//! An operator who finishes what has begun, or gives it up; and what the two shards must say then.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, Value};

use super::arena::Arena;
use super::program::{Program, Report, Task};
use crate::digest;

/// Commands after which there must be nothing left to do.
const PATIENCE: usize = 12;

/// Runs commands until nothing is on the way. Aborts first, or moves on first.
pub(super) fn finish(arena: &Arena, graph: &str, work: &Path, aborts: bool) -> Result<Vec<Report>> {
    let mut reports: Vec<Report> = Vec::new();
    for number in 0..PATIENCE {
        if !is_on_the_way(arena, graph)? {
            return Ok(reports);
        }
        let task = if aborts == number.is_multiple_of(2) { Task::Abort } else { Task::Move };
        let mut program = Program::new(task, graph, arena.names(), 100, Duration::ZERO, None);
        let report = program.run(work)?;
        if let (Task::Move, Some(receipt)) = (task, &report.answer)
            && let Some(told) = receipt["digest"].as_str()
        {
            // Nobody writes any more.
            let (sequence, found) = digest(&mut client(arena, 1)?, graph)?;
            ensure!(
                receipt["digest_at"] == sequence && told == found,
                "{receipt}, found {found} at {sequence}"
            );
        }
        reports.push(report);
    }
    let told: Vec<_> = reports.iter().map(|report| (report.task, &report.errors)).collect();
    bail!("it does not end: {told:?}")
}

/// What was said must be so: a move that succeeded was admitted, one that was given up is refused by both.
pub(super) fn check(arena: &Arena, graph: &str, reports: &[Report]) -> Result<()> {
    for report in reports {
        let Some(answer) = &report.answer else { continue };
        let move_id = answer["move_id"].as_str().context("no move id")?;
        let expected = match report.task {
            Task::Move => ["departed", "admitted"],
            Task::Abort => ["refused", "refused"],
        };
        for (place, expected) in expected.into_iter().enumerate() {
            let looked =
                client(arena, place)?.call(graph, "MoveLook", params([("move_id", move_id.into())]))?;
            let outcome = field(&looked, "outcome").and_then(|outcome| field(outcome, "outcome"));
            ensure!(
                outcome.and_then(Value::as_str) == Some(expected),
                "{answer}: place {place} has {looked}"
            );
        }
    }
    Ok(())
}

fn is_on_the_way(arena: &Arena, graph: &str) -> Result<bool> {
    for place in 0..2 {
        let rows = client(arena, place)?.call(graph, "MoveStatus", params([("graph_name", graph.into())]))?;
        for row in rows.as_array().context("rows")? {
            let dropped = field(row, "dropped").and_then(Value::as_bool);
            match field(row, "standing").and_then(Value::as_str) {
                Some("served") => {}
                Some("moved") if dropped == Some(true) => {}
                Some(_) | None => return Ok(true),
            }
        }
    }
    Ok(false)
}

fn client(arena: &Arena, place: usize) -> Result<Client> {
    Ok(Client::connect(&arena.places()[place].endpoint, "test-secret")?)
}
