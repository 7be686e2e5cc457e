//! The shard that a graph came to is set back to before that: nobody serves it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::Client;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::params;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::tier::{Tier, Which, checkpoint, endpoint, newest_checkpoint};
use super::{GRAPH, LIMIT, add, has, refused, told};

/// The move took a checkpoint there before the source dropped what it had.
#[test]
fn the_newest_checkpoint_of_a_destination_has_what_moved_there() -> Result<()> {
    let mut tier = Tier::start()?;
    tier.move_there(&[])?;
    let after = newest_checkpoint(&tier.destination)?;
    tier.restore(Which::Destination, &after)?;
    has(&mut tier.destination.client()?, GRAPH, 10)?;
    tier.is_settled()
}

#[test]
fn a_destination_without_what_moved_there_does_not_create_it_and_says_what_to_do() -> Result<()> {
    let mut tier = Tier::start()?;
    let backup = format!("file://{}", tier.work.path().join("backup").display());
    let before = checkpoint(&tier.destination)?;
    tier.move_there(&["--no-checkpoint"])?;
    add(&mut tier.destination.client()?, GRAPH, 10, 12)?;
    let there = endpoint(&tier.destination);
    tier.egctl(0, &["backup", "create", "--to", &backup, "--endpoint", &there])?;
    tier.restore(Which::Destination, &before)?;

    let mut destination = tier.destination.client()?;
    ensure!(told(&mut destination, "no_owner")? == 1);
    ensure!(tier.destination.output().contains("no shard serves a graph"), "{}", tier.destination.output());
    // No empty stand-in, not even for a client whose list has it there.
    let create = [("graph_name", GRAPH.into()), ("graph_type", "Agent".into())];
    let text = refused(&mut destination, GRAPH, "CreateGraph", &create)?;
    ensure!(text.starts_with("GRAPH_MISSING: ") || text.contains("WRONG_SHARD: "), "{text}");
    // Nor as a copy of another graph.
    let text = refused(&mut destination, "__commons__", "Fork", &[("graph_name", GRAPH.into())])?;
    ensure!(text.starts_with("GRAPH_MISSING: "), "{text}");
    tier.is_told("no_owner")?;
    let (_, advice) = tier.egctl(1, &["owners", "resolve", GRAPH])?;
    ensure!(advice.contains("egctl backup restore") && advice.contains("egctl moves --forget"), "{advice}");
    tier.is_told("no_owner")?;
    // Restored to a directory of its own and brought there by a move: the list gives the graph to the other shard.
    let directory = tier.work.path().join("from the backup").display().to_string();
    fs_err::create_dir(&directory)?;
    tier.egctl(0, &["backup", "restore", "--from", &backup, "--graph", GRAPH, "--to-dir", &directory])?;
    let from = ["move", GRAPH, "--from", "tcp://restored:1", "--from-dir", &directory, "--to", &there];
    tier.egctl(0, &from)?;
    tier.is_settled()?;
    has(&mut destination, GRAPH, 12)
}

/// The move had not come to its end: the source has all that it handed over.
#[test]
fn a_source_that_has_the_records_still_serves_them_again() -> Result<()> {
    let mut tier = Tier::start()?;
    let before = checkpoint(&tier.destination)?;
    killed_at(&tier, "receipt")?;
    tier.restore(Which::Destination, &before)?;
    tier.is_told("no_owner")?;
    let resolved = tier.json(0, &["owners", "resolve", GRAPH])?;
    ensure!(resolved["graphs"][0]["action"] == "take_back", "{resolved}");
    tier.is_settled()?;
    let [mut source, mut destination] = tier.clients()?;
    has(&mut source, GRAPH, 10)?;
    ensure!(refused(&mut destination, GRAPH, "NodeCount", &[])?.contains("not found"));
    // And it moves like any other.
    tier.move_there(&[])?;
    has(&mut destination, GRAPH, 10)
}

/// Begins the move, and kills whoever moves the graph before this step.
fn killed_at(tier: &Tier, step: &str) -> Result<()> {
    let (from, to) = (endpoint(&tier.source), endpoint(&tier.destination));
    let mut mover = tier.command(&["move", GRAPH, "--from", &from, "--to", &to])?;
    let mut mover = mover.env("EGCTL_HOLD_AT", step).spawn()?;
    let options =
        WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let pid = Pid::from_child(&mover);
    let held = poll(LIMIT, Duration::from_millis(2), || waitid(WaitId::Pid(pid), options))?;
    ensure!(held.with_context(|| format!("it did not come to {step}"))?.stopped());
    mover.kill()?;
    mover.wait()?;
    Ok(())
}

fn delete(client: &mut Client) -> Result<()> {
    client.call(GRAPH, "DeleteGraph", params([("graph_name", GRAPH.into())]))?;
    Ok(())
}

/// What clients delete behind a move is no conflict.
#[test]
fn a_graph_that_was_deleted_where_it_moved_is_missed_by_nobody() -> Result<()> {
    let tier = Tier::start()?;
    tier.move_there(&[])?;
    delete(&mut tier.destination.client()?)?;
    tier.is_settled()
}

/// Nor behind one that was given up, nor where another gave way.
#[test]
fn a_graph_that_was_deleted_where_it_stayed_is_missed_by_nobody() -> Result<()> {
    let mut tier = Tier::start()?;
    killed_at(&tier, "admit")?;
    let (from, to) = (endpoint(&tier.source), endpoint(&tier.destination));
    tier.egctl(0, &["move", GRAPH, "--from", &from, "--to", &to, "--abort"])?;
    delete(&mut tier.source.client()?)?;
    tier.is_settled()?;

    let mut source = tier.source.client()?;
    source.create_graph(GRAPH)?;
    add(&mut source, GRAPH, 0, 3)?;
    let before = checkpoint(&tier.source)?;
    tier.move_there(&[])?;
    tier.restore(Which::Source, &before)?;
    tier.egctl(0, &["owners", "resolve", GRAPH])?;
    delete(&mut tier.destination.client()?)?;
    tier.is_settled()
}
