//! Requests that are sent without waiting are checked against what those before them do.

use anyhow::Result;
use epistemic_tests::wire::{bin, params};
use epistemic_tests::{Client, Value};

use crate::guarded;

fn add(client: &mut Client, graph: &str) -> Result<()> {
    client.send(graph, "AddNode", params([("node_id", "a".into()), ("properties_msgpack", bin([0x80]))]))?;
    Ok(())
}

fn create(client: &mut Client, graph: &str) -> Result<()> {
    let fields = params([("graph_name", graph.into()), ("graph_type", "Agent".into())]);
    client.send("", "CreateGraph", fields)?;
    Ok(())
}

fn delete(client: &mut Client, graph: &str) -> Result<()> {
    client.send("", "DeleteGraph", params([("graph_name", graph.into())]))?;
    Ok(())
}

#[test]
fn a_graph_may_be_written_right_behind_its_creation() -> Result<()> {
    let server = guarded()?;
    let mut client = server.client()?.acting_as("x");
    const ROUNDS: usize = 50;
    for round in 0..ROUNDS {
        let name = format!("new {round}");
        create(&mut client, &name)?;
        add(&mut client, &name)?;
        client.send(&name, "NodeCount", None)?;
        add(&mut client, "agent")?;
        delete(&mut client, &name)?;
        add(&mut client, &name)?;
    }
    for round in 0..ROUNDS {
        let name = format!("new {round}");
        let mut next = || Ok::<_, anyhow::Error>(client.receive()?.outcome);
        assert!(next()?.is_ok());
        assert_eq!(next()?, Ok("ok".into()));
        assert_eq!(next()?, Ok(1.into()));
        let denied = "ACCESS_DENIED: agent 'x' lacks Write access to graph 'agent'";
        assert_eq!(next()?, Err(denied.into()));
        assert!(next()?.is_ok());
        assert_eq!(next()?, Err(format!("Graph '{name}' not found")));
    }
    Ok(())
}

#[test]
fn a_graph_that_changes_hands_is_checked_by_its_new_owner() -> Result<()> {
    let server = guarded()?;
    let mut client = server.client()?;
    let mut send_as = |agent: &str, method: &str, fields: Option<Value>| -> Result<()> {
        let graph = if method == "AddNode" { "agent" } else { "" };
        let request = client.request(graph, method, fields).with("agent_id", agent);
        client.send_body(&request.body())?;
        Ok(())
    };
    let node = || params([("node_id", "a".into()), ("properties_msgpack", bin([0x80]))]);
    send_as("o", "AddNode", node())?;
    send_as("o", "DeleteGraph", params([("graph_name", "agent".into())]))?;
    let fields = [("graph_name", "agent".into()), ("graph_type", "Agent".into())];
    send_as("x", "CreateGraph", params(fields))?;
    send_as("o", "AddNode", node())?;
    send_as("x", "AddNode", node())?;
    let mut next = || Ok::<_, anyhow::Error>(client.receive()?.outcome);
    assert!(next()?.is_ok() && next()?.is_ok() && next()?.is_ok());
    assert_eq!(next()?, Err("ACCESS_DENIED: agent 'o' lacks Write access to graph 'agent'".into()));
    assert!(next()?.is_ok());
    Ok(())
}
