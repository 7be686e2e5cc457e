//! Graphs as text.

use anyhow::{Context, Result, ensure};
use epistemic_tests::{python, shared};
use serde_json::Value;
use tempfile::TempDir;

use super::{GRAPH, ODD, at_every_place, endpoint, fails, json, says, server_with_graph, text};

#[test]
fn every_place_exports_the_same_lines() -> Result<()> {
    let mut first: Option<String> = None;
    at_every_place(|place| {
        let lines = says(&[&["export", "-g", GRAPH], place].concat())?;
        let first = first.get_or_insert_with(|| lines.clone());
        ensure!(lines == *first, "{place:?}: {lines}\nfirst: {first}");
        Ok(())
    })?;
    let lines: Vec<Value> =
        first.context("a place")?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap_or("-")).collect();
    let nodes = ["node"; 4];
    let edges = ["edge"; 5];
    ensure!(kinds == [&["graph"][..], &nodes, &edges, &["embedding", "end"]].concat(), "{kinds:?}");
    ensure!(lines[0]["graph"] == GRAPH && lines[0]["nodes"] == 4 && lines[0]["edges"] == 5, "{}", lines[0]);
    ensure!(lines[10]["components"] == serde_json::json!([0.1, 2.5]), "{}", lines[10]);
    Ok(())
}

#[test]
fn a_file_is_complete_or_as_it_was() -> Result<()> {
    let server = server_with_graph()?;
    let home = TempDir::new()?;
    let file = home.path().join("g.jsonl");
    let at = endpoint(&server);
    fs_err::write(&file, "old")?;
    fails(1, &["export", "-g", "nobody", "-o", text(&file), "--endpoint", &at]);
    ensure!(fs_err::read_to_string(&file)? == "old", "it stays");
    let told = json(&["export", "-g", GRAPH, "-o", text(&file), "--endpoint", &at])?;
    ensure!(told["nodes"] == 4 && told["edges"] == 5 && told["embeddings"] == 1, "{told}");
    ensure!(told["bytes"] == fs_err::metadata(&file)?.len(), "{told}");
    ensure!(fs_err::read_dir(home.path())?.count() == 1, "nothing else is left");
    Ok(())
}

/// networkx is one of the programs that open it.
#[test]
fn graphml_is_read_by_others() -> Result<()> {
    let server = server_with_graph()?;
    let mut client = server.client()?;
    client.add_node(GRAPH, "<&\">'", b"\x83\xa1n\x07\xa1f\xcb\x3f\xe0\0\0\0\0\0\0\xa1b\xc3")?;
    client.add_node(GRAPH, "mixed", b"\x82\xa1n\xcb\x40\x00\0\0\0\0\0\0\xa1b\xa1x")?;
    client.add_node(GRAPH, "c\u{1}", b"\x80")?;
    let home = TempDir::new()?;
    let file = home.path().join("g.graphml");
    let told = json(&[
        "export",
        "-g",
        GRAPH,
        "--format",
        "graphml",
        "-o",
        text(&file),
        "--endpoint",
        &endpoint(&server),
    ])?;
    ensure!(told["nodes"] == 7 && told["edges"] == 5, "{told}");
    let script = fs_err::read_to_string(shared::package()?.join("python/graphml_check.py"))?;
    let read = python::check(python::NETWORKX, &script, &[text(&file)])?;
    let read: Value = serde_json::from_str(read.trim())?;
    let nodes = read["nodes"].as_object().context("nodes")?;
    ensure!(nodes.len() == 7 && nodes.contains_key(ODD) && nodes.contains_key("c\\u{1}"), "{read}");
    ensure!(nodes["<&\">'"] == serde_json::json!({"n": 7.0, "f": 0.5, "b": "true"}), "{read}");
    ensure!(nodes["mixed"] == serde_json::json!({"n": 2.0, "b": "x"}), "{read}");
    ensure!(nodes["n2"]["name"] == "Grete", "{read}");
    let edges = read["edges"].as_array().context("edges")?;
    ensure!(edges.len() == 5 && edges.iter().any(|edge| edge[2]["w"] == 0.5), "{read}");
    Ok(())
}
