//! `egctl digest` and `egctl diff` of files, directories and shards.

use anyhow::{Context, Result};
use epistemic_tests::transfer;
use epistemic_tests::wire::params;
use serde_json::{Value, json as value};
use tempfile::TempDir;

use super::{GRAPH, SECRET, egctl, endpoint, fails, json, server_with_graph, text};

/// Runs `egctl diff --json`; the exit code and what it printed.
fn diff(a: &str, b: &str, more: &[&str]) -> Result<(Option<i32>, Value)> {
    let args = [&["diff", a, b, "--json"], more].concat();
    let output = egctl(&[("GRAPH_SERVICE_AUTH_SECRET", SECRET)], &args)?;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code(), serde_json::from_slice(&output.stdout).context(error)?))
}

#[test]
fn copies_are_compared_wherever_they_are() -> Result<()> {
    let mut server = server_with_graph()?;
    let home = TempDir::new()?;
    let shard = endpoint(&server);
    let file = home.path().join("first.snap");
    let taken = json(&["snapshot", "export", GRAPH, "-o", text(&file), "--endpoint", &shard])?;
    json(&["snapshot", "import", text(&file), "--as", "copy", "--endpoint", &shard])?;
    let online = |graph: &str| format!("{shard}#{graph}");

    let digests = json(&["digest", "--endpoint", &shard])?;
    let of = |digests: &Value, index: usize| digests["graphs"][index]["digest"].clone();
    let names: Vec<_> = (0..3).map(|index| digests["graphs"][index]["graph"].clone()).collect();
    assert_eq!(names, ["__commons__", GRAPH, "copy"]);
    assert_eq!([of(&digests, 1), of(&digests, 2)], [taken["digest"].clone(), taken["digest"].clone()]);
    assert_eq!(of(&json(&["digest", "copy", "--endpoint", &shard])?, 0), taken["digest"]);
    assert_eq!(of(&json(&["digest", "--file", text(&file)])?, 0), taken["digest"]);
    assert_eq!(diff(text(&file), &online(GRAPH), &[])?.0, Some(0));
    let (code, equal) = diff(&online(GRAPH), &online("copy"), &["--ledger"])?;
    assert_eq!((code, &equal["equal"], &equal["a"]["digest"]), (Some(0), &true.into(), &taken["digest"]));

    let mut client = server.client()?;
    client.add_node("copy", "n\n1", b"\x80")?;
    client.add_node("copy", "new", b"\x80")?;
    client.add_edge("copy", "new", "n2", b"")?;
    client.call(GRAPH, "RemoveNode", params([("node_id", "opaque".into())]))?;
    let (code, found) = diff(&online(GRAPH), &online("copy"), &[])?;
    let expected = value!({
        "nodes": { "only_in_a": 0, "only_in_b": 2, "changed": 1 },
        "edges": { "only_in_a": 0, "only_in_b": 1, "changed": 0 },
        "vectors": { "only_in_a": 0, "only_in_b": 0, "changed": 0 },
    });
    assert_eq!((code, &found["differences"], &found["equal"]), (Some(5), &expected, &false.into()));
    let shown: Vec<_> = found["shown"].as_array().context("shown")?.iter().map(|row| &row["node"]).collect();
    assert_eq!(shown, [&Value::from("n\n1"), &"new".into(), &"opaque".into(), &Value::Null]);
    assert_eq!(found["shown"][3]["source"], "new");

    server.terminate()?;
    let dir = |graph: &str| format!("dir:{}#{graph}", server.persist_dir().display());
    let (code, offline) = diff(&dir(GRAPH), &dir("copy"), &["--limit", "1"])?;
    assert_eq!((code, &offline["differences"]), (Some(5), &expected));
    assert_eq!(offline["shown"].as_array().map(Vec::len), Some(1));
    let (code, with_ledger) = diff(text(&file), &dir(GRAPH), &["--ledger"])?;
    assert_eq!((code, &with_ledger["differences"]["ledger"]["only_in_b"]), (Some(5), &1.into()));
    let told = egctl(&[], &["diff", &dir(GRAPH), &dir("copy"), "--limit", "2"])?;
    let told = String::from_utf8(told.stdout)?;
    assert!(told.contains("~ node \"n\\n1\"") && told.contains("and 2 more: raise --limit"), "{told}");
    let persist_dir = text(server.persist_dir());
    assert_eq!(of(&json(&["digest", "--dir", persist_dir])?, 1), found["a"]["digest"]);
    Ok(())
}

#[test]
fn copies_that_cannot_be_read_are_named() -> Result<()> {
    let mut server = server_with_graph()?;
    let home = TempDir::new()?;
    let (good, bad) = (home.path().join("good.snap"), home.path().join("bad.snap"));
    // More than a pipe holds.
    transfer::fill(&mut server.client()?, GRAPH, 2_000, 500)?;
    json(&["snapshot", "export", GRAPH, "-o", text(&good), "--endpoint", &endpoint(&server)])?;
    let bytes = fs_err::read(&good)?;
    fs_err::write(&bad, &bytes[..bytes.len() / 2])?;
    server.terminate()?;
    let dir = format!("dir:{}#{GRAPH}", server.persist_dir().display());
    for (a, b) in [(text(&bad), dir.as_str()), (&dir, text(&bad)), (text(&good), text(&bad))] {
        let error = fails(4, &["diff", a, b]);
        assert!(error.contains("bad.snap: snapshot refused at offset"), "{error}");
    }
    assert_eq!(diff(&dir, text(&good), &["--ledger"])?.0, Some(0));
    let error = fails(1, &["diff", text(&good), &format!("{dir}x")]);
    assert!(error.contains("not found"), "{error}");
    assert!(fails(2, &["diff", text(&good), "tcp://localhost:1"]).contains("#GRAPH"));
    assert!(fails(1, &["diff", text(&good), "absent"]).contains("absent"));
    assert!(
        fails(3, &["diff", text(&good), &format!("{}#g", endpoint(&server))]).contains("Connection refused")
    );
    fails(2, &["digest", "--file", text(&good), "--dir", text(server.persist_dir())]);
    fails(4, &["digest", "--file", text(&bad)]);
    Ok(())
}
