//! `kill -9` of each party at each step: no write lost or doubled, one owner.
//!
//! `EG_MOVE_ROUNDS` kills each party so many times at each step (1).

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::seed::number_from_env;

use crate::load::Load;
use crate::mover::{Held, Mover};
use crate::{NODES, Pair, STEPS, digest, written};

#[derive(Debug, Clone, Copy)]
enum Party {
    Source,
    Destination,
    Mover,
}

/// What becomes of the mover when a server is killed.
#[derive(Debug, Clone, Copy)]
enum MoverThen {
    Dies,
    GoesOnWithoutIt,
    GoesOnBesideItsSuccessor,
}

const MOVER_THEN: [MoverThen; 3] =
    [MoverThen::Dies, MoverThen::GoesOnWithoutIt, MoverThen::GoesOnBesideItsSuccessor];

#[test]
fn the_source_is_killed_at_every_step() -> Result<()> {
    rounds(Party::Source)
}

#[test]
fn the_destination_is_killed_at_every_step() -> Result<()> {
    rounds(Party::Destination)
}

#[test]
fn the_mover_is_killed_at_every_step() -> Result<()> {
    rounds(Party::Mover)
}

fn rounds(party: Party) -> Result<()> {
    let mut pair = Pair::start()?;
    for round in 0..number_from_env("EG_MOVE_ROUNDS", 1) {
        for (number, step) in STEPS.into_iter().enumerate() {
            let then = MOVER_THEN[(number + round) % MOVER_THEN.len()];
            let what = format!("{party:?} at {step}, mover {then:?}, round {round}");
            // A tail is compared only if there is one.
            let mut tries =
                (0..5).map(|number| killed(&mut pair, party, step, then, &format!("{what} {number}")));
            let met =
                tries.try_fold(false, |met, done| anyhow::Ok(met || done.with_context(|| what.clone())?));
            ensure!(met?, "{what}: the step was never taken");
        }
    }
    Ok(())
}

/// One move in which a party dies. False: the mover was done without the step.
fn killed(pair: &mut Pair, party: Party, step: &str, then: MoverThen, graph: &str) -> Result<bool> {
    pair.prepare(graph, NODES)?;
    let places = pair.places();
    let load = Load::start(graph, places.clone(), false)?;
    let mover = Mover::new(&pair.work, graph, &places, graph);
    let Some(held) = mover.held_at(step)? else { return Ok(false) };
    match party {
        Party::Source => kill(&mut pair.source, held, then)?,
        Party::Destination => kill(&mut pair.destination, held, then)?,
        Party::Mover => drop(held),
    }
    // In some of the moves nothing is written behind the kill, so that the receipt speaks of what is there at the end.
    let quiet = matches!(then, MoverThen::Dies);
    let (receipt, writers) = if quiet {
        let writers = load.stop()?;
        (mover.finish()?, writers)
    } else {
        let receipt = mover.finish()?;
        load.await_writes(40)?;
        (receipt, load.stop()?)
    };
    pair.served_by_destination(graph)?;
    written::check(&writers, &mut pair.destination.client()?, graph)?;
    let (sequence, content) = digest(&mut pair.destination.client()?, graph)?;
    if quiet && step != "receipt" {
        ensure!(
            receipt["sequence"] == sequence && receipt["digest"] == content,
            "{receipt}, found {content}"
        );
    }
    there_and_back(pair, graph, sequence, &content)?;
    Ok(true)
}

fn kill(server: &mut ServerProcess, mover: Held, then: MoverThen) -> Result<()> {
    server.kill9()?;
    match then {
        MoverThen::Dies => {
            drop(mover);
            *server = server.builder().start()?;
        }
        MoverThen::GoesOnWithoutIt => {
            mover.go_on()?;
            mover.ended()?;
            *server = server.builder().start()?;
        }
        MoverThen::GoesOnBesideItsSuccessor => {
            *server = server.builder().start()?;
            mover.go_on()?;
            mover.ended()?;
        }
    }
    Ok(())
}

/// Moves the quiet graph back over its signpost: content and sequence number stay.
fn there_and_back(pair: &Pair, graph: &str, sequence: u64, content: &str) -> Result<()> {
    let [source, destination] = pair.places();
    let receipt = Mover::new(&pair.work, graph, &[destination, source], graph).finish()?;
    ensure!(
        receipt["digest"] == content
            && receipt["compared_digest"] == content
            && digest(&mut pair.source.client()?, graph)? == (sequence, content.to_owned()),
        "sequence {sequence}, {content}: {receipt}"
    );
    Ok(())
}
