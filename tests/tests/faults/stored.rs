//! Identities, owners of graphs and channels are stored: fault 21.

use anyhow::{Result, ensure};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{ServerBuilder, ServerProcess, Value};

fn survives_a_kill(server: ServerBuilder) -> Result<()> {
    let server = server.start()?;
    let mut owner = server.client()?.acting_as("owner");
    owner.create_graph("mine")?;
    owner.add_node("mine", "a", b"")?;
    let identity = [
        ("agent_id", "owner".into()),
        ("role", "Agent".into()),
        ("teams", Value::Array(Vec::new())),
        ("signature", "".into()),
    ];
    owner.call("", "RegisterIdentity", params(identity))?;
    let channel = [
        ("channel_id", "c".into()),
        ("channel_type", "Group".into()),
        ("creator", "owner".into()),
        ("initial_members", vec![Value::from("b")].into()),
    ];
    owner.call("", "CreateChannel", params(channel))?;
    for payload in ["one", "two"] {
        let message = [("channel_id", "c".into()), ("sender", "owner".into()), ("payload", payload.into())];
        owner.call("", "SendMessage", params(message))?;
    }
    let ask = |server: &ServerProcess, agent: &str| -> Result<Vec<Result<Value, String>>> {
        let mut client = server.client()?.acting_as(agent);
        let in_channel = || params([("channel_id", "c".into())]);
        let mut answers = Vec::new();
        for (graph, method, fields) in [
            ("mine", "HasNode", params([("node_id", "a".into())])),
            ("", "GetChannelMembers", in_channel()),
            ("", "GetChannelMessages", in_channel()),
        ] {
            client.send(graph, method, fields)?;
            answers.push(client.receive()?.outcome);
        }
        Ok(answers)
    };
    let before = ask(&server, "owner")?;
    let messages = before[2].clone().unwrap_or(Value::Nil);
    let last = messages.as_array().and_then(|list| list.last()).cloned().unwrap_or(Value::Nil);
    ensure!(field(&last, "payload") == Some(&"two".into()), "{before:?}");
    let server = server.restart()?;
    let stranger = ask(&server, "stranger")?.swap_remove(0);
    let denied = "ACCESS_DENIED: agent 'stranger' lacks Read access to graph 'mine'";
    ensure!(stranger == Err(denied.to_owned()), "access control is off after a restart: {stranger:?}");
    ensure!(ask(&server, "owner")? == before, "channels or owners are lost");
    Ok(())
}

#[test]
fn fault_21_identities_owners_and_channels_survive_a_kill() -> Result<()> {
    survives_a_kill(ServerProcess::ours())
}

#[test]
fn fault_21_is_found_in_every_reference() -> Result<()> {
    for version in ["0.31.0", "2.0.0"] {
        let reference = ServerProcess::reference(version);
        super::goes_red(survives_a_kill(reference), "access control is off after a restart")?;
    }
    Ok(())
}
