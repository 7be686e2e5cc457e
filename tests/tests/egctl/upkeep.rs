//! What a shard does by itself: ledgers are trimmed, deleted bytes leave the disk, idle exports end.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, ServerProcess, http};
use serde_json::Value;

use super::{endpoint, fails, json, text};

const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
const MARKER: &[u8] = b"5d1e-a-secret-of-a-tenant-77ac";

/// A series of the server.
fn series(server: &ServerProcess, name: &str) -> Result<f64> {
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    http::series(&page, &format!("epistemic_graph_{name}")).with_context(|| format!("no series {name}"))
}

/// Waits until a series has this value.
fn wait_for(server: &ServerProcess, name: &str, value: f64) -> Result<()> {
    eventually(&format!("{name} is {value}"), || Ok(series(server, name)? == value))
}

/// Waits until something is so.
fn eventually(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    poll(SOON, LOOK, || Ok::<_, anyhow::Error>(is_so()?.then_some(())))?
        .with_context(|| format!("never: {what}"))
}

/// The row of a graph in `egctl graphs`.
fn row(server: &ServerProcess, graph: &str) -> Result<Value> {
    let told = json(&["graphs", "--sizes", "--endpoint", &endpoint(server)])?;
    let rows = told["graphs"].as_array().context("graphs")?;
    rows.iter().find(|row| row["name"] == graph).cloned().with_context(|| format!("no graph {graph}: {told}"))
}

fn add_nodes(client: &mut Client, graph: &str, numbers: std::ops::Range<u32>) -> Result<()> {
    for number in numbers {
        client.add_node(graph, &format!("n{number}"), b"\x80")?;
    }
    Ok(())
}

#[test]
fn ledgers_are_trimmed_by_the_rule_of_the_shard_or_their_own() -> Result<()> {
    let mut server = ServerProcess::ours().tcp().metrics().arg("--ledger-keep").arg("records:50").start()?;
    let at = endpoint(&server);
    let mut client = server.client()?;
    for graph in ["shard's", "own"] {
        client.create_graph(graph)?;
    }
    ensure!(
        fails(2, &["ledger", "keep", "own", "some", "--endpoint", &at]).contains("records:COUNT"),
        "usage"
    );
    json(&["ledger", "keep", "own", "all", "--endpoint", &at])?;
    for graph in ["shard's", "own"] {
        add_nodes(&mut client, graph, 0..200)?;
    }
    eventually("the ledger is trimmed", || Ok(row(&server, "shard's")?["ledger_from"].as_u64() > Some(140)))?;
    let own = row(&server, "own")?;
    ensure!((own["ledger_from"] == 1) & (own["ledger_keep"] == "all"), "{own}");
    let sizes = row(&server, "shard's")?;
    let of = |row: &Value, kind: &str| row["sizes"][kind].as_u64().unwrap_or(0);
    ensure!(of(&own, "ledger") > 2 * of(&sizes, "ledger") && of(&own, "nodes") > 0, "{own} {sizes}");
    let fields = [("after", 10.into()), ("max_bytes", 1_000_000.into())];
    let truncated = client.call("shard's", "LedgerRead", params(fields)).unwrap_err().to_string();
    ensure!(truncated.contains("LEDGER_TRUNCATED"), "{truncated}");

    // The low-water mark is durable, and the rule goes with a snapshot.
    server = server.restart()?;
    ensure!(row(&server, "shard's")?["ledger_from"].as_u64() > Some(140), "after a restart");
    let home = tempfile::tempdir()?;
    let file = home.path().join("own.snap");
    let at = endpoint(&server);
    json(&["snapshot", "export", "own", "-o", text(&file), "--endpoint", &at])?;
    json(&["snapshot", "import", text(&file), "--as", "copy", "--endpoint", &at])?;
    let copy = row(&server, "copy")?;
    ensure!(copy["ledger_keep"] == "all" && copy["ledger_from"] == 1, "{copy}");
    json(&["ledger", "keep", "own", "default", "--endpoint", &at])?;
    ensure!(row(&server, "own")?["ledger_keep"].is_null(), "as the shard says");
    Ok(())
}

#[test]
fn a_ledger_is_trimmed_at_once_and_its_rule_stays() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    let at = endpoint(&server);
    let mut client = server.client()?;
    client.create_graph("g")?;
    add_nodes(&mut client, "g", 0..300)?;
    let trimmed = json(&["ledger", "trim", "g", "records:100", "--endpoint", &at])?;
    // The record of the creation goes too.
    ensure!(trimmed["records"] == 201 && trimmed["ledger_from"] == 202, "{trimmed}");
    let found = row(&server, "g")?;
    ensure!(found["ledger_from"] == 202 && found["ledger_keep"].is_null(), "{found}");
    let again = json(&["ledger", "trim", "g", "records:100", "--endpoint", &at])?;
    ensure!(again["records"] == 0, "{again}");
    ensure!(fails(1, &["ledger", "trim", "gone", "records:1", "--endpoint", &at]).contains("not found"));
    Ok(())
}

/// What was deleted leaves the tables when that is asked for, long before it would by itself.
#[test]
fn a_compaction_gives_room_back_at_once() -> Result<()> {
    let builder = ServerProcess::ours().tcp().metrics().arg("--reclaim-delay").arg("86400");
    let server = builder.start()?;
    let at = endpoint(&server);
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.create_graph("kept")?;
    client.add_node("kept", "n", b"\x80")?;
    client.add_node("g", "x", MARKER)?;
    // What no compression makes smaller.
    let mut state = 1_u64;
    for number in 0..40 {
        let mut large = vec![0xc6, 0, 1, 0, 0];
        large.extend((0..1 << 16).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        }));
        client.add_node("g", &format!("n{number}"), &large)?;
    }
    // Into tables.
    json(&["compact", "--endpoint", &at])?;
    let directory = server.persist_dir().to_owned();
    client.call("", "DeleteGraph", params([("graph_name", "g".into())]))?;
    let compacted = json(&["compact", "--endpoint", &at])?;
    let shard = &compacted["shards"][0]["compaction"];
    ensure!(shard["running"] == false && shard["error"].is_null(), "{compacted}");
    ensure!(shard["bytes_after"].as_u64() < shard["bytes_before"].as_u64(), "{compacted}");
    ensure!(!holds(&directory, MARKER)?, "what was deleted is on disk still");
    client.call("kept", "NodeCount", None)?;
    let memory = ServerProcess::ours().tcp().in_memory().start()?;
    let nothing = json(&["compact", "--endpoint", &endpoint(&memory)])?;
    ensure!(nothing["shards"][0]["compaction"].is_null(), "{nothing}");
    Ok(())
}

/// A backup whose next increment the ledger no longer covers begins anew by itself.
#[test]
fn a_backup_goes_on_when_the_ledger_was_trimmed() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    let at = endpoint(&server);
    let mut client = server.client()?;
    client.create_graph("g")?;
    add_nodes(&mut client, "g", 0..20)?;
    let home = tempfile::tempdir()?;
    let to = home.path().join("backup");
    fs_err::create_dir(&to)?;
    let backup = ["backup", "create", "--to", text(&to), "--endpoint", &at];
    json(&backup)?;
    add_nodes(&mut client, "g", 20..200)?;
    client.call("g", "ClearLedger", None)?;
    add_nodes(&mut client, "g", 200..210)?;
    json(&backup)?;
    let restored = home.path().join("restored");
    fs_err::create_dir(&restored)?;
    json(&["backup", "restore", "--from", text(&to), "--to-dir", text(&restored)])?;
    let digest =
        |args: &[&str]| anyhow::Ok(json(&[&["digest", "g"], args].concat())?["graphs"][0]["digest"].clone());
    ensure!(digest(&["--dir", text(&restored)])? == digest(&["--endpoint", &at])?, "the backup is the graph");
    Ok(())
}

fn holds(directory: &Path, marker: &[u8]) -> Result<bool> {
    for entry in fs_err::read_dir(directory.join("db"))? {
        let path = entry?.path();
        let is_live = path.extension().is_some_and(|extension| extension == "sst" || extension == "log");
        // A table may go while they are read.
        let bytes = if is_live { fs_err::read(&path).unwrap_or_default() } else { Vec::new() };
        if bytes.windows(marker.len()).any(|window| window == marker) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn deleted_bytes_leave_the_disk_of_an_idle_shard() -> Result<()> {
    let server = ServerProcess::ours().metrics().arg("--reclaim-delay").arg("1").start()?;
    let mut client = server.client()?;
    for graph in ["kept", "deleted"] {
        client.create_graph(graph)?;
        add_nodes(&mut client, graph, 0..50)?;
    }
    client.add_node("deleted", "x", MARKER)?;
    ensure!(holds(server.persist_dir(), MARKER)?, "it is in plain sight");
    client.call("__commons__", "DeleteGraph", params([("graph_name", "deleted".into())]))?;
    eventually("the marker is gone", || Ok(!holds(server.persist_dir(), MARKER)?))?;
    wait_for(&server, "reclaim_pending_graphs", 0.0)?;
    ensure!(client.call("kept", "NodeCount", None)?.as_u64() == Some(50), "the other graph is as it was");
    Ok(())
}

#[test]
fn an_export_that_nobody_reads_is_ended() -> Result<()> {
    let server = ServerProcess::ours().metrics().arg("--transfer-idle").arg("1").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let opened = client.call("g", "SnapshotOpen", None)?;
    let cursor = field(&opened, "cursor").context("cursor")?.clone();
    wait_for(&server, "transfers_ended_idle_total", 1.0)?;
    ensure!(series(&server, "transfers_open")? == 0.0, "none is open");
    let read = params([("cursor", cursor), ("max_bytes", 1000.into())]);
    let error = client.call("g", "SnapshotRead", read).unwrap_err().to_string();
    ensure!(error.contains("nobody went on with it"), "{error}");
    // One that is read goes on, and the connection may open another.
    epistemic_tests::transfer::export(&mut client, "g", std::io::sink())?;
    Ok(())
}
