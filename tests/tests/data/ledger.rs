//! What a ledger tells, trimming it, clearing it.

use anyhow::{Context, Result, ensure};

use super::{GRAPH, ODD, endpoint, fails, json, lines, says, server_with_graph, text};

#[test]
fn changes_are_shown_in_pages_and_from_the_end() -> Result<()> {
    let server = server_with_graph()?;
    let at = endpoint(&server);
    let show = ["ledger", "show", GRAPH, "--endpoint", at.as_str()];
    let all = lines(&show)?;
    let told: Vec<_> = all.iter().map(|change| change["change"].as_str().unwrap_or("-")).collect();
    let expected = [
        "create_graph",
        "add_node",
        "add_node",
        "add_node",
        "add_node",
        "add_edge",
        "add_edge",
        "add_edge",
        "add_edge",
        "add_edge",
        "add_embedding",
    ];
    ensure!(told == expected, "{told:?}");
    ensure!(
        all[2]["node"] == ODD && all[2]["properties"]["type"] == "t" && all[2]["unix_ms"].is_u64(),
        "{}",
        all[2]
    );
    let page = lines(&[&show[..], &["--after", "3", "--limit", "2"]].concat())?;
    ensure!(page.as_slice() == &all[3..5], "{page:?}");
    let last = lines(&[&show[..], &["--last", "1"]].concat())?;
    ensure!(last.as_slice() == &all[10..], "{last:?}");
    let text = says(&show)?;
    ensure!(text.contains("add_node \"n\\n1\\u{202e}\" {\"type\":\"t\",\"name\":\"Grete\"}\n"), "{text}");
    ensure!(text.contains("add_embedding n2 (2 components)\n") && text.lines().count() == 11, "{text}");
    Ok(())
}

#[test]
fn ledgers_are_trimmed_offline_and_cleared_anywhere() -> Result<()> {
    let mut server = server_with_graph()?;
    let at = endpoint(&server);
    let dir = server.persist_dir().to_owned();
    let digest =
        |at: &[&str]| anyhow::Ok(json(&[&["digest", GRAPH], at].concat())?["graphs"][0]["digest"].clone());
    let before = digest(&["--endpoint", &at])?;
    ensure!(
        fails(1, &["ledger", "trim", GRAPH, "records:3", "--dir", text(&dir)]).contains("owns"),
        "it is running"
    );
    server.terminate()?;
    let offline = ["--dir", text(&dir)];
    let told = json(&[&["ledger", "trim", GRAPH, "records:3"][..], &offline].concat())?;
    ensure!(told["records"] == 8 && told["ledger_from"] == 9, "{told}");
    ensure!(lines(&[&["ledger", "show", GRAPH][..], &offline].concat())?.len() == 3, "the newest three");
    ensure!(fails(2, &[&["ledger", "clear", GRAPH][..], &offline].concat()).contains("--yes"), "it asks");
    server = server.restart()?;
    let at = endpoint(&server);
    let online = ["--endpoint", at.as_str()];
    json(&[&["ledger", "clear", GRAPH, "--yes"][..], &online].concat())?;
    let left = lines(&[&["ledger", "show", GRAPH][..], &online].concat())?;
    ensure!(left.iter().all(|change| change["change"] == "clear_ledger"), "{left:?}");
    ensure!(digest(&online)? == before, "nothing else changed");
    let error = fails(1, &[&["ledger", "show", GRAPH, "--after", "2"][..], &online].concat());
    ensure!(error.contains("LEDGER_TRUNCATED"), "{error}");
    Ok(())
}

#[test]
fn a_signed_in_agent_that_is_not_system_is_told_so() -> Result<()> {
    let server = epistemic_tests::ServerProcess::ours()
        .arg("--system-agent")
        .arg("ops")
        .arg("--access-control")
        .arg("on")
        .start()?;
    let at = endpoint(&server);
    let place = ["--endpoint", at.as_str()];
    json(&[&["graph", "create", "g", "--agent-id", "alice"][..], &place].concat())?;
    let error = fails(1, &[&["ledger", "show", "g", "--agent-id", "alice"][..], &place].concat());
    ensure!(error.contains("ACCESS_DENIED"), "{error}");
    json(&[&["nodes", "-g", "g", "--agent-id", "alice"][..], &place].concat())?;
    json(&[&["ledger", "show", "g", "--agent-id", "ops"][..], &place].concat()).context("as System")?;
    Ok(())
}
