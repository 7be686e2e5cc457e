//! Loading lines of JSON: whole, twice, interrupted, wrong.

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use serde_json::Value;
use tempfile::TempDir;

use super::{GRAPH, endpoint, fails, json, said, says, server_with_graph, text, with_input};

fn digest(graph: &str, at: &[&str]) -> Result<Value> {
    Ok(json(&[&["digest", graph], at].concat())?["graphs"][0].clone())
}

/// Lines without the first one, which has the number of the newest change.
fn content(graph: &str, at: &[&str]) -> Result<String> {
    let lines = says(&[&["export", "-g", graph], at].concat())?;
    Ok(lines.split_once('\n').context("lines")?.1.to_owned())
}

#[test]
fn what_was_exported_is_loaded_as_it_was() -> Result<()> {
    let server = server_with_graph()?;
    let at = endpoint(&server);
    let at = ["--endpoint", at.as_str()];
    let home = TempDir::new()?;
    let file = home.path().join("g.jsonl");
    json(&[&["export", "-g", GRAPH, "-o", text(&file)], &at[..]].concat())?;
    let load = [&["load", text(&file), "-g", "copy"], &at[..]].concat();
    ensure!(fails(1, &load).contains("'copy' not found: give --create"), "a graph is not made by accident");
    ensure!(fails(2, &[&["load", text(&file)], &at[..]].concat()).contains("--graph"), "a graph is named");
    let told = json(&[&load[..], &["--create"]].concat())?;
    ensure!(
        told["nodes"] == 4 && told["edges"] == 5 && told["embeddings"] == 1 && told["unchanged"] == 0,
        "{told}"
    );
    ensure!(content("copy", &at)? == content(GRAPH, &at)?, "the same lines");

    // Once more: nothing but the embedding is written, which nobody can compare.
    let before = digest("copy", &at)?;
    let told = json(&load)?;
    ensure!(told["nodes"] == 0 && told["edges"] == 0 && told["unchanged"] == 9, "{told}");
    let after = digest("copy", &at)?;
    ensure!(after["digest"] == before["digest"], "{before} {after}");
    ensure!(
        after["sequence"].as_u64() == before["sequence"].as_u64().map(|sequence| sequence + 1),
        "{before} {after}"
    );
    Ok(())
}

#[test]
fn directories_are_loaded_too() -> Result<()> {
    let mut server = server_with_graph()?;
    let at = endpoint(&server);
    let home = TempDir::new()?;
    let (file, dir) = (home.path().join("g.jsonl"), home.path().join("new"));
    json(&["export", "-g", GRAPH, "-o", text(&file), "--endpoint", &at])?;
    fs_err::create_dir(&dir)?;
    let told = json(&["load", text(&file), "-g", "copy", "--create", "Team", "--dir", text(&dir)])?;
    ensure!(told["nodes"] == 4, "{told}");
    let there = content("copy", &["--dir", text(&dir)])?;
    ensure!(there == content(GRAPH, &["--endpoint", &at])?, "the same lines");
    let listed = json(&["graphs", "--dir", text(&dir)])?;
    ensure!(
        listed["graphs"].as_array().is_some_and(|rows| rows.iter().any(|row| row["type"] == "Team")),
        "{listed}"
    );
    let locked = fails(1, &["load", text(&file), "-g", "copy", "--dir", text(server.persist_dir())]);
    ensure!(locked.contains("owns"), "{locked}");
    server.terminate()?;
    Ok(())
}

#[test]
fn an_interrupted_load_is_made_complete() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let at = endpoint(&server);
    let mut lines = String::new();
    for number in 0..2500 {
        lines.push_str(&format!(
            "{{\"type\":\"node\",\"id\":\"n{number}\",\"properties\":{{\"number\":{number}}}}}\n"
        ));
    }
    for number in 1..2500 {
        let line = format!("{{\"type\":\"edge\",\"source\":\"n{number}\",\"target\":\"n{}\"}}\n", number / 2);
        lines.push_str(&line);
        lines.push_str(&line);
    }
    let args = ["load", "-", "-g", "g", "--create", "--endpoint", &at];
    // Cut off in the middle of a line.
    let cut = with_input(&args, &lines.as_bytes()[..lines.len() / 2])?;
    let error = String::from_utf8_lossy(&cut.stderr).into_owned();
    ensure!(cut.status.code() == Some(6) && error.contains("the lines before it are loaded"), "{error}");
    let line: u64 =
        error.split("line ").nth(1).and_then(|rest| rest.split(':').next()).context("a line")?.parse()?;
    said(&with_input(&args, lines.as_bytes())?)?;
    let whole = json(&["graphs", "--endpoint", &at])?["graphs"][1].clone();
    ensure!(whole["nodes"] == 2500 && whole["edges"] == 4998, "{whole}");

    // The rest of the lines does the same, and nothing is written twice.
    let from = line.to_string();
    let told = with_input(&[&args[..], &["--from-line", &from, "--json"]].concat(), lines.as_bytes())?;
    let told: Value = serde_json::from_str(&said(&told)?)?;
    ensure!(told["skipped"] == line - 1 && told["nodes"] == 0 && told["edges"] == 0, "{told}");
    Ok(())
}

#[test]
fn wrong_lines_are_named_and_nothing_is_lost() -> Result<()> {
    let server = server_with_graph()?;
    let at = endpoint(&server);
    let load = |lines: &str| with_input(&["load", "-", "-g", GRAPH, "--endpoint", &at], lines.as_bytes());
    let node = "{\"type\":\"node\",\"id\":\"new\"}\n";
    for (lines, code, told) in [
        ("{\"type\":\"node\",\"propertis\":{}}\n".to_owned(), 4, "line 1: unknown field `propertis`"),
        (
            format!("{node}{{\"type\":\"edge\",\"source\":\"new\",\"target\":\"gone\"}}\n"),
            6,
            "line 2: Target node 'gone' not found",
        ),
        (format!("{node}not JSON"), 6, "line 2: "),
        (
            format!("{node}{{\"type\":\"end\",\"nodes\":2,\"edges\":0,\"embeddings\":0}}\n"),
            6,
            "lines are missing",
        ),
        (format!("{{\"type\":\"graph\",\"graph\":\"g\",\"nodes\":1,\"edges\":0}}\n{node}"), 6, "cut off"),
    ] {
        let output = load(&lines)?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(code) && error.contains(told), "{lines}: {error}");
    }
    ensure!(
        json(&["get", "new", "n2", "-g", GRAPH, "--endpoint", &at])?["nodes"]
            .as_array()
            .is_some_and(|nodes| nodes.len() == 2)
    );
    Ok(())
}
