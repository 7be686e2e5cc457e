//! What the dashboard is told of shards: figures that are theirs, an age when one is down, and the hour.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use epistemic_tests::gateway::{Gateway, command};
use serde_json::Value;
use tempfile::TempDir;

use super::{LONG_SECRET, SECRET, Tier};

fn state(tier: &Value, shard: usize) -> &Value {
    &tier["shards"][shard]["state"]
}

#[test]
fn a_shard_that_is_down_keeps_its_figures_and_they_get_an_age() -> Result<()> {
    let mut tier = Tier::sound()?;
    let mut client = tier.shards[2].client()?;
    client.create_graph("g")?;
    for node in 0..7 {
        client.add_node("g", &format!("n{node}"), b"\x80")?;
    }
    let healthy = tier.gateway.wait_for("/api/tier", |tier| {
        tier["totals"]["nodes"] == 7 && (0..3).all(|shard| state(tier, shard) == "healthy")
    })?;
    ensure!(healthy["role"] == "viewer" && healthy["explore"] == false, "{healthy}");
    let row = &healthy["shards"][2];
    ensure!(
        row["n"] == 3 && row["graphs"].as_u64() > Some(0) && row["notes"] == Value::Array(Vec::new()),
        "{row}"
    );
    for field in ["store", "free", "total", "reserve"] {
        ensure!(row["disk"][field].as_u64().is_some(), "{field}: {row}");
    }
    ensure!(row["disk"]["free"].as_u64() <= row["disk"]["total"].as_u64(), "{row}");
    let parts = row["memory"].as_array().context("parts")?;
    ensure!(parts.iter().all(|part| part[0].is_string() && part[2].is_u64()), "{row}");
    ensure!(row["backup"].is_null() && row["spark"].as_array().map(Vec::len) == Some(60), "{row}");
    let graphs = row["graphs"].clone();

    drop(tier.shards.pop());
    let down = tier.gateway.wait_for("/api/tier", |tier| state(tier, 2) == "unreachable")?;
    let row = &down["shards"][2];
    ensure!(row["nodes"] == 7 && row["graphs"] == graphs && down["totals"]["nodes"] == 7, "{down}");
    ensure!(down["totals"]["stale_graphs"] == graphs, "{down}");
    ensure!(
        down["of"][2]["error"]["code"] == "UNREACHABLE" && down["of"][2]["age_ms"].as_u64() > Some(0),
        "{down}"
    );
    ensure!(down["of"][0].get("error").is_none(), "{down}");
    let note = &row["notes"][0];
    ensure!(note["code"] == "unreachable" && note["level"] == "bad" && note["since_ms"].is_u64(), "{row}");
    let newest = &down["newest"][0];
    ensure!(newest["kind"] == "unreachable" && newest["shard"] == 3 && newest["to_ms"].is_null(), "{down}");
    let page = tier.gateway.json("/api/shard?n=3")?;
    ensure!(page["shard"]["nodes"] == 7 && page["config"]["durability"] == "sync", "{page}");
    Ok(())
}

/// The hour fills while requests are made, only what is new is sent, and a restart is a gap with its reason.
#[test]
fn the_hour_of_a_shard_counts_its_requests() -> Result<()> {
    let mut tier = Tier::start()?;
    let mut client = tier.shards[0].client()?;
    client.create_graph("g")?;
    let mut made = 0_u32;
    let hour = tier.gateway.wait_for("/api/shard/series?n=1", |hour| {
        for _ in 0..5 {
            made += 1;
            let written = client.add_node("g", &format!("n{made}"), b"\x80");
            let read = client.call("g", "NodeCount", None);
            assert!(written.is_ok() && read.is_ok());
        }
        let values = |name: &str| hour["series"][name].as_array().cloned().unwrap_or_default();
        let some =
            |name: &str| values(name).iter().any(|value| value.as_f64().is_some_and(|value| value > 0.0));
        ["reads", "writes", "p50", "p99", "group_mean", "group_max"].into_iter().all(some)
    })?;
    ensure!(hour["step_s"] == 5 && hour["limits"]["in_flight"].as_u64() > Some(0), "{hour}");
    let count = |hour: &Value| hour["series"]["reads"].as_array().map_or(0, Vec::len) as u64;
    let next = hour["from_ms"].as_u64().context("from_ms")? + count(&hour) * 5000;
    let new = tier.gateway.json(&format!("/api/shard/series?n=1&since_ms={next}"))?;
    ensure!(new["from_ms"].as_u64() >= Some(next) && count(&new) < count(&hour), "{new}");

    let builder = tier.shards[0].builder();
    drop(tier.shards.remove(0));
    tier.gateway.wait_for("/api/tier", |tier| state(tier, 0) == "unreachable")?;
    tier.shards.insert(0, builder.start()?);
    let healed = tier.gateway.wait_for("/api/shard/series?n=1", |hour| {
        hour["events"].as_array().is_some_and(|events| events.iter().any(|event| event["kind"] == "restart"))
    })?;
    let gap = &healed["events"][0];
    ensure!(gap["kind"] == "unreachable" && gap["to_ms"].as_u64() > gap["from_ms"].as_u64(), "{healed}");
    Ok(())
}

#[test]
fn what_is_asked_wrongly_is_told_in_json() -> Result<()> {
    let gateway = Gateway::start("unix:///nonexistent/shard.sock", SECRET, &[])?;
    for (path, status, code) in [
        ("/api/shard?n=2", 404, "NOT_FOUND"),
        ("/api/shard?n=0", 404, "NOT_FOUND"),
        ("/api/shard", 400, "BAD_REQUEST"),
        ("/api/shard/series?n=1&step_s=7", 400, "BAD_REQUEST"),
    ] {
        let answer = gateway.get(path)?;
        let error: Value = serde_json::from_str(&answer.body)?;
        ensure!(answer.status == status && error["error"]["code"] == code, "{path}: {answer:?}");
        ensure!(error["now_ms"].is_u64(), "{path}: {error}");
    }
    Ok(())
}

#[test]
fn backups_are_as_old_as_their_file_says() -> Result<()> {
    let (shard, dir) = (epistemic_tests::ServerProcess::ours().secret(LONG_SECRET).start()?, TempDir::new()?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let file = dir.path().join("backup.prom");
    let page = format!(
        "epistemic_graph_backup_last_success_timestamp_seconds{{source=\"x\"}} {}\n\
         epistemic_graph_backup_failures{{source=\"x\"}} 0\n\
         epistemic_graph_backup_drill_last_success_timestamp_seconds{{source=\"x\"}} {now}\n",
        now - 30 * 3600
    );
    fs_err::write(&file, page)?;
    let endpoint = super::endpoint(&shard.builder());
    let gateway = Gateway::start_program(
        command(&endpoint, LONG_SECRET)?,
        &["--backup-metrics", &file.display().to_string(), "--backup-every", "24"],
    )?;
    let tier = gateway.wait_for("/api/tier", |tier| state(tier, 0) == "attention")?;
    let row = &tier["shards"][0];
    ensure!(row["backup"]["at_ms"] == (now - 30 * 3600) * 1000 && row["backup"]["verified"] == true, "{row}");
    ensure!(row["drill"]["at_ms"] == now * 1000 && row["drill"]["equal"].is_null(), "{row}");
    let codes: Vec<_> = row["notes"].as_array().into_iter().flatten().map(|note| &note["code"]).collect();
    ensure!(codes == ["backup_late"], "{row}");
    Ok(())
}

/// The page is one HTML file at every address of a page; what a browser has of it is not sent again.
#[test]
fn every_page_is_the_same_file_and_is_not_sent_twice() -> Result<()> {
    let gateway = Gateway::start("unix:///nonexistent/shard.sock", SECRET, &[])?;
    let shell = gateway.get("/")?;
    ensure!(
        shell.head.contains("worker-src 'self'") && shell.head.contains("cache-control: no-cache"),
        "{}",
        shell.head
    );
    for page in
        ["/shards", "/shard/7?range=1h", "/graphs", "/graph?name=a%2Fb", "/explore", "/moves", "/where"]
    {
        ensure!(gateway.get(page)?.body == shell.body, "{page}");
    }
    for nothing in
        ["/index.html", "/login.html", "/nothing.js", "/shard/7/x", "/api/nothing", "/../Cargo.toml"]
    {
        ensure!(gateway.get(nothing)?.status == 404, "{nothing}");
    }
    let script = gateway.get("/app.js")?;
    ensure!(script.head.contains("content-type: text/javascript"), "{}", script.head);
    let tag = script.head.lines().find_map(|line| line.strip_prefix("etag: ")).context("no ETag")?;
    let addr = gateway.addr();
    let again = epistemic_tests::http::exchange(
        addr,
        &format!("GET /app.js HTTP/1.1\r\nhost: {addr}\r\nif-none-match: {tag}\r\nconnection: close\r\n\r\n"),
    )?;
    ensure!(again.status == 304 && again.body.is_empty(), "{again:?}");
    ensure!(gateway.get("/api/tier")?.head.contains("cache-control: no-store"));
    Ok(())
}
