//! Channels once access control is on, and how much of them is kept.

use anyhow::{Context, Result};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{ServerProcess, Value};

use crate::{call_as, guarded, texts};

fn channel(id: &str, creator: &str, members: &[&str]) -> Option<Value> {
    params([
        ("channel_id", id.into()),
        ("channel_type", "Group".into()),
        ("creator", creator.into()),
        ("initial_members", texts(members)),
    ])
}

fn of_channel(id: &str) -> Option<Value> {
    params([("channel_id", id.into())])
}

fn with_agent(id: &str, agent: &str) -> Option<Value> {
    params([("channel_id", id.into()), ("agent_id", agent.into())])
}

fn message(id: &str, sender: &str, payload: &str) -> Option<Value> {
    params([("channel_id", id.into()), ("sender", sender.into()), ("payload", payload.into())])
}

#[test]
fn nobody_acts_as_another() -> Result<()> {
    let server = guarded()?;
    let call = |agent: &str, method: &str, fields| call_as(&server, agent, "", method, fields);
    assert!(call("a", "CreateChannel", channel("c", "a", &["b"]))?.is_ok());
    for agent in ["", "x"] {
        let shown = if agent.is_empty() { "<anonymous>" } else { agent };
        let denied = format!("ACCESS_DENIED: agent '{shown}' may not act as 'a'; only a System identity may");
        for (method, fields) in [
            ("CreateChannel", channel("d", "a", &[])),
            ("JoinChannel", with_agent("c", "a")),
            ("LeaveChannel", with_agent("c", "a")),
            ("SendMessage", message("c", "a", "x")),
        ] {
            assert_eq!(call(agent, method, fields)?, Err(denied.clone()), "{method}");
        }
        let outside = format!("ACCESS_DENIED: agent '{shown}' is not a member of channel 'c'");
        for method in ["GetChannelMessages", "GetChannelMembers", "CloseChannel"] {
            assert_eq!(call(agent, method, of_channel("c"))?, Err(outside.clone()), "{method}");
            let missing = call(agent, method, of_channel("missing"))?;
            assert_eq!(missing, Err("Channel 'missing' not found".into()), "{method}");
        }
    }
    let anonymous = "ACCESS_DENIED: agent '<anonymous>' may not act as ''; only a System identity may";
    assert_eq!(call("", "CreateChannel", channel("d", "", &[]))?, Err(anonymous.into()));
    assert_eq!(call("b", "SendMessage", message("c", "b", "hi"))?, Ok("sent".into()));
    assert!(call("b", "GetChannelMessages", of_channel("c"))?.is_ok());
    assert_eq!(call("a", "JoinChannel", with_agent("c", "x"))?, Ok("joined".into()), "invited");
    assert!(call("x", "GetChannelMembers", of_channel("c"))?.is_ok());
    assert!(call("y", "CreateChannel", channel("of y", "y", &[]))?.is_ok());
    for (agent, seen) in [("x", &["c"][..]), ("y", &["of y"]), ("s", &["c", "of y"]), ("z", &[]), ("", &[])] {
        let list = call(agent, "ListChannels", None)?.map_err(anyhow::Error::msg)?;
        let ids = list.as_array().context("no list")?.iter().map(|channel| field(channel, "id")?.as_str());
        assert_eq!(ids.collect::<Option<Vec<_>>>().context("no id")?, seen, "{agent}");
    }
    assert_eq!(call("x", "LeaveChannel", with_agent("c", "x"))?, Ok("left".into()));
    assert_eq!(call("s", "SendMessage", message("c", "a", "in its name"))?, Ok("sent".into()));
    assert!(call("s", "CloseChannel", of_channel("c"))?.is_ok());
    Ok(())
}

/// Mallory was told ACCESS_DENIED, joined, read everything and closed the channel.
#[test]
fn joining_needs_an_invitation_and_closing_is_for_the_creator() -> Result<()> {
    let server = guarded()?;
    let call = |agent: &str, method: &str, fields| call_as(&server, agent, "", method, fields);
    assert!(call("a", "CreateChannel", channel("board", "a", &["b"]))?.is_ok());
    assert!(call("a", "SendMessage", message("board", "a", "secret"))?.is_ok());
    let uninvited = "ACCESS_DENIED: agent 'mallory' was not invited to channel 'board'; its creator may add it with JoinChannel";
    assert_eq!(call("mallory", "JoinChannel", with_agent("board", "mallory"))?, Err(uninvited.into()));
    let others = "ACCESS_DENIED: agent 'b' may not act as 'mallory'; only a System identity may";
    assert_eq!(call("b", "JoinChannel", with_agent("board", "mallory"))?, Err(others.into()));
    assert!(call("mallory", "GetChannelMessages", of_channel("board"))?.is_err());
    let close = "ACCESS_DENIED: agent 'b' did not create channel 'board'; only its creator or a System identity may close it";
    assert_eq!(call("b", "CloseChannel", of_channel("board"))?, Err(close.into()));
    assert_eq!(call("b", "JoinChannel", with_agent("board", "b"))?, Ok("joined".into()), "it is in");
    // Who is invited reads what was said before.
    assert_eq!(call("a", "JoinChannel", with_agent("board", "c"))?, Ok("joined".into()));
    let read = call("c", "GetChannelMessages", of_channel("board"))?.map_err(anyhow::Error::msg)?;
    assert_eq!(read.as_array().map(Vec::len), Some(1));
    assert_eq!(call("a", "LeaveChannel", with_agent("board", "a"))?, Ok("left".into()));
    assert!(call("a", "CloseChannel", of_channel("board"))?.is_ok(), "the creator, member or not");
    Ok(())
}

#[test]
fn an_open_channel_is_joined_by_everybody_also_after_a_restart() -> Result<()> {
    let server = ServerProcess::ours().arg("--system-agent").arg("s").arg("--access-control").arg("on");
    let server = server.start()?;
    let open = params([
        ("channel_id", "hall".into()),
        ("channel_type", "Group".into()),
        ("creator", "a".into()),
        ("initial_members", texts(&[])),
        ("open", true.into()),
    ]);
    assert!(call_as(&server, "a", "", "CreateChannel", open)?.is_ok());
    assert_eq!(call_as(&server, "x", "", "JoinChannel", with_agent("hall", "x"))?, Ok("joined".into()));
    let server = server.restart()?;
    assert_eq!(call_as(&server, "y", "", "JoinChannel", with_agent("hall", "y"))?, Ok("joined".into()));
    Ok(())
}

#[test]
fn the_oldest_messages_are_dropped_also_after_a_restart() -> Result<()> {
    let server = ServerProcess::ours().arg("--channel-messages").arg("3").start()?;
    let mut client = server.client()?;
    client.call("", "CreateChannel", channel("c", "a", &[]))?;
    for number in 0..5 {
        client.call("", "SendMessage", message("c", "a", &number.to_string()))?;
    }
    let server = server.restart()?;
    let mut client = server.client()?;
    client.call("", "SendMessage", message("c", "a", "5"))?;
    let messages = client.call("", "GetChannelMessages", of_channel("c"))?;
    let payload = |message: &Value| field(message, "payload").and_then(Value::as_str).map(str::to_owned);
    let payloads: Option<Vec<_>> = messages.as_array().context("no list")?.iter().map(payload).collect();
    assert_eq!(payloads.context("no payload")?, ["3", "4", "5"]);
    let record = client.call("", "CloseChannel", of_channel("c"))?;
    assert_eq!(field(&record, "message_count"), Some(&6.into()), "dropped ones count");
    Ok(())
}
