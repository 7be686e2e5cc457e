//! What the operator does: files, SIGHUP, `egctl quota`, metrics.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{Egctl, ServerProcess, http};
use serde_json::Value;

use crate::{EMPTY, create, refused, server};

const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

fn egctl(server: &ServerProcess, args: &[&str]) -> Result<Output> {
    let endpoint = format!("unix://{}", server.socket().display());
    Egctl::with_secret(server.secret()).run([&["quota"][..], args, &["--endpoint", &endpoint]].concat())
}

fn json(server: &ServerProcess, args: &[&str]) -> Result<Value> {
    let output = egctl(server, &[args, &["--json"]].concat())?;
    ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Sends SIGHUP and waits for a line of the log.
fn hang_up(server: &ServerProcess, line: &str) -> Result<()> {
    let before = server.output().matches(line).count();
    let pid = rustix::process::Pid::from_raw(server.pid() as i32).context("a pid")?;
    rustix::process::kill_process(pid, rustix::process::Signal::HUP)?;
    let told = || Ok::<_, anyhow::Error>((server.output().matches(line).count() > before).then_some(()));
    poll(SOON, LOOK, told)?.with_context(|| format!("no line '{line}': {}", server.output()))
}

fn write(folder: &Path, rules: &str) -> Result<()> {
    Ok(fs_err::write(folder.join("quotas.toml"), rules)?)
}

#[test]
fn the_file_is_read_again_and_a_mistake_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), "[[rule]]\ntenant = \"acme\"\nnodes = 1\n")?.start()?;
    let mut client = server.client()?;
    create(&mut client, "g", "acme")?;
    client.add_node("g", "1", EMPTY)?;
    refused(client.add_node("g", "2", EMPTY))?;
    write(folder.path(), "[[rule]]\ntenant = \"acme\"\nnodez = 9\n")?;
    hang_up(&server, "the quotas stay as they were")?;
    assert!(server.output().contains("unknown limit 'nodez'"), "{}", server.output());
    refused(client.add_node("g", "2", EMPTY))?;
    write(folder.path(), "[[rule]]\ntenant = \"acme\"\nnodes = 2\n")?;
    hang_up(&server, "the quotas were read again")?;
    client.add_node("g", "2", EMPTY)?;
    refused(client.add_node("g", "3", EMPTY))?;
    Ok(())
}

#[test]
fn a_broken_file_refuses_to_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (status, output) =
        server(folder.path(), "[[rule]]\ntenant = \"acme\"\nnodes = \"1MB\"\n")?.start_expecting_exit()?;
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("quotas.toml': rule 1: nodes = '1MB': give a whole number"), "{output}");
    Ok(())
}

#[test]
fn what_egctl_sets_holds_at_once_and_after_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server =
        server(folder.path(), "[[rule]]\ntenant = \"*\"\nnodes = 1\nedges = 7\n")?.metrics().start()?;
    let mut client = server.client()?;
    create(&mut client, "g", "acme")?;
    client.add_node("g", "1", EMPTY)?;
    refused(client.add_node("g", "2", EMPTY))?;
    let output = egctl(&server, &["set", "acme", "nodes=2"])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    client.add_node("g", "2", EMPTY)?;
    let wrong = egctl(&server, &["set", "acme", "nodes=2", "nodez=3"])?;
    let words = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(1) && words.contains("unknown limit 'nodez'"), "{words}");

    drop(client);
    let server = server.restart()?;
    let mut client = server.client()?;
    let text = refused(client.add_node("g", "3", EMPTY))?;
    assert!(text.contains("has 2 nodes of the 2"), "{text}");
    let shown = json(&server, &["show", "--tenant", "acme"])?;
    let answer = &shown["shards"][0]["answer"];
    assert_eq!(answer["set"], serde_json::json!([{"tenant": "acme", "limits": ["nodes=2"]}]), "{shown}");
    let row = &answer["tenants"][0];
    assert_eq!(row["tenant"], "acme", "{shown}");
    assert_eq!(row["limits"], serde_json::json!({"nodes": 2, "edges": 7}), "{shown}");
    assert_eq!((&row["used"]["nodes"], &row["used"]["graphs"]), (&2.into(), &1.into()), "{shown}");
    assert_eq!(answer["refused"]["nodes"], 1, "{shown}");
    let table = String::from_utf8(egctl(&server, &["show"])?.stdout)?;
    assert!(table.contains("acme") && table.contains("set acme, *"), "{table}");

    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    let series = |name: &str| http::series(&page, &format!("epistemic_graph_quota_{name}"));
    assert_eq!(series("used{kind=\"nodes\",tenant=\"acme\"}"), Some(2.0), "{page}");
    assert_eq!(series("limit{kind=\"nodes\",tenant=\"acme\"}"), Some(2.0));
    assert_eq!(series("refusals_total{kind=\"nodes\"}"), Some(1.0));

    let output = egctl(&server, &["set", "acme", "--clear"])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = refused(client.add_node("g", "3", EMPTY))?;
    assert!(text.contains("has 2 nodes of the 1"), "{text}");
    Ok(())
}

/// However many tenants there are, the metrics and `ShardStatus` have few of them.
#[test]
fn metrics_stay_small_with_many_tenants() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = "[[rule]]\ntenant = \"named\"\nnodes = 5\n[[rule]]\ntenant = \"*\"\nnodes = 9\n";
    let server = server(folder.path(), rules)?.in_memory().metrics().start()?;
    let mut client = server.client()?;
    create(&mut client, "named", "named")?;
    for number in 0..60 {
        create(&mut client, &format!("g{number}"), &format!("tenant {number}"))?;
    }
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    let tenants = page.lines().filter(|line| line.starts_with("epistemic_graph_quota_used{kind=\"nodes\""));
    assert_eq!(tenants.count(), 11, "the one that a rule names and ten others");
    assert!(page.contains("epistemic_graph_quota_limit{kind=\"nodes\",tenant=\"named\"} 5"), "{page}");
    let shown = json(&server, &["show"])?;
    assert!(shown["shards"][0]["answer"]["tenants"].as_array().is_some_and(|all| all.len() >= 61), "{shown}");
    Ok(())
}
