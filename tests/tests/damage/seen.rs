//! A flipped bit in a graph that nobody reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::gateway::Gateway;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{pack, params};
use epistemic_tests::{ServerBuilder, ServerProcess, http, transfer};

use super::{endpoint, ends, status};

const GRAPHS: [&str; 3] = ["before", "struck", "after"];
const NODES: u64 = 300;
const PROPERTY_BYTES: usize = 1_000;
const VICTIM: u64 = 150;
const LIMIT: Duration = Duration::from_secs(60);

/// A stopped server with three graphs, whose tables nothing shares. It was never scrubbed, as far as the next start can tell:
/// after a pass the next one would be due in a week.
fn stopped() -> Result<(ServerBuilder, PathBuf)> {
    let mut server = ServerProcess::ours().metrics().start()?;
    let mut client = server.client()?;
    for (number, graph) in GRAPHS.iter().enumerate() {
        client.create_graph(graph)?;
        transfer::fill(&mut client, graph, NODES, PROPERTY_BYTES + number)?;
    }
    client.call("__commons__", "Checkpoint", None)?;
    server.terminate()?;
    let directory = server.persist_dir().to_owned();
    fs_err::remove_dir_all(directory.join("checkpoints"))?;
    fs_err::remove_file(directory.join("scrub.json"))?;
    Ok((server.builder(), directory))
}

/// Flips a bit of the victim's properties in one table; returns the file with its sound bytes.
fn damage(directory: &Path) -> Result<(PathBuf, Vec<u8>)> {
    let properties = pack(&transfer::properties(VICTIM, PROPERTY_BYTES + 1));
    let needle = &properties[500..540];
    for entry in fs_err::read_dir(directory.join("db"))? {
        let file = entry?.path();
        let sound = fs_err::read(&file)?;
        let Some(at) = sound.windows(needle.len()).position(|window| window == needle) else { continue };
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        fs_err::write(&file, bytes)?;
        return Ok((file, sound));
    }
    anyhow::bail!("the properties are in no table")
}

/// Waits until a series of the shard has this value.
fn wait_for(server: &ServerProcess, series: &str, value: f64) -> Result<()> {
    let name = format!("epistemic_graph_{series}");
    let found = poll(LIMIT, Duration::from_millis(50), || {
        let page = http::get(server.metrics_addr(), "/metrics")?.body;
        Ok::<_, anyhow::Error>(http::series(&page, &name).filter(|found| *found == value))
    })?;
    found.with_context(|| format!("{name} never was {value}\n{}", server.output()))?;
    Ok(())
}

#[test]
fn damage_that_nobody_reads_is_on_every_instrument_until_it_is_cured() -> Result<()> {
    let (builder, directory) = stopped()?;
    let (file, sound) = damage(&directory)?;
    let table = file.file_name().and_then(|name| name.to_str()).context("name")?;
    let server = builder.start()?;
    for (series, value) in [("quarantined_graphs", 1.0), ("store_damaged", 1.0), ("scrub_damaged_parts", 1.0)]
    {
        wait_for(&server, series, value)?;
    }
    is_told(&server, table)?;

    // Quarantine is in memory: the next start finds the damage again by itself.
    let server = server.restart()?;
    wait_for(&server, "quarantined_graphs", 1.0)?;
    is_told(&server, table)?;
    let mut client = server.client()?;
    for graph in GRAPHS {
        let added = client.add_node(graph, "later", b"\x80");
        ensure!(added.is_ok() == (graph != "struck"), "{graph}: {added:?}");
    }
    let told = ends(4, &["scrub", "--endpoint", &endpoint(&server)])?;
    ensure!(told.contains(table) && told.contains("struck"), "{told}");

    // Without the graph the table is damaged still, and says so, until no block of any table is.
    client.call("__commons__", "DeleteGraph", params([("graph_name", "struck".into())]))?;
    wait_for(&server, "quarantined_graphs", 0.0)?;
    ends(4, &["scrub", "--endpoint", &endpoint(&server)])?;
    fs_err::write(&file, sound)?;
    let told = ends(0, &["scrub", "--endpoint", &endpoint(&server)])?;
    ensure!(told.contains("all tables are sound"), "{told}");
    wait_for(&server, "store_damaged", 0.0)?;
    ensure!(http::get(server.metrics_addr(), "/readyz")?.body == "ready\n");
    ensure!(!directory.join("db/DAMAGED").exists());
    Ok(())
}

fn is_told(server: &ServerProcess, table: &str) -> Result<()> {
    let ready = http::get(server.metrics_addr(), "/readyz")?;
    ensure!(ready.status == 200, "the sound graphs are served: {ready:?}");
    ensure!(ready.body.starts_with("ready\n") && ready.body.contains("1 quarantined"), "{}", ready.body);
    ensure!(ready.body.contains("tables are not merged"), "{}", ready.body);

    let text = ends(0, &["status", "--endpoint", &endpoint(server)])?;
    for part in ["DAMAGED", "struck: ", table, "docs/errors/corrupt.md"] {
        ensure!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let status = status(server)?;
    ensure!(status["damage"]["quarantined_graphs"] == 1, "{status}");
    ensure!(status["damage"]["graphs"][0]["graph"] == "struck", "{status}");
    ensure!(status["damage"]["graphs"][0]["since_ms"].as_u64() <= status["unix_ms"].as_u64(), "{status}");
    ensure!(status["damage"]["graphs"][0]["since_ms"].is_u64(), "{status}");
    ensure!(status["scrub"]["findings"][0]["graphs"][0] == "struck", "{status}");
    ensure!(status["scrub"]["findings"][0]["table"] == table, "{status}");

    let gateway = Gateway::start(&endpoint(server), server.secret(), &[])?;
    let seen = gateway.wait_for("/api/tier", |seen| seen["shards"][0]["quarantined"] == 1)?;
    let notes = seen["shards"][0]["notes"].as_array().context("notes")?;
    for code in ["quarantine", "damaged"] {
        ensure!(notes.iter().any(|note| note["code"] == code), "no {code}: {seen}");
    }
    let page = gateway.json("/api/shard?n=1")?;
    let row = &page["quarantine"][0];
    ensure!(row["graph"] == "struck" && row["since_ms"].is_u64() && row["reason"].is_string(), "{page}");
    Ok(())
}

/// `egctl repair` takes the note back as well, once nothing is damaged.
#[test]
fn a_repair_takes_the_note_back() -> Result<()> {
    let (builder, directory) = stopped()?;
    let (file, sound) = damage(&directory)?;
    let mut server = builder.start()?;
    wait_for(&server, "store_damaged", 1.0)?;
    server.terminate()?;
    let dir = directory.to_str().context("path")?;
    ends(4, &["verify", "--dir", dir])?;
    ensure!(!ends(0, &["repair", "--dir", dir]).unwrap_or_default().contains("db/DAMAGED is gone"));
    ensure!(directory.join("db/DAMAGED").exists());
    fs_err::write(&file, sound)?;
    let told = ends(0, &["repair", "--dir", dir])?;
    ensure!(told.contains("db/DAMAGED is gone"), "{told}");
    ends(0, &["verify", "--dir", dir])?;
    ensure!(!directory.join("db/DAMAGED").exists());
    Ok(())
}

/// A shard in memory has nothing to read, and one without an interval reads when it is asked to.
#[test]
fn a_scrub_that_is_asked_for() -> Result<()> {
    let in_memory = ServerProcess::ours().in_memory().start()?;
    ensure!(ends(0, &["scrub", "--endpoint", &endpoint(&in_memory)])?.contains("in memory"));
    let server = ServerProcess::ours().arg("--scrub-interval").arg("0").start()?;
    ensure!(status(&server)?["scrub"]["last_ended_ms"].is_null(), "it was not asked for");
    ends(0, &["scrub", "--endpoint", &endpoint(&server)])?;
    let status = status(&server)?;
    ensure!(status["scrub"]["last_ended_ms"].is_u64() && status["scrub"]["found"] == 0, "{status}");
    Ok(())
}
