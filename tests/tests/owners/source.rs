//! The shard that a graph left is set back to before that: two serve it.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;

use super::tier::{Tier, Which, checkpoint, endpoint, metric, set_back};
use super::{GRAPH, LIMIT, add, has, refused, told};

/// What is at the source from before the move, under the name that it was given.
fn set_aside(tier: &Tier, resolved: &serde_json::Value) -> Result<String> {
    let aside = &resolved["graphs"][0]["set_aside"][0];
    ensure!(aside["endpoint"] == endpoint(&tier.source).as_str(), "{resolved}");
    Ok(aside["kept_as"].as_str().context("it was not kept")?.to_owned())
}

#[test]
fn a_source_that_is_restored_from_a_checkpoint_serves_nobody_what_moved() -> Result<()> {
    let mut tier = Tier::start()?;
    let before = checkpoint(&tier.source)?;
    tier.move_there(&[])?;
    add(&mut tier.destination.client()?, GRAPH, 10, 15)?;
    tier.restore(Which::Source, &before)?;

    // From the first request on.
    let [mut source, mut destination] = tier.clients()?;
    let words =
        format!("MOVED: graph '{GRAPH}' moved to '{}'; nothing was done", endpoint(&tier.destination));
    let node = [("node_id", "stray".into()), ("properties_msgpack", epistemic_tests::wire::bin([0x80]))];
    for text in
        [refused(&mut source, GRAPH, "NodeCount", &[])?, refused(&mut source, GRAPH, "AddNode", &node)?]
    {
        ensure!(text.contains(&words), "{text}");
    }
    has(&mut destination, GRAPH, 15)?;
    ensure!(told(&mut source, "two_owners")? == 1);
    ensure!(tier.source.output().contains("two shards serve a graph"), "{}", tier.source.output());
    let series = "epistemic_graph_ownership_conflicts{kind=\"two_owners\"}";
    ensure!(metric(&tier.source, series)? == Some(1.0));
    tier.is_told("two_owners")?;

    let (planned, _) = tier.egctl(0, &["owners", "resolve", GRAPH, "--dry-run"])?;
    ensure!(planned.contains("would be served by"), "{planned}");
    tier.is_told("two_owners")?;
    let resolved = tier.json(0, &["owners", "resolve", GRAPH])?;
    let aside = set_aside(&tier, &resolved)?;
    tier.is_settled()?;
    has(&mut destination, GRAPH, 15)?;
    has(&mut source, &aside, 10)?;
    ensure!(refused(&mut source, GRAPH, "NodeCount", &[])?.contains(&words));
    // Again, and after a restart, nothing is left to do.
    let again = tier.json(0, &["owners", "resolve", "--all"])?;
    ensure!(again["graphs"] == serde_json::json!([]), "{again}");
    tier.source.kill9()?;
    tier.source = tier.source.builder().start()?;
    tier.is_settled()?;
    ensure!(refused(&mut tier.source.client()?, GRAPH, "NodeCount", &[])?.contains(&words));
    Ok(())
}

/// A copy of the directory does not know that it is one.
#[test]
fn an_older_directory_is_noticed_soon_after_the_start() -> Result<()> {
    let mut tier = Tier::start()?;
    let old = tier.work.path().join("old");
    let directory = tier.source.persist_dir().to_owned();
    set_back(&mut tier.source, &directory.clone(), |_| {
        ensure!(Command::new("cp").arg("-a").arg(&directory).arg(&old).status()?.success());
        Ok(())
    })?;
    tier.move_there(&[])?;
    add(&mut tier.destination.client()?, GRAPH, 10, 12)?;
    set_back(&mut tier.source, &old, |_| Ok(()))?;
    let mut source = tier.source.client()?;
    let seen = poll(LIMIT, Duration::from_millis(20), || {
        anyhow::Ok((told(&mut source, "two_owners")? == 1).then_some(()))
    })?;
    seen.context("the shard did not notice")?;
    ensure!(refused(&mut source, GRAPH, "NodeCount", &[])?.starts_with("MOVED: "));
    tier.is_told("two_owners")?;
    tier.egctl(0, &["owners", "resolve", "--all", "--drop"])?;
    tier.is_settled()?;
    has(&mut tier.destination.client()?, GRAPH, 12)
}

/// A backup is of the graph, not of who serves it.
#[test]
fn a_source_that_is_restored_from_a_backup_is_noticed() -> Result<()> {
    let mut tier = Tier::start()?;
    let backup = format!("file://{}", tier.work.path().join("backup").display());
    tier.egctl(0, &["backup", "create", "--to", &backup, "--endpoint", &endpoint(&tier.source)])?;
    tier.move_there(&[])?;
    add(&mut tier.destination.client()?, GRAPH, 10, 12)?;
    let directory = tier.work.path().join("from the backup");
    fs_err::create_dir(&directory)?;
    let to = directory.display().to_string();
    let mut restore = tier.command(&["backup", "restore", "--from", &backup, "--to-dir", &to])?;
    set_back(&mut tier.source, &directory, |_| {
        let output = restore.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    })?;
    let mut source = tier.source.client()?;
    let seen = poll(LIMIT, Duration::from_millis(20), || {
        anyhow::Ok((told(&mut source, "two_owners")? == 1).then_some(()))
    })?;
    seen.context("the shard did not notice")?;
    tier.is_told("two_owners")?;
    let resolved = tier.json(0, &["owners", "resolve", GRAPH])?;
    tier.is_settled()?;
    has(&mut tier.destination.client()?, GRAPH, 12)?;
    has(&mut source, &set_aside(&tier, &resolved)?, 10)
}
