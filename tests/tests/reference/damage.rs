//! Directories of real servers, damaged: what is lost is said graph by graph, and the rest is taken.

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::*;

/// A directory with a snapshot and a log of every filled graph.
fn left_behind() -> Result<ServerProcess> {
    let mut server = reference("0.31.0").start()?;
    fill("0.31.0", &server, "1")?;
    checkpoint(&server)?;
    fill("0.31.0", &server, "2")?;
    kill_behind(&mut server, "last-2")?;
    Ok(server)
}

#[test]
fn damaged_graphs_are_refused_one_by_one_or_taken_in_part() -> Result<()> {
    let server = left_behind()?;
    let dir = server.persist_dir();
    let snapshot = fs_err::read(dir.join("plain.mp"))?;
    fs_err::write(dir.join("plain.mp"), &snapshot[..snapshot.len() / 8])?;
    let log = fs_err::read(dir.join("a_b.wal"))?;
    fs_err::write(dir.join("a_b.wal"), &log[..log.len() - 5])?;
    let mut log = fs_err::read(dir.join("agent___.wal"))?;
    log[2] ^= 1;
    fs_err::write(dir.join("agent___.wal"), log)?;
    fs_err::remove_file(dir.join("tenant__acme____bus__.mp"))?;
    fs_err::remove_file(dir.join("tenant__acme____bus__.wal"))?;
    fs_err::write(dir.join("stray.mp"), &snapshot)?;
    let left = files(dir)?;

    let work = TempDir::new()?;
    let new = work.path().join("new");
    let args = ["import-reference", text(dir), "--to-dir", text(&new)];
    let done = report(6, &args)?;
    for (name, problem) in [
        ("plain", "the snapshot is damaged: node "),
        ("a:b", "the log is damaged: "),
        ("agent:é🙂", "behind change 0: "),
        ("tenant__acme____bus__", "tenant__acme____bus__.mp is missing"),
        ("stray", "manifest.json does not name it"),
    ] {
        let graph = graph(&done, name)?;
        ensure!(
            graph["outcome"] == "refused" && graph["problems"].to_string().contains(problem),
            "{graph:#}"
        );
    }
    ensure!(graph(&done, "empty")?["outcome"] == "imported", "{done:#}");
    let listed = report(0, &["graphs", "--dir", text(&new)])?;
    ensure!(listed["graphs"].as_array().map(Vec::len) == Some(2), "{listed:#}");

    // What is left of the others; of one there is nothing, and no empty graph takes its name.
    let done = report(6, &[&args[..], &["--accept-partial", "--replace"]].concat())?;
    let outcome = |name: &str| -> Result<String> {
        let graph = graph(&done, name)?;
        Ok(format!("{} {} of {}", graph["outcome"], graph["found"]["nodes"], graph["stated"]["nodes"]))
    };
    ensure!(outcome("a:b")? == "\"partial\" 51 of 52", "{done:#}");
    ensure!(outcome("agent:é🙂")? == "\"partial\" 52 of 52", "{done:#}");
    ensure!(outcome("stray")? == "\"partial\" 52 of 52", "{done:#}");
    ensure!(outcome("tenant__acme____bus__")? == "\"refused\" 0 of null", "{done:#}");
    let plain = outcome("plain")?;
    ensure!(plain.starts_with("\"partial\" ") && plain.ends_with(" of 52"), "{plain}");
    ensure!(files(dir)? == left, "the input was changed");
    let seen = dump("0.31.0", &ours_on(&new)?, &[])?;
    ensure!(seen["a:b"]["counts"][0] == 51 && seen.get("tenant__acme____bus__").is_none(), "{seen}");
    Ok(())
}

/// Fault 7: a torn manifest, and every graph is gone. Here the entries before the tear count.
#[test]
fn a_torn_manifest_hides_no_graph() -> Result<()> {
    let server = left_behind()?;
    let manifest = server.persist_dir().join("manifest.json");
    let whole = fs_err::read_to_string(&manifest)?;
    let torn = whole.find("\"empty\"").expect("a graph in the manifest");
    fs_err::write(&manifest, &whole[..torn])?;
    let work = TempDir::new()?;
    let new = work.path().join("new");
    let done = report(6, &["import-reference", text(server.persist_dir()), "--to-dir", text(&new)])?;
    ensure!(graph(&done, "a:b")?["outcome"] == "imported", "{done:#}");
    ensure!(graph(&done, "agent:é🙂")?["outcome"] == "imported", "{done:#}");
    for lost in ["plain", "empty", "tenant__acme____bus__"] {
        let graph = graph(&done, lost)?;
        let problems = graph["problems"].to_string();
        ensure!(graph["outcome"] == "refused" && problems.contains("manifest.json is damaged"), "{graph:#}");
    }
    Ok(())
}

/// A kill between the snapshot and the emptying of the log: the reference adds every edge of the log again.
#[test]
fn a_log_that_was_not_emptied_is_not_made_twice() -> Result<()> {
    let mut server = reference("0.28.0").start()?;
    fill("0.28.0", &server, "1")?;
    let log = server.persist_dir().join("plain.wal");
    let before = dump("0.28.0", &server, &[])?;
    let marker = || -> Result<Option<Vec<u8>>> {
        let bytes = fs_err::read(&log)?;
        Ok(bytes.windows(6).any(|part| part == b"last-1").then_some(bytes))
    };
    let old = poll(Duration::from_secs(10), Duration::from_millis(5), marker)?;
    checkpoint(&server)?;
    server.kill9()?;
    fs_err::write(&log, old.context("the log is not complete")?)?;

    let work = TempDir::new()?;
    let new = work.path().join("new");
    let args = ["import-reference", text(server.persist_dir()), "--to-dir", text(&new)];
    let done = report(6, &args)?;
    let problems = graph(&done, "plain")?["problems"].to_string();
    ensure!(problems.contains("changes in the log are also the last in the snapshot"), "{problems}");
    report(0, &[&args[..], &["--accept-partial", "--replace"]].concat())?;
    let after = dump("0.28.0", &ours_on(&new)?, &[])?;
    same(&before, &after, "plain")
}
