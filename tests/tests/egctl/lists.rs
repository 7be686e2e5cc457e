//! Lists of graphs and of signposts, and errors of usage for programs.

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use serde_json::Value;

use super::{endpoint, fails, json};

fn names(listed: &Value) -> Vec<&str> {
    let rows = listed["graphs"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().filter_map(|row| row["name"].as_str()).collect()
}

#[test]
fn graphs_are_chosen_and_put_in_order() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    let at = endpoint(&server);
    let mut client = server.client()?;
    for (graph, nodes) in [("tenant__b__g", 3), ("tenant__a__g", 7), ("tenant__a__h", 5), ("other", 9)] {
        client.create_graph(graph)?;
        for number in 0..nodes {
            client.add_node(
                graph,
                &format!("n{number}"),
                &[&[0xc5, 16, 0][..], &vec![7; 4096 * nodes]].concat(),
            )?;
        }
    }
    client.add_edge("tenant__b__g", "n0", "n1", b"\x80")?;
    let list = |args: &[&str]| json(&[&["graphs", "--endpoint", &at][..], args].concat());
    ensure!(
        names(&list(&["--match", "tenant__a__*", "--sort", "name"])?) == ["tenant__a__g", "tenant__a__h"]
    );
    ensure!(
        names(&list(&["--match", "tenant__?__g"])?) == ["tenant__b__g", "tenant__a__g"],
        "as they were made"
    );
    let largest = list(&["--sort", "nodes", "--limit", "2"])?;
    ensure!(names(&largest) == ["other", "tenant__a__g"], "{largest}");
    // What is left out is counted all the same, __commons__ too.
    ensure!(largest["total"]["graphs"] == 5 && largest["total"]["nodes"] == 24, "{largest}");
    ensure!(names(&list(&["--sort", "edges", "--limit", "1"])?) == ["tenant__b__g"]);
    let sized = list(&["--sort", "bytes", "--limit", "1"])?;
    ensure!(names(&sized) == ["other"] && sized["graphs"][0]["bytes"].is_u64(), "{sized}");
    let changed = list(&["--sort", "changed", "--limit", "1"])?;
    ensure!(names(&changed) == ["tenant__b__g"], "{changed}");
    ensure!(list(&["--match", "nothing*"])?["total"]["graphs"] == 0);
    Ok(())
}

#[test]
fn errors_of_usage_are_json_where_results_are() -> Result<()> {
    for args in [
        &["graphs", "--json", "--sort", "colour"][..],
        &["moves", "--forget-older-than", "soon", "--json"],
        &["no-such-command", "--json"],
        &["get", "--jsonl", "--no-such-flag"],
    ] {
        let error = fails(2, args);
        ensure!(error.lines().count() == 1, "{error}");
        let told: Value = serde_json::from_str(&error).context(error.clone())?;
        ensure!(told["exit"] == 2 && told["code"].is_null(), "{told}");
        let text = told["error"].as_str().context("error")?;
        ensure!(!text.starts_with("error:") && !text.contains('\u{1b}'), "{text}");
    }
    let text = fails(2, &["graphs", "--sort", "colour"]);
    ensure!(text.contains("possible values: name, nodes"), "{text}");
    let (help, _) = super::with(&[]).ends(0, ["graphs", "--help", "--json"])?;
    ensure!(help.contains("Usage:"), "help is for people: {help}");
    Ok(())
}

#[test]
fn old_signposts_are_removed_together() -> Result<()> {
    let [from, to] = [ServerProcess::ours().tcp().start()?, ServerProcess::ours().tcp().start()?];
    let [here, there] = [&from, &to].map(endpoint);
    let home = tempfile::tempdir()?;
    let journal = home.path().join("moves.jsonl");
    for graph in ["a", "b"] {
        from.client()?.create_graph(graph)?;
        let args = ["move", graph, "--from", &here, "--to", &there, "--journal", super::text(&journal)];
        super::Egctl::with_secret(super::SECRET).ends(0, args)?;
    }
    let both = format!("{here},{there}");
    let moves = |args: &[&str]| json(&[&["moves", "--endpoints", &both][..], args].concat());
    let young = moves(&["--forget-older-than", "1h"])?;
    ensure!(young["forgotten"] == Value::Array(Vec::new()), "{young}");
    ensure!(young["moves"].as_array().map(Vec::len) == Some(2), "{young}");
    let old = moves(&["--forget-older-than", "1ms"])?;
    let forgotten = old["forgotten"].as_array().context("forgotten")?;
    ensure!(forgotten.len() == 2 && forgotten[0]["place"] == here.as_str(), "{old}");
    ensure!(forgotten[0]["to"] == there.as_str() && old["moves"] == Value::Array(Vec::new()), "{old}");
    let error = from.client()?.call("a", "NodeCount", None).unwrap_err().to_string();
    ensure!(error.contains("not found"), "{error}");
    to.client()?.call("a", "NodeCount", None)?;
    Ok(())
}
