//! Connections: listed, ended, and ended with their key.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Egctl, ServerProcess, Value};

use crate::{KEYS, client, create, refused, server, write_keys};

const SOON: std::time::Duration = std::time::Duration::from_secs(60);
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// `egctl` with the key of an operator.
fn operator() -> Egctl {
    Egctl::with_secret("secret-of-ops-!!")
}

fn endpoint(server: &ServerProcess) -> String {
    format!("unix://{}", server.socket().display())
}

#[test]
fn an_operator_lists_connections_and_ends_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    let (egctl, endpoint) = (operator(), endpoint(&server));
    let mut owner = client(&server, "owner")?;
    create(&mut owner, "tenant__acme__g")?;
    owner.call("tenant__acme__g", "NodeCount", None)?;
    let mut second = client(&server, "owner")?;
    second.call("", "Ping", None)?;
    let mut victim = client(&server, "victim")?;
    victim.call("", "Ping", None)?;
    let list = |flags: &[&str]| -> Result<Vec<serde_json::Value>> {
        let args = [&["sessions", "list", "--endpoint", &endpoint, "--agent-id", "ops"], flags].concat();
        let list = egctl.json(&args)?;
        Ok(list["shards"][0]["sessions"].as_array().context("sessions")?.clone())
    };
    let all = list(&[])?;
    let of = |key: &str| all.iter().filter(|row| row["key"] == key).collect::<Vec<_>>();
    ensure!(of("owner").len() == 2 && of("victim").len() == 1, "{all:#?}");
    let row = of("owner")[0];
    ensure!(row["principal"] == "acme" && row["transport"] == "unix" && row["requests"] == 2, "{row}");
    ensure!(row["since_ms"].as_u64() <= row["last_ms"].as_u64(), "{row}");
    ensure!(all.iter().filter(|row| row["own"] == true).count() == 1, "{all:#?}");
    ensure!(list(&["--key", "victim"])?.len() == 1);
    // One by its number.
    let number = row["session"].to_string();
    let kill = ["sessions", "kill", &number, "--endpoint", &endpoint, "--agent-id", "ops"];
    ensure!(egctl.json(&kill)?["shards"][0]["killed"] == 1);
    ensure!(owner.is_closed_by_server()?);
    second.call("", "Ping", None)?;
    let error = egctl.fails(1, &kill);
    ensure!(error.contains("not found"), "{error}");
    // All of a key; the key goes on.
    let mut third = client(&server, "owner")?;
    third.call("", "Ping", None)?;
    let kill = ["sessions", "kill", "--key", "owner", "--endpoint", &endpoint, "--agent-id", "ops"];
    ensure!(egctl.json(&kill)?["shards"][0]["killed"] == 2);
    ensure!(second.is_closed_by_server()? && third.is_closed_by_server()?);
    victim.call("", "Ping", None)?;
    client(&server, "owner")?.call("", "Ping", None)?;
    let left = || Ok::<_, anyhow::Error>((list(&[])?.len() == 2).then_some(()));
    poll(SOON, LOOK, left)?.with_context(|| format!("{:#?}", list(&[])))?;
    Ok(())
}

#[test]
fn it_is_for_operators() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    let mut victim = client(&server, "victim")?;
    victim.call("", "Ping", None)?;
    for key in ["reader", "writer", "owner"] {
        let mut tenant = client(&server, key)?;
        for (method, fields) in [("SessionList", None), ("SessionKill", params([("key", "victim".into())]))] {
            let text = refused(tenant.call("", method, fields))?;
            ensure!(text.contains("may not use Session"), "{text}");
        }
    }
    victim.call("", "Ping", None)?;
    let mut root = client(&server, "root")?;
    for fields in [None, params([("key", "a".into()), ("session", 1.into())])] {
        ensure!(root.call("", "SessionKill", fields).is_err());
    }
    let killed = root.call("", "SessionKill", params([("key", "root".into())]))?;
    ensure!(field(&killed, "killed") == Some(&Value::from(0)), "not the one that asks: {killed}");
    Ok(())
}

/// A client that takes a large answer slowly does not go on with it once its key is gone.
#[test]
fn a_key_that_is_retired_ends_an_answer_on_its_way() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    let mut owner = client(&server, "owner")?;
    create(&mut owner, "tenant__acme__g")?;
    for number in 0..40 {
        owner.add_node(
            "tenant__acme__g",
            &format!("n{number}"),
            &[&[0xc6, 0, 8, 0, 0][..], &vec![7; 8 << 16]].concat(),
        )?;
    }
    owner.send("tenant__acme__g", "ToMsgpack", None)?;
    // Its answer is in the sockets by now, which hold less than all of it.
    let asked = || {
        let list = client(&server, "ops")?.call("", "SessionList", None)?;
        let is_asked = |row: &Value| {
            field(row, "key") == Some(&"owner".into()) && field(row, "requests") == Some(&Value::from(42))
        };
        Ok::<_, anyhow::Error>(list.as_array().is_some_and(|rows| rows.iter().any(is_asked)).then_some(()))
    };
    poll(SOON, LOOK, asked)?.context("it was not asked for")?;
    let without =
        KEYS.replace("id = \"owner\"", "id = \"another\"").replace("may_act_as = [\"acme-bot\"]", "");
    write_keys(folder.path(), &without)?;
    let ended = || Ok::<_, anyhow::Error>(server.output().contains("connections_ended=1").then_some(()));
    poll(SOON, LOOK, ended)?.with_context(|| server.output())?;
    let gone = || {
        let list = client(&server, "ops")?.call("", "SessionList", None)?.to_string();
        Ok::<_, anyhow::Error>((!list.contains("owner")).then_some(()))
    };
    poll(SOON, LOOK, gone)?.context("the connection is still there")?;
    ensure!(owner.receive_body().is_err(), "all of the answer came");
    Ok(())
}
