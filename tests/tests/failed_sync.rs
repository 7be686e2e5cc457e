//! A disk that fails an fsync. Nothing is acknowledged any more, the fsync is not tried again, and reads go on. After a
//! restart everything acknowledged is there.
//!
//! A preloaded library (`powercut/failsync.c`) fails the syncs of the store's log while a trigger file exists.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::server::ServerBuilder;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{bin, field, map, params};
use epistemic_tests::{Client, ServerProcess, Value, http, preload};
use tempfile::TempDir;

const SOURCE: &str = include_str!("../powercut/failsync.c");
/// How a store that takes no more writes refuses one.
const POISONED: &str = "the store stopped taking writes after a failure: ";
const CAUSE: &str = "Input/output error";
const BATCH: usize = 50;

/// A data directory whose log cannot be synced while [`FailingDisk::fail`] holds.
struct FailingDisk {
    work: TempDir,
    library: PathBuf,
}

impl FailingDisk {
    fn new() -> Result<FailingDisk> {
        let work = tempfile::tempdir()?;
        let library = preload::compile(SOURCE, work.path())?;
        Ok(FailingDisk { work, library })
    }

    fn data(&self) -> Result<PathBuf> {
        Ok(fs_err::canonicalize(self.work.path())?.join("data"))
    }

    fn trigger(&self) -> PathBuf {
        self.work.path().join("trigger")
    }

    fn record(&self) -> PathBuf {
        self.work.path().join("record")
    }

    /// A server on this disk, healthy as long as the disk is.
    fn server(&self) -> Result<ServerBuilder> {
        Ok(self
            .healthy()?
            .env("LD_PRELOAD", &self.library)
            .env("FAILSYNC_ROOT", self.data()?)
            .env("FAILSYNC_TRIGGER", self.trigger())
            .env("FAILSYNC_RECORD", self.record()))
    }

    /// A server on the directory alone: the disk was replaced.
    fn healthy(&self) -> Result<ServerBuilder> {
        Ok(ServerProcess::ours().metrics().persist_dir(self.data()?))
    }

    fn fail(&self) -> Result<()> {
        Ok(fs_err::write(self.trigger(), [])?)
    }

    fn heal(&self) -> Result<()> {
        Ok(fs_err::remove_file(self.trigger())?)
    }

    /// The log of the store.
    fn log(&self) -> Result<PathBuf> {
        let mut logs = Vec::new();
        for entry in fs_err::read_dir(self.data()?.join("db"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                logs.push(path);
            }
        }
        ensure!(logs.len() == 1, "one log expected: {logs:?}");
        logs.pop().context("a log")
    }

    /// The syncs of the log so far: `s` one that succeeded, `F` one that failed.
    fn syncs(&self) -> Result<String> {
        Ok(fs_err::read_to_string(self.record())?)
    }
}

fn node_ids(client: &mut Client) -> Result<BTreeSet<String>> {
    let answer = client.call("g", "NodeIds", None)?;
    let ids = answer.as_array().context("NodeIds is no array")?.iter();
    Ok(ids.filter_map(|id| id.as_str().map(str::to_owned)).collect())
}

/// The graph `g` with acknowledged nodes.
fn acknowledge(client: &mut Client) -> Result<BTreeSet<String>> {
    client.create_graph("g")?;
    let names: BTreeSet<String> = (0..100).map(|number| format!("kept{number:03}")).collect();
    for name in &names {
        client.add_node("g", name, b"\x80")?;
    }
    Ok(names)
}

fn batch(prefix: &str) -> Value {
    let node = |number| {
        map([
            ("op", "add_node".into()),
            ("id", format!("{prefix}{number:03}").into()),
            ("properties", map([])),
        ])
    };
    Value::Array((0..BATCH).map(node).collect())
}

/// Sends writes together, two of them batches, and returns the error text of each.
fn refused_burst(client: &mut Client) -> Result<Vec<(&'static str, String)>> {
    let single = |name: &str| params([("node_id", name.into()), ("properties_msgpack", bin(*b"\x80"))]);
    let operations =
        |prefix| params([("operations_msgpack", bin(epistemic_tests::wire::pack(&batch(prefix))))]);
    let requests = [
        ("batch.a", "BatchUpdate", operations("batch.a")),
        ("single.a", "AddNode", single("single.a")),
        ("batch.b", "BatchUpdate", operations("batch.b")),
        ("single.b", "AddNode", single("single.b")),
    ];
    let mut names = std::collections::BTreeMap::new();
    for (name, method, params) in requests {
        names.insert(client.send("g", method, params)?, name);
    }
    let mut refusals = Vec::new();
    while !names.is_empty() {
        let answer = client.receive()?;
        let name = names.remove(&answer.id).context("an answer to nothing")?;
        let error = answer.outcome.err().with_context(|| format!("{name} was acknowledged"))?;
        ensure!(error.contains(CAUSE), "{name}: {error}");
        refusals.push((name, error));
    }
    Ok(refusals)
}

/// Writes of every kind are refused, reads go on, and everything that tells the state tells it.
fn check_poisoned(server: &ServerProcess, names: &BTreeSet<String>) -> Result<()> {
    let mut client = server.client()?;
    let node = || params([("node_id", "later".into()), ("properties_msgpack", bin(*b"\x80"))]);
    let gone = || params([("node_id", "kept000".into())]);
    for (graph, method, params) in [
        ("g", "AddNode", node()),
        ("g", "RemoveNode", gone()),
        ("later", "CreateGraph", params([("graph_name", "later".into()), ("graph_type", "Agent".into())])),
        ("g", "DeleteGraph", params([("graph_name", "g".into())])),
        ("g", "AddNode", node()),
    ] {
        let error =
            client.call(graph, method, params).err().with_context(|| format!("{method} was taken"))?;
        let text = error.server_text().unwrap_or_default();
        ensure!(text.contains(POISONED) && text.contains(CAUSE), "{method}: {error}");
    }
    ensure!(node_ids(&mut client)? == *names, "reads go on, without what was refused");
    ensure!(client.node_properties("g", "kept000")?.is_some(), "reads go on");

    let checkpoint =
        client.call("__commons__", "Checkpoint", None).err().context("a checkpoint was taken")?;
    ensure!(checkpoint.to_string().contains(CAUSE), "Checkpoint: {checkpoint}");
    let ready = http::get(server.metrics_addr(), "/readyz")?;
    ensure!(ready.status == 503 && ready.body.contains(CAUSE), "{ready:?}");
    let health = client.call("__commons__", "Health", None)?;
    let status = field(&health, "status").and_then(Value::as_str);
    ensure!(status == Some("read_only"), "Health: {health}");
    let metrics = http::get(server.metrics_addr(), "/metrics")?.body;
    ensure!(http::series(&metrics, "epistemic_graph_store_writable") == Some(0.0), "{metrics}");
    Ok(())
}

/// After a restart: all that was acknowledged, each refused write whole or not at all, none that came after the
/// failure.
fn check_restarted(
    server: &ServerProcess,
    names: &BTreeSet<String>,
    refusals: &[(&str, String)],
) -> Result<()> {
    let mut client = server.client()?;
    let mut found = node_ids(&mut client)?;
    let lost = names.difference(&found).count();
    ensure!(lost == 0, "{lost} acknowledged nodes lost");
    found.retain(|name| !names.contains(name));
    for (write, error) in refusals {
        let whole = if write.starts_with("batch") { BATCH } else { 1 };
        let present = found.iter().filter(|name| name.starts_with(write)).count();
        eprintln!("{write}: {present} of {whole} nodes after the restart; it was refused with: {error}");
        ensure!(present == 0 || present == whole, "{write}: {present} of {whole} nodes");
        ensure!(present == 0 || !error.contains(POISONED), "{write} came after the failure and is stored");
        found.retain(|name| !name.starts_with(write));
    }
    ensure!(found.is_empty(), "found, but never sent or refused after the failure: {found:?}");
    client.add_node("g", "later", b"\x80")?;
    let ready = http::get(server.metrics_addr(), "/readyz")?;
    ensure!(ready.status == 200, "{ready:?}");
    Ok(())
}

#[test]
fn a_failed_sync_is_not_tried_again() -> Result<()> {
    let disk = FailingDisk::new()?;
    let mut server = disk.server()?.start()?;
    let mut client = server.client()?;
    let names = acknowledge(&mut client)?;
    ensure!(disk.syncs()?.len() >= names.len(), "the library sees the syncs of the log: {}", disk.syncs()?);

    disk.fail()?;
    let refusals = refused_burst(&mut client)?;
    disk.heal()?;
    check_poisoned(&server, &names)?;
    let syncs = disk.syncs()?;
    ensure!(
        syncs.ends_with("sF") && syncs.matches('F').count() == 1,
        "synced again after a failure: {syncs}"
    );

    server.kill9()?;
    check_restarted(&disk.healthy()?.start()?, &names, &refusals)
}

/// Some file systems give up the pages that they could not write: reading them gives zeros.
#[test]
fn what_a_failed_sync_did_not_write_may_be_gone() -> Result<()> {
    let disk = FailingDisk::new()?;
    let mut server = disk.server()?.start()?;
    let mut client = server.client()?;
    let names = acknowledge(&mut client)?;
    let log = disk.log()?;
    let synced = fs_err::metadata(&log)?.len();
    disk.fail()?;
    let refusals = refused_burst(&mut client)?;
    server.kill9()?;
    let mut bytes = fs_err::read(&log)?;
    let kept = usize::try_from(synced)?;
    ensure!(bytes.len() > kept, "the refused writes reached the log");
    bytes[kept..].fill(0);
    fs_err::write(&log, bytes)?;
    let server = disk.healthy()?.start()?;
    ensure!(node_ids(&mut server.client()?)? == names, "what was acknowledged and no more");
    check_restarted(&server, &names, &refusals)
}

/// The disk stays broken through an orderly stop.
#[test]
fn a_server_on_a_broken_disk_stops_when_asked() -> Result<()> {
    let disk = FailingDisk::new()?;
    let mut server = disk.server()?.start()?;
    let mut client = server.client()?;
    let names = acknowledge(&mut client)?;
    disk.fail()?;
    let refusals = refused_burst(&mut client)?;
    check_poisoned(&server, &names)?;
    drop(client);
    eprintln!("SIGTERM: {}", server.terminate()?);
    check_restarted(&disk.healthy()?.start()?, &names, &refusals)
}

/// With `interval` the failure comes after the answers. It is told, and no further write is taken.
#[test]
fn a_sync_that_fails_in_the_background_stops_writes() -> Result<()> {
    let disk = FailingDisk::new()?;
    let mut server = disk.server()?.arg("--durability").arg("interval:10").start()?;
    let mut client = server.client()?;
    let mut names = acknowledge(&mut client)?;
    disk.fail()?;
    let limit = Duration::from_secs(30);
    let stopped = poll(limit, Duration::from_millis(10), || -> Result<_> {
        if http::get(server.metrics_addr(), "/readyz")?.status == 503 {
            return Ok(Some(()));
        }
        let name = format!("kept{:03}", names.len());
        if client.add_node("g", &name, b"\x80").is_ok() {
            names.insert(name);
        }
        Ok(None)
    })?;
    stopped.with_context(|| format!("writes are still taken {limit:?} after syncs began to fail"))?;
    disk.heal()?;
    check_poisoned(&server, &names)?;
    server.kill9()?; // what the system was handed outlives the process, synced or not
    check_restarted(&disk.healthy()?.start()?, &names, &[])
}
