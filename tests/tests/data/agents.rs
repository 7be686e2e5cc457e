//! Identities and channels.

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::Value as Wire;
use epistemic_tests::wire::params;
use serde_json::{Value, json as value};

use super::{endpoint, fails, json, says, text};

fn agents(at: &[&str]) -> Result<Vec<Value>> {
    let listed = json(&[&["identity", "list"], at].concat())?;
    listed["identities"].as_array().cloned().context("identities")
}

#[test]
fn agents_are_added_copied_and_removed() -> Result<()> {
    let start = || ServerProcess::ours().arg("--system-agent").arg("ops").start();
    let (mut one, two) = (start()?, start()?);
    let (first, second) = (endpoint(&one), endpoint(&two));
    let list = format!("{first},{second}");
    let at_first = ["--endpoint", first.as_str(), "--agent-id", "ops"];
    json(&[&["identity", "add", "alice", "--team", "t", "--team", "u"][..], &at_first].concat())?;
    json(
        &[&["identity", "add", "boss", "--role", "manager", "--subordinate", "alice"][..], &at_first]
            .concat(),
    )?;
    ensure!(
        fails(2, &[&["identity", "add", "x", "--subordinate", "alice"][..], &at_first].concat())
            .contains("--role manager")
    );
    let there = agents(&at_first)?;
    let row = |agent: &str, role: &str, subordinates: Value, teams: Value| value!({"agent_id": agent, "role": role, "subordinates": subordinates, "teams": teams, "place": first});
    let expected = [
        row("alice", "Agent", value!([]), value!(["t", "u"])),
        row("boss", "Manager", value!(["alice"]), value!([])),
    ];
    ensure!(there == expected, "{there:?}");
    // The former name of the command, and the former form without a command.
    ensure!(json(&[&["identities"][..], &at_first].concat())?["identities"] == value!(there));

    let copy = ["identity", "copy", "--from", &first, "--endpoints", &list, "--agent-id", "ops"];
    let told = json(&copy)?;
    ensure!(
        told["copied"]
            == value!([{"place": second, "identities": 2, "other_identities": [], "channels": 0, "other_channels": []}]),
        "{told}"
    );
    ensure!(agents(&["--endpoint", &second, "--agent-id", "ops"])?.len() == 2, "both are there");
    json(&["identity", "add", "alice", "--role", "system", "--endpoint", &second, "--agent-id", "ops"])?;
    ensure!(fails(6, &copy).contains("otherwise"), "what differs stays and is told");

    json(&[&["identity", "remove", "alice"][..], &at_first].concat())?;
    let dir = one.persist_dir().to_owned();
    one.terminate()?;
    let offline = ["--dir", text(&dir)];
    json(&[&["identity", "add", "carol"][..], &offline].concat())?;
    let names: Vec<_> = agents(&offline)?.iter().map(|row| row["agent_id"].clone()).collect();
    ensure!(names == ["boss", "carol"], "{names:?}");
    Ok(())
}

#[test]
fn channels_are_found_on_the_shard_that_has_them() -> Result<()> {
    let (mut one, two) = (ServerProcess::ours().start()?, ServerProcess::ours().start()?);
    let list = format!("{},{}", endpoint(&one), endpoint(&two));
    let mut client = one.client()?;
    let members = Wire::Array(vec!["bob".into()]);
    let fields = [
        ("channel_id", "a b".into()),
        ("channel_type", "Group".into()),
        ("creator", "alice".into()),
        ("initial_members", members),
    ];
    client.call("", "CreateChannel", params(fields))?;
    for payload in ["one", "two\u{1b}[2J", "three"] {
        let fields = [("channel_id", "a b".into()), ("sender", "alice".into()), ("payload", payload.into())];
        client.call("", "SendMessage", params(fields))?;
    }
    let online = ["--endpoints", list.as_str()];
    let listed = json(&[&["channel", "list"][..], &online].concat())?;
    ensure!(
        listed["channels"] == value!([{"id": "a b", "type": "Group", "members": 2, "place": endpoint(&one)}]),
        "{listed}"
    );
    let shown = json(&[&["channel", "show", "a b"][..], &online].concat())?;
    ensure!(shown["members"] == value!(["alice", "bob"]), "{shown}");
    let told = says(&[&["channel", "history", "a b", "--limit", "2"][..], &online].concat())?;
    ensure!(
        told.lines().count() == 2 && told.contains("alice  \"two\\u{1b}[2J\"") && told.contains("  three\n"),
        "{told}"
    );
    fails(1, &[&["channel", "show", "gone"][..], &online].concat());
    ensure!(fails(2, &[&["channel", "close", "a b"][..], &online].concat()).contains("--yes"));

    let dir = one.persist_dir().to_owned();
    one.terminate()?;
    let offline = ["--dir", text(&dir)];
    let shown = json(&[&["channel", "show", "a b"][..], &offline].concat())?;
    ensure!(shown["members"] == value!(["alice", "bob"]), "{shown}");
    let told = json(&[&["channel", "history", "a b"][..], &offline].concat())?;
    ensure!(told["messages"].as_array().is_some_and(|messages| messages.len() == 3), "{told}");
    one = one.restart()?;
    let list = format!("{},{}", endpoint(&one), endpoint(&two));
    let closed = json(&["channel", "close", "a b", "--yes", "--endpoints", &list])?;
    ensure!(closed["message_count"] == 3 && closed["creator"] == "alice", "{closed}");
    ensure!(json(&["channel", "list", "--endpoints", &list])?["channels"] == value!([]), "it is gone");
    Ok(())
}
