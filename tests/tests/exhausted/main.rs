//! Out of inodes, out of descriptors, out of threads, a disk that hangs: writes are refused or wait, reads go on, every instrument says so, and the server goes on
//! by itself when there are some again. It is never poisoned, and what it acknowledged is there.

mod descriptors;
mod hang;
mod inodes;
mod room;
mod threads;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerProcess, Value, WireError, http, wire};

const LIMIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// What the instruments say of the shard's writes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    health: String,
    ready: u16,
    writable: bool,
    status: bool,
    /// The reason in `ShardStatus`, if any.
    refusal: String,
}

impl Told {
    fn by(server: &ServerProcess) -> Result<Told> {
        let mut client = server.client()?;
        let health = client.call("__commons__", "Health", None)?;
        let status = client.call("__commons__", "ShardStatus", None)?;
        let text = |map: &Value, key: &str| {
            wire::field(map, key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let metrics = http::get(server.metrics_addr(), "/metrics")?.body;
        Ok(Told {
            health: text(&health, "status"),
            ready: http::get(server.metrics_addr(), "/readyz")?.status,
            writable: http::series(&metrics, "epistemic_graph_store_writable").context("a series")? == 1.0,
            status: wire::field(&status, "writable").and_then(Value::as_bool).context("writable")?,
            refusal: text(&status, "refusal"),
        })
    }

    fn takes_writes(&self) -> bool {
        self.health == "ok" && self.ready == 200 && self.writable && self.status && self.refusal.is_empty()
    }

    fn takes_none(&self) -> bool {
        self.health == "read_only"
            && self.ready == 503
            && !self.writable
            && !self.status
            && !self.refusal.is_empty()
    }
}

/// Waits until all instruments agree.
fn wait_until(server: &ServerProcess, writes: bool) -> Result<Told> {
    let mut last = None;
    let agreed = poll(LIMIT, LOOK, || {
        let told = Told::by(server)?;
        let agreed = if writes { told.takes_writes() } else { told.takes_none() };
        last = Some(told.clone());
        Ok::<_, anyhow::Error>(agreed.then_some(told))
    })?;
    agreed
        .with_context(|| format!("writes taken: {writes} is not what is told: {last:?}\n{}", server.output()))
}

/// Waits until the log says this.
fn wait_for_line(server: &ServerProcess, text: &str) -> Result<()> {
    let found = poll(LIMIT, LOOK, || Ok::<_, WireError>(server.output().contains(text).then_some(())))?;
    found.with_context(|| format!("the log does not say {text:?}:\n{}", server.output()))
}

/// Writes nodes until one is refused, and returns those that were acknowledged and the refusal.
fn write_until_refused(server: &ServerProcess, name: &str, bytes: usize) -> Result<(Vec<String>, String)> {
    let mut client = server.client()?;
    let properties = vec![7; bytes];
    let mut acknowledged = Vec::new();
    for number in 0..2_000 {
        let node = format!("{name}.{number}");
        match client.add_node("g", &node, &properties) {
            Ok(()) => acknowledged.push(node),
            Err(WireError::Server(text)) => return Ok((acknowledged, text)),
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("2,000 nodes and none was refused")
}

/// Every one of these nodes is there.
fn check(server: &ServerProcess, nodes: &[String]) -> Result<()> {
    let mut client = server.client()?;
    for node in nodes {
        ensure!(client.node_properties("g", node)?.is_some(), "{node} was acknowledged and is lost");
    }
    Ok(())
}
