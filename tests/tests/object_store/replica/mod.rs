//! Read replicas: servers with `--follow`.

mod faults;
mod history;
mod reads;
mod refusals;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{Value, field, params, unpack};
use epistemic_tests::{Client, ServerBuilder, ServerProcess};

/// What takes longer has not happened.
const LIMIT: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(10);
/// Milliseconds between two looks.
const INTERVAL: &str = "50";

/// A replica of the store at `url`.
fn follows(server: ServerBuilder, url: &str) -> ServerBuilder {
    server.in_memory().arg("--follow").arg(url).arg("--follow-interval").arg(INTERVAL)
}

fn status(server: &ServerProcess) -> Result<Value> {
    Ok(server.client()?.call("", "ShardStatus", None)?)
}

/// Waits until `look` finds it.
fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    poll(LIMIT, STEP, &mut look)?.with_context(|| format!("not within {LIMIT:?}: {what}"))
}

/// Waits until the replica has the node.
fn until_node(client: &mut Client, graph: &str, node: &str) -> Result<()> {
    until(node, || match client.node_properties(graph, node) {
        Ok(found) => Ok(found.map(drop)),
        Err(error) if error.server_text().is_some_and(|text| text.contains("not found")) => Ok(None),
        Err(error) => Err(error.into()),
    })
}

fn number(status: &Value, name: &str) -> Option<u64> {
    field(status, name).and_then(Value::as_u64)
}

fn owner_pid(status: &Value) -> Option<u64> {
    field(status, "owner").and_then(|owner| number(owner, "pid"))
}

fn register(client: &mut Client, agent: &str, role: &str) -> Result<()> {
    let fields = [
        ("agent_id", agent.into()),
        ("role", role.into()),
        ("teams", Value::Array(Vec::new())),
        ("signature", "".into()),
    ];
    client.call("__commons__", "RegisterIdentity", params(fields))?;
    Ok(())
}

fn texts(list: &Value) -> Result<Vec<String>> {
    // Results of algorithms are packed once more.
    let packed = list.as_slice().map(unpack).transpose()?;
    let list = packed.as_ref().unwrap_or(list);
    let list = list.as_array().with_context(|| format!("no list: {list}"))?;
    let mut texts: Vec<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    ensure!(texts.len() == list.len(), "not texts alone: {list:?}");
    texts.sort();
    Ok(texts)
}
