//! A graph is given to another agent while both use the server.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, field, params};
use epistemic_tests::{Client, Egctl, ServerProcess, Value};

use crate::{create, register};

const G: &str = "notes";
const TEXT: &str = "ACCESS_DENIED: agent 'old' lacks";

fn refused(client: &mut Client, method: &str, fields: Option<Value>) -> Result<()> {
    client.send(G, method, fields)?;
    let text = client.receive()?.outcome.err().with_context(|| format!("{method} was answered"))?;
    ensure!(text.starts_with(TEXT), "{method}: {text}");
    Ok(())
}

fn endpoint(server: &ServerProcess) -> String {
    format!("tcp://{}", server.tcp_addr())
}

/// Requests, transactions and snapshots that were begun before.
#[test]
fn the_old_owner_ends_at_once_and_the_new_one_begins() -> Result<()> {
    let mut server = ServerProcess::ours().tcp().arg("--system-agent").arg("s").start()?;
    let endpoint = endpoint(&server);
    ensure!(register(&mut server.client()?, "s", "System".into(), &[])? == Ok("registered".into()));
    let mut old = server.client()?.acting_as("old");
    let mut new = server.client()?.acting_as("new");
    create(&mut old, G, "Agent")?;
    for number in 0..2_000 {
        old.add_node(G, &format!("n{number}"), &[&[0xc5, 4, 0][..], &[7; 1024]].concat())?;
    }
    ensure!(new.call(G, "NodeCount", None).is_err(), "it is not his yet");
    let txn = old.call(G, "BeginTxn", None)?;
    let of_txn =
        |fields: Vec<(&'static str, Value)>| params([vec![("txn_id", txn.clone())], fields].concat());
    old.call(G, "TxnAddNode", of_txn(vec![("node_id", "late".into()), ("properties_msgpack", bin([0x80]))]))?;
    let opened = old.call(G, "SnapshotOpen", None)?;
    let cursor = field(&opened, "cursor").cloned().context("cursor")?;
    let piece = || params([("cursor", cursor.clone()), ("max_bytes", 1000.into())]);
    old.call(G, "SnapshotRead", piece())?;

    let egctl = Egctl::with_secret(server.secret());
    let chown = ["graph", "chown", G, "new", "--endpoint", &endpoint];
    let denied = egctl.fails(1, &[&chown[..], &["--agent-id", "old"]].concat());
    ensure!(denied.contains("ACCESS_DENIED"), "{denied}");
    let told = egctl.json(&[&chown[..], &["--agent-id", "s"]].concat())?;
    ensure!(told["owner"] == "new" && told["graph"] == G, "{told}");

    refused(&mut old, "NodeCount", None)?;
    refused(&mut old, "SnapshotRead", piece())?;
    refused(&mut old, "Commit", of_txn(Vec::new()))?;
    ensure!(new.call(G, "NodeCount", None)? == Value::from(2_000));
    new.add_node(G, "mine", b"\x80")?;

    // It is durable, and one more change of the graph.
    server = server.restart()?;
    let endpoint = crate::owners::endpoint(&server);
    let shown = egctl.json(&["graph", "owner", G, "--endpoint", &endpoint, "--agent-id", "s"])?;
    ensure!(shown["found"][0]["owner"] == "new", "{shown}");
    refused(&mut server.client()?.acting_as("old"), "NodeCount", None)?;
    server.client()?.acting_as("new").call(G, "NodeCount", None)?;
    Ok(())
}

#[test]
fn a_directory_gives_its_graphs_to_others_too() -> Result<()> {
    let home = tempfile::tempdir()?;
    let dir = home.path().join("data");
    let mut server = ServerProcess::ours().persist_dir(&dir).start()?;
    create(&mut server.client()?.acting_as("old"), G, "Agent")?;
    server.terminate()?;
    let path = dir.to_str().context("path")?;
    let egctl = Egctl::new();
    let (text, _) = egctl.ends(0, ["graph", "chown", G, "--nobody", "--dir", path])?;
    ensure!(text.contains("belongs to nobody now"), "{text}");
    let rows = egctl.json(&["graphs", "--dir", path])?;
    let row = rows["graphs"].as_array().and_then(|rows| rows.iter().find(|row| row["name"] == G)).cloned();
    ensure!(row.as_ref().is_some_and(|row| row["owner"].is_null()), "{rows}");
    egctl.verify(&dir)?;
    Ok(())
}
