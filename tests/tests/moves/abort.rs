//! Moves that are given up under writers: the graph stays, or is again, where it was.

use anyhow::{Context, Result, ensure};

use crate::load::Load;
use crate::mover::Mover;
use crate::{NODES, Pair, STEPS, written};

#[test]
fn a_move_is_given_up_at_every_step() -> Result<()> {
    let pair = Pair::start()?;
    for step in STEPS {
        given_up(&pair, step, false).with_context(|| step.to_owned())?;
    }
    Ok(())
}

/// A mover that was thought to be dead must not bring the graph away.
#[test]
fn a_move_is_given_up_while_its_mover_sleeps() -> Result<()> {
    let pair = Pair::start()?;
    for step in STEPS.into_iter().filter(|step| !["reserve", "receipt"].contains(step)) {
        given_up(&pair, step, true).with_context(|| step.to_owned())?;
    }
    Ok(())
}

fn given_up(pair: &Pair, step: &str, mover_lives: bool) -> Result<()> {
    let graph = format!("given up at {step}");
    pair.prepare(&graph, NODES)?;
    let places = pair.places();
    let load = Load::start(&graph, places.clone(), true)?;
    let mover = Mover::new(&pair.work, &graph, &places, &graph);
    let Some(held) = mover.held_at(step)? else { return Ok(()) };
    let mut aborting = Mover::new(&pair.work, &graph, &places, &format!("{graph}, abort"));
    if mover_lives {
        // From the directory of the mover that sleeps, whose journal is locked, or from another one.
        let from_its_directory = step.len().is_multiple_of(2);
        let output = if from_its_directory { mover.abort()? } else { aborting.abort()? };
        ensure!(output.status.success(), "abort: {}", String::from_utf8_lossy(&output.stderr));
        held.go_on()?;
        let output = held.ended()?;
        ensure!(!output.status.success(), "it moved: {}", String::from_utf8_lossy(&output.stdout));
    } else {
        drop(held);
        aborting = mover;
    }
    let output = aborting.abort()?;
    let text = String::from_utf8_lossy(&output.stderr);
    match step {
        "receipt" => {
            ensure!(
                output.status.code() == Some(1) && text.contains("resume the move to finish it"),
                "{text}"
            );
            aborting.finish()?;
            load.await_writes(40)?;
            written::check(&load.stop()?, &mut pair.destination.client()?, &graph)?;
            return pair.served_by_destination(&graph);
        }
        _ if output.status.success() => {}
        _ => ensure!(text.contains("no move of graph"), "{text}"),
    }
    load.await_writes(40)?;
    let writers = load.stop()?;
    written::check(&writers, &mut pair.source.client()?, &graph)?;
    // Clients that the signpost of a graph which had left has led there are sent back.
    let gone =
        pair.destination.client()?.call(&graph, "NodeCount", None).err().context("the copy is served")?;
    let (text, rows) = (gone.to_string(), crate::mover::standings(pair, &graph)?);
    let sent_back = text.contains(&format!("MOVED: graph '{graph}' moved to '{}'", places[0].name));
    ensure!(sent_back || text.contains("not found"), "{text}");
    ensure!(rows.len() == usize::from(sent_back), "something is on the move still: {rows:?}");
    ensure!(rows.iter().all(|row| row["dropped"] == true), "{rows:?}");
    aborting.finish()?;
    pair.served_by_destination(&graph)?;
    written::check(&writers, &mut pair.destination.client()?, &graph)
}
