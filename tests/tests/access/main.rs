//! Access control on a running server: the rules for graphs, for operations, for channels and for `System` identities.

mod channels;
mod modes;
mod operations;
mod owners;
mod pipelined;
mod queued;
mod rules;
mod system;

use anyhow::Result;
use epistemic_tests::wire::{map, params};
use epistemic_tests::{Client, ServerProcess, Value};

fn texts(items: &[&str]) -> Value {
    Value::Array(items.iter().map(|&item| item.into()).collect())
}

fn manager_of(agents: &[&str]) -> Value {
    map([("Manager", map([("subordinates", texts(agents))]))])
}

/// Calls `method` as `agent`; an error answer is its text.
fn call_as(
    server: &ServerProcess,
    agent: &str,
    graph: &str,
    method: &str,
    fields: Option<Value>,
) -> Result<Result<Value, String>> {
    let mut client = server.client()?.acting_as(agent);
    client.send(graph, method, fields)?;
    Ok(client.receive()?.outcome)
}

fn register(client: &mut Client, agent: &str, role: Value, teams: &[&str]) -> Result<Result<Value, String>> {
    let fields =
        [("agent_id", agent.into()), ("role", role), ("teams", texts(teams)), ("signature", "".into())];
    client.send("", "RegisterIdentity", params(fields))?;
    Ok(client.receive()?.outcome)
}

fn create(client: &mut Client, graph: &str, kind: &str) -> Result<()> {
    client.call("", "CreateGraph", params([("graph_name", graph.into()), ("graph_type", kind.into())]))?;
    Ok(())
}

/// A server on which `s` is registered as `System` and `o` owns the graphs `agent`, `team:t`, `global` and `commons`,
/// each of the type of its name.
fn guarded() -> Result<ServerProcess> {
    let server = ServerProcess::ours().in_memory().metrics().arg("--system-agent").arg("s").start()?;
    let mut owner = server.client()?.acting_as("o");
    for (graph, kind) in
        [("agent", "Agent"), ("team:t", "Team"), ("global", "Global"), ("commons", "Commons")]
    {
        create(&mut owner, graph, kind)?;
    }
    let mut operator = server.client()?;
    assert_eq!(register(&mut operator, "s", "System".into(), &[])?, Ok("registered".into()));
    Ok(server)
}
