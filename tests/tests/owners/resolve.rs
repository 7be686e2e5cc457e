//! The choice of who keeps a graph, and other graphs beside it.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;

use super::tier::{Tier, Which, checkpoint, endpoint};
use super::{GRAPH, LIMIT, add, has, refused};

/// The operator takes the older term: what was written to the newer one is kept aside.
#[test]
fn the_older_owner_can_keep_the_graph() -> Result<()> {
    let mut tier = Tier::start()?;
    let before = checkpoint(&tier.source)?;
    tier.move_there(&[])?;
    add(&mut tier.destination.client()?, GRAPH, 10, 14)?;
    tier.restore(Which::Source, &before)?;
    let from = endpoint(&tier.source);
    let resolved = tier.json(0, &["owners", "resolve", GRAPH, "--keep", &from])?;
    let aside = resolved["graphs"][0]["set_aside"][0]["kept_as"].as_str().unwrap_or_default().to_owned();
    let [mut source, mut destination] = tier.clients()?;
    has(&mut source, GRAPH, 10)?;
    has(&mut destination, &aside, 14)?;
    let moved = refused(&mut destination, GRAPH, "NodeCount", &[])?;
    ensure!(moved.contains(&format!("moved to '{from}'")), "{moved}");
    tier.is_settled()?;
    // A third party has nothing to choose.
    tier.egctl(0, &["owners", "resolve", GRAPH, "--keep", "unix:///nowhere"]).map(drop)
}

/// An operator brings an older copy to the other shard, beside the graph.
#[test]
fn a_second_copy_that_was_brought_by_a_move_gives_way() -> Result<()> {
    let tier = Tier::start()?;
    let backup = format!("file://{}", tier.work.path().join("backup").display());
    let (from, to) = (endpoint(&tier.source), endpoint(&tier.destination));
    tier.egctl(0, &["backup", "create", "--to", &backup, "--endpoint", &from])?;
    let directory = tier.work.path().join("twice").display().to_string();
    fs_err::create_dir(&directory)?;
    tier.egctl(0, &["backup", "restore", "--from", &backup, "--graph", GRAPH, "--to-dir", &directory])?;
    tier.egctl(0, &["move", GRAPH, "--from", "tcp://restored:1", "--from-dir", &directory, "--to", &to])?;
    tier.is_told("two_owners")?;
    tier.egctl(2, &["owners", "resolve", GRAPH, "--keep", "unix:///nowhere"])?;
    tier.egctl(0, &["owners", "resolve", GRAPH, "--keep", &from, "--drop"])?;
    has(&mut tier.source.client()?, GRAPH, 10)?;
    tier.is_settled()
}

/// A shard that does not answer may have the newest term.
#[test]
fn nothing_is_resolved_while_a_shard_does_not_answer() -> Result<()> {
    let mut tier = Tier::start()?;
    let before = checkpoint(&tier.source)?;
    tier.move_there(&[])?;
    tier.destination.kill9()?;
    tier.restore(Which::Source, &before)?;
    // Nobody says otherwise: the graph is served, and the directory knows that it was restored until somebody does.
    has(&mut tier.source.client()?, GRAPH, 10)?;
    tier.egctl(3, &["owners", "check"])?;
    tier.egctl(3, &["owners", "resolve", GRAPH])?;
    ensure!(tier.source.persist_dir().join("restored.json").exists());
    tier.destination = tier.destination.builder().start()?;
    tier.is_told("two_owners")?;
    tier.egctl(0, &["owners", "resolve", GRAPH])?;
    tier.is_settled()?;
    has(&mut tier.destination.client()?, GRAPH, 10)?;
    let note = tier.source.persist_dir().join("restored.json");
    let settled =
        poll(LIMIT, Duration::from_millis(50), || Ok::<_, Infallible>((!note.exists()).then_some(())))?;
    settled.context("the note that it was restored stays")
}
