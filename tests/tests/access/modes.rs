//! From when on the rules hold, and that the operator can undo everything.

use anyhow::{Context, Result};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{ServerBuilder, ServerProcess, Value};

use crate::{call_as, register, texts};

fn count(server: &ServerProcess, agent: &str, graph: &str) -> Result<Result<Value, String>> {
    call_as(server, agent, graph, "NodeCount", None)
}

fn lacks(agent: &str, need: &str, graph: &str) -> Result<Value, String> {
    Err(format!("ACCESS_DENIED: agent '{agent}' lacks {need} access to graph '{graph}'"))
}

fn with_mode(mode: &str) -> ServerBuilder {
    ServerProcess::ours().arg("--access-control").arg(mode)
}

fn unregister(server: &ServerProcess, caller: &str, agent: &str) -> Result<Result<Value, String>> {
    call_as(server, caller, "", "UnregisterIdentity", params([("agent_id", agent.into())]))
}

fn anonymous_channel() -> Option<Value> {
    params([
        ("channel_id", "c".into()),
        ("channel_type", "Group".into()),
        ("creator", "somebody".into()),
        ("initial_members", texts(&["other"])),
    ])
}

/// Clients of the reference that give no `agent_id` own no graphs. One registration by anyone locked them all out.
#[test]
fn one_registration_by_anyone_closes_nothing_that_has_no_owner() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut anonymous = server.client()?;
    anonymous.create_graph("bus")?;
    server.client()?.acting_as("alice").create_graph("of alice")?;
    assert!(register(&mut server.client()?, "mallory", "Agent".into(), &[])?.is_ok());
    let server = server.restart()?;
    for agent in ["", "somebody"] {
        assert_eq!(count(&server, agent, "bus")?, Ok(0.into()), "{agent:?}");
        assert!(call_as(&server, agent, "bus", "ClearGraph", None)?.is_ok(), "{agent:?}");
    }
    assert!(call_as(&server, "", "", "CreateChannel", anonymous_channel())?.is_ok());
    assert!(call_as(&server, "", "", "GetChannelMessages", params([("channel_id", "c".into())]))?.is_ok());
    assert!(call_as(&server, "", "", "Checkpoint", None)?.is_ok());
    // What has an owner is the owner's, as in the reference.
    assert_eq!(count(&server, "mallory", "of alice")?, lacks("mallory", "Read", "of alice"));
    assert_eq!(count(&server, "alice", "of alice")?, Ok(0.into()));
    Ok(())
}

#[test]
fn what_the_configuration_says_no_request_changes() -> Result<()> {
    let home = tempfile::tempdir()?;
    let builder = || ServerProcess::ours().persist_dir(home.path().join("data"));
    let server = builder().arg("--system-agent").arg("ops").start()?;
    let mut anonymous = server.client()?;
    let fixed = Err("ACCESS_DENIED: 'ops' is System by --system-agent, which no request changes".to_owned());
    assert_eq!(register(&mut anonymous, "ops", "Agent".into(), &[])?, fixed);
    assert!(register(&mut anonymous, "ops", "System".into(), &[])?.is_ok());
    assert_eq!(register(&mut anonymous, "ops", "Agent".into(), &[])?, fixed);
    let mut ops = server.client()?.acting_as("ops");
    assert_eq!(register(&mut ops, "ops", "Agent".into(), &[])?, fixed);
    // Once the rules hold, registering is for System, oneself and the teams included.
    for (agent, shown) in [("", "<anonymous>"), ("mallory", "mallory")] {
        let mut client = server.client()?.acting_as(agent);
        let denied = format!(
            "ACCESS_DENIED: agent '{shown}' may not use RegisterIdentity; only a System identity may"
        );
        assert_eq!(register(&mut client, "mallory", "Agent".into(), &["t"])?, Err(denied.clone()));
        assert_eq!(register(&mut client, "ops", "System".into(), &[])?, Err(denied));
        let denied = format!(
            "ACCESS_DENIED: agent '{shown}' may not use UnregisterIdentity; only a System identity may"
        );
        assert_eq!(unregister(&server, agent, "ops")?, Err(denied));
    }
    assert!(register(&mut ops, "worker", "Agent".into(), &["t"])?.is_ok());
    // Removed or not, it is System; without the flag it is not.
    assert_eq!(unregister(&server, "ops", "ops")?, Ok("unregistered".into()));
    let again = Err("Agent 'ops' is not registered: it is System by --system-agent".to_owned());
    assert_eq!(unregister(&server, "ops", "ops")?, again);
    assert!(call_as(&server, "ops", "", "ListIdentities", None)?.is_ok());
    drop(server);
    let server = builder().start()?;
    assert!(call_as(&server, "ops", "", "ListIdentities", None)?.is_err(), "worker is registered");
    Ok(())
}

#[test]
fn the_mode_of_the_reference_is_that_of_the_reference() -> Result<()> {
    let server = with_mode("first-identity").start()?;
    server.client()?.create_graph("bus")?;
    let mut anyone = server.client()?;
    assert_eq!(count(&server, "", "bus")?, Ok(0.into()));
    assert!(register(&mut anyone, "a", "Agent".into(), &[])?.is_ok());
    assert_eq!(count(&server, "", "bus")?, lacks("<anonymous>", "Read", "bus"));
    assert!(register(&mut anyone, "b", "Agent".into(), &[])?.is_ok(), "nobody could do it for him");
    drop(server);
    let server = with_mode("first-identity").arg("--system-agent").arg("ops").start()?;
    assert!(register(&mut server.client()?, "a", "Agent".into(), &[])?.is_ok());
    assert!(register(&mut server.client()?, "b", "Agent".into(), &[])?.is_err());
    Ok(())
}

#[test]
fn off_keeps_registrations_and_checks_nothing() -> Result<()> {
    let server = with_mode("off").arg("--system-agent").arg("ops").start()?;
    server.client()?.acting_as("alice").create_graph("of alice")?;
    let mut ops = server.client()?.acting_as("ops");
    assert!(register(&mut ops, "ops", "System".into(), &[])?.is_ok());
    assert_eq!(count(&server, "", "of alice")?, Ok(0.into()));
    assert!(call_as(&server, "", "", "Checkpoint", None)?.is_ok());
    let list = call_as(&server, "", "", "ListIdentities", None)?.map_err(anyhow::Error::msg)?;
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    Ok(())
}

/// From the first request on, and what is there is told to nobody who may not use it.
#[test]
fn on_is_on_before_anybody_is_registered_and_hides_what_is_there() -> Result<()> {
    let server = with_mode("on").arg("--system-agent").arg("ops").start()?;
    let mut alice = server.client()?.acting_as("alice");
    alice.create_graph("there")?;
    assert!(register(&mut alice, "alice", "Agent".into(), &[])?.is_err());
    for graph in ["there", "missing"] {
        for (method, need, fields) in [
            ("NodeCount", "Read", None),
            ("PageRank", "Read", None),
            ("ClearGraph", "Write", None),
            ("DeleteGraph", "Write", params([("graph_name", graph.into())])),
        ] {
            assert_eq!(call_as(&server, "x", graph, method, fields)?, lacks("x", need, graph), "{method}");
        }
        for (method, fields) in [
            ("DiffAgainst", vec![("other_graph", graph.into())]),
            ("Vf2SubgraphMatch", vec![("pattern_graph_name", graph.into())]),
            ("UnionGetNeighbors", vec![("graphs", texts(&[graph])), ("node_id", "n".into())]),
        ] {
            let answer = call_as(&server, "x", "__commons__", method, params(fields))?;
            assert_eq!(answer, lacks("x", "Read", graph), "{method}");
        }
    }
    assert_eq!(count(&server, "ops", "missing")?, Err("Graph 'missing' not found".into()));
    assert_eq!(count(&server, "alice", "there")?, Ok(0.into()));

    let channel = params([
        ("channel_id", "is-there".into()),
        ("channel_type", "Group".into()),
        ("creator", "alice".into()),
        ("initial_members", texts(&[])),
    ]);
    assert!(call_as(&server, "alice", "", "CreateChannel", channel)?.is_ok());
    for method in ["GetChannelMessages", "GetChannelMembers", "CloseChannel", "JoinChannel"] {
        let about = |channel: &str| {
            let fields = params([("channel_id", channel.into()), ("agent_id", "x".into())]);
            let answer = call_as(&server, "x", "", method, fields)?;
            anyhow::Ok(answer.err().context("refused")?.replace(channel, "CHANNEL"))
        };
        assert_eq!(about("is-there")?, about("is-not")?, "{method}");
    }

    let status = |agent: &str| call_as(&server, agent, "", "ShardStatus", None);
    let seen = status("x")?.map_err(anyhow::Error::msg)?;
    assert_eq!((field(&seen, "pid"), field(&seen, "persist_dir")), (Some(&0.into()), Some(&Value::Nil)));
    let seen = status("ops")?.map_err(anyhow::Error::msg)?;
    assert_eq!(field(&seen, "pid"), Some(&server.pid().into()));
    Ok(())
}

/// A flood of checkpoints does not remove the one from before, whoever takes them.
#[test]
fn a_flood_of_checkpoints_leaves_the_one_from_before() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.call("", "Checkpoint", None)?;
    let names = || -> Result<Vec<String>> {
        let entries = fs_err::read_dir(server.persist_dir().join("checkpoints"))?;
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    };
    let before = names()?.pop().context("a checkpoint")?;
    for number in 0..4 {
        client.add_node("g", &format!("n{number}"), b"\x80")?;
        client.call("", "Checkpoint", None)?;
    }
    let left = names()?;
    assert!(left.contains(&before) && left.len() == 3, "{before} {left:?}");
    Ok(())
}
