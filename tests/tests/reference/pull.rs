//! `egctl pull` from running servers of every version, and from ours.

use anyhow::{Context, Result, ensure};
use epistemic_tests::binaries::REFERENCE_VERSIONS;
use tempfile::TempDir;

use super::*;

/// A full server of this version, copied to ours, and a graph of the copy to another of ours.
fn is_copied_whole_and_so_is_the_copy(version: &str) -> Result<()> {
    let server = reference(version).start()?;
    fill(version, &server, "1")?;
    fill(version, &server, "2")?;
    let flags = ["--types", "--embeddings"];
    let before = dump(version, &server, &flags)?;
    let work = TempDir::new()?;
    let new = work.path().join("new");
    let done = report(0, &["pull", "--from", &endpoint(&server), "--to-dir", text(&new)])?;
    let plain = graph(&done, "plain")?;
    ensure!(plain["outcome"] == "imported" && plain["found"]["embeddings"] == 10, "{plain:#}");
    ensure!(plain["notes"].to_string().contains("does not tell an owner"), "{plain:#}");

    let ours = ours_on(&new)?;
    let after = dump(version, &ours, &flags)?;
    let names = before.as_object().context("graphs")?.keys();
    names
        .map(|name| same(&before, &after, name))
        .collect::<Result<Vec<_>>>()
        .with_context(|| version.to_owned())?;

    // Ours to another of ours: the content digests are equal.
    let second = ServerProcess::ours().in_memory().start()?;
    let args = ["pull", "--from", &endpoint(&ours), "--endpoint", &endpoint(&second), "--graph", "a:b"];
    let copied = report(0, &args)?;
    ensure!(copied["graphs"].as_array().map(Vec::len) == Some(1), "{copied:#}");
    ensure!(graph(&copied, "a:b")?["found"] == graph(&done, "a:b")?["found"], "{copied:#}");
    let seen = dump(version, &second, &flags)?;
    same(&after, &seen, "a:b")?;
    Ok(())
}

#[test]
fn a_server_0_28_is_copied_whole() -> Result<()> {
    is_copied_whole_and_so_is_the_copy(REFERENCE_VERSIONS[0])
}

#[test]
fn a_server_0_31_is_copied_whole() -> Result<()> {
    is_copied_whole_and_so_is_the_copy(REFERENCE_VERSIONS[1])
}

#[test]
fn a_server_2_0_is_copied_whole() -> Result<()> {
    is_copied_whole_and_so_is_the_copy(REFERENCE_VERSIONS[2])
}

#[test]
fn graphs_are_pulled_to_the_shards_that_own_them() -> Result<()> {
    let server = reference("2.0.0").tcp().start()?;
    fill("2.0.0", &server, "1")?;
    let shards = [ServerProcess::ours().start()?, ServerProcess::ours().start()?];
    let list = format!("{},{}", endpoint(&shards[0]), endpoint(&shards[1]));
    let from = format!("tcp://{}", server.tcp_addr());
    let args = ["pull", "--from", &from, "--endpoints", &list];
    report(0, &[&args[..], &["--dry-run"]].concat())?;
    let listed = report(0, &["graphs", "--endpoints", &list])?;
    ensure!(listed["graphs"].as_array().map(Vec::len) == Some(2), "a dry run copied: {listed:#}");
    report(0, &args)?;
    let listed = report(0, &["graphs", "--endpoints", &list])?;
    let graphs = listed["graphs"].as_array().context("graphs")?;
    let misplaced = graphs.iter().filter(|row| !row["belongs_on"].is_null()).count();
    ensure!((graphs.len(), misplaced) == (7, 0), "{listed:#}");
    let again = egctl(&args)?;
    ensure!(again.status.code() == Some(1), "{again:?}");
    Ok(())
}

/// The default graph of published clients, which every shard has from its first start on.
#[test]
fn the_default_graph_goes_into_a_new_directory_and_to_a_shard() -> Result<()> {
    let mut server = reference("0.31.0").start()?;
    let mut client = server.client()?;
    for node in ["a", "b"] {
        client.add_node("__commons__", node, b"\x80")?;
    }
    client.add_edge("__commons__", "a", "b", b"\x80")?;
    let work = TempDir::new()?;
    let (new, other) = (work.path().join("new"), work.path().join("other"));
    let args = ["pull", "--from", &endpoint(&server), "--to-dir", text(&new)];
    let dry = report(0, &[&args[..], &["--dry-run"]].concat())?;
    ensure!(graph(&dry, "__commons__")?["error"].is_null() && !new.exists(), "{dry:#}");
    let done = report(0, &args)?;
    ensure!(graph(&done, "__commons__")?["outcome"] == "imported", "{done:#}");
    checkpoint(&server)?;
    server.kill9()?;
    let done = report(0, &["import-reference", text(server.persist_dir()), "--to-dir", text(&other)])?;
    ensure!(graph(&done, "__commons__")?["found"]["edges"] == 1, "{done:#}");
    let ours = ours_on(&other)?;
    let count = ours.client()?.call("__commons__", "NodeCount", None)?;
    ensure!(count.as_u64() == Some(2), "{count}");
    // With content it is replaced only when that is said.
    let shard = ServerProcess::ours().in_memory().start()?;
    let args = ["pull", "--from", &endpoint(&ours), "--endpoint", &endpoint(&shard)];
    report(0, &args)?;
    let again = egctl(&args)?;
    ensure!(again.status.code() == Some(1), "{again:?}");
    report(0, &[&args[..], &["--replace"]].concat()).map(drop)
}

#[test]
fn owners_come_with_graphs_of_ours() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    server.client()?.acting_as("me").create_graph("mine")?;
    let work = TempDir::new()?;
    let new = work.path().join("new");
    let done = report(0, &["pull", "--from", &endpoint(&server), "--to-dir", text(&new)])?;
    ensure!(graph(&done, "mine")?["owner"] == "me", "{done:#}");
    let listed = report(0, &["graphs", "--dir", text(&new)])?;
    ensure!(listed["graphs"].to_string().contains("\"owner\":\"me\""), "{listed:#}");
    Ok(())
}

#[test]
fn what_cannot_be_pulled_has_its_exit_code() -> Result<()> {
    let server = reference("0.31.0").start()?;
    let work = TempDir::new()?;
    let (new, down) = (work.path().join("new"), work.path().join("no.sock"));
    let (from, down) = (endpoint(&server), format!("unix://{}", down.display()));
    let target = ["--to-dir", text(&new)];
    let fails = |code: i32, args: &[&str], said: &str| -> Result<()> {
        let output = egctl(&[&["pull"], args].concat())?;
        let error = String::from_utf8(output.stderr)?;
        ensure!(
            output.status.code() == Some(code) && error.contains(said),
            "{args:?}: {}: {error}",
            output.status
        );
        Ok(())
    };
    fails(3, &[&["--from", &down][..], &target].concat(), "no.sock")?;
    fails(2, &["--from", &from, "--endpoint", &from], "copied to itself")?;
    fails(1, &[&["--from", &from, "--graph", "none"][..], &target].concat(), "no graph \"none\"")?;
    fails(2, &["--from", &from, "--to-dir", "/no/such/place"], "cannot be created")?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    fails(3, &["--from", &from, "--endpoint", &down], "1 of 2 graphs were not taken")?;
    ensure!(!new.exists(), "a failed pull made a directory");
    Ok(())
}
