//! What a replica does not do.

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::wire::{Value, field, params};

use super::super::shard::{directory, on};
use super::{follows, number, owner_pid, register, status, until, until_node};

/// Every operation, as it comes: what changes something is refused with where the owner is, and nothing changes.
#[test]
fn what_changes_something_is_for_the_owner() -> Result<()> {
    let (_folder, url) = directory()?;
    let owner = on(ServerProcess::ours().tcp(), &url).start()?;
    owner.client()?.create_graph("g")?;
    owner.client()?.add_node("g", "n", b"\x80")?;
    let replica = follows(ServerProcess::ours(), &url).start()?;
    let mut client = replica.client()?;
    until_node(&mut client, "g", "n")?;
    until("the owner", || Ok(owner_pid(&status(&replica)?)))?;
    let sequence = number(&status(&owner)?, "sequence");
    let health = client.call("", "Health", None)?;
    let operations = field(&health, "ops").and_then(Value::as_array).context("ops")?;
    let begins = format!("REPLICA: the owner of this shard is 'tcp://{}' (host ", owner.tcp_addr());
    let (mut refused, mut answered) = (Vec::new(), Vec::new());
    for method in operations.iter().filter_map(Value::as_str).filter(|method| *method != "Shutdown") {
        match client.call("g", method, None) {
            Err(error) if error.server_text().is_some_and(|text| text.starts_with("REPLICA: ")) => {
                let text = error.server_text().unwrap_or_default();
                ensure!(text.starts_with(&begins) && text.contains(method), "{text}");
                refused.push(method);
            }
            _ => answered.push(method),
        }
    }
    for method in [
        "AddNode",
        "RemoveNode",
        "AddEdge",
        "BatchUpdate",
        "CreateGraph",
        "DeleteGraph",
        "ClearGraph",
        "ApplyLedger",
        "FromMsgpack",
        "Fork",
        "BeginTxn",
        "Commit",
        "TouchNodes",
        "ClaimNext",
        "CompareAndSetNodeFields",
        "AddEmbedding",
        "SendMessage",
        "CreateChannel",
        "RegisterIdentity",
        "UnregisterIdentity",
        "RestoreOpen",
        "ServiceImport",
        "MoveArrive",
        "MoveFence",
        "OwnerHold",
        "GraphOwners",
        "Checkpoint",
        "Compact",
        "ShardHandOver",
        "DecaySweep",
        "RunDatalogReasoning",
        "LedgerTrim",
        "QuotaSet",
    ] {
        ensure!(refused.contains(&method), "{method} is not refused");
    }
    for method in ["Ping", "NodeIds", "GetNeighbors", "PageRank", "SnapshotOpen", "ListGraphs", "GetLedger"] {
        ensure!(answered.contains(&method), "{method} is refused");
    }
    ensure!(number(&status(&owner)?, "sequence") == sequence, "something was written");
    let _ = client.call("", "Shutdown", None);
    Ok(())
}

#[test]
fn who_was_removed_is_shut_out_of_the_replica() -> Result<()> {
    let (_folder, url) = directory()?;
    let server = || ServerProcess::ours().arg("--system-agent").arg("root");
    let owner = on(server(), &url).start()?;
    let mut root = owner.client()?.acting_as("root");
    register(&mut root, "root", "System")?;
    register(&mut root, "boss", "System")?;
    root.create_graph("g")?;
    root.add_node("g", "first", b"\x80")?;
    let replica = follows(server(), &url).start()?;
    let mut boss = replica.client()?.acting_as("boss");
    let mut nobody = replica.client()?.acting_as("nobody");
    until_node(&mut boss, "g", "first")?;
    let denied = |told: &anyhow::Result<bool>| {
        told.as_ref().err().is_some_and(|error| format!("{error:#}").contains("ACCESS_DENIED"))
    };
    let sees = |client: &mut epistemic_tests::Client, node: &str| -> Result<bool> {
        Ok(client.node_properties("g", node)?.is_some())
    };
    ensure!(denied(&sees(&mut nobody, "first")), "{:?}", sees(&mut nobody, "first"));

    // What is written behind the removal he never sees.
    root.call("", "UnregisterIdentity", params([("agent_id", "boss".into())]))?;
    root.add_node("g", "secret", b"\x80")?;
    until("a refusal", || {
        let told = sees(&mut boss, "secret");
        ensure!(!matches!(told, Ok(true)), "who was removed has read what was written after it");
        Ok(denied(&told).then_some(()))
    })?;
    until_node(&mut replica.client()?.acting_as("root"), "g", "secret")?;
    ensure!(denied(&sees(&mut boss, "secret")));

    register(&mut root, "boss", "System")?;
    until("the one who came back", || Ok(sees(&mut boss, "secret").unwrap_or(false).then_some(())))
}

#[test]
fn flags_of_a_replica_are_checked() -> Result<()> {
    let (folder, url) = directory()?;
    let (ended, output) = follows(ServerProcess::ours(), &url).start_expecting_exit()?;
    ensure!(ended.code() == Some(1) && output.contains("holds no store"), "{ended}:\n{output}");
    let owner = on(ServerProcess::ours(), &url).start()?;
    owner.client()?.create_graph("g")?;
    let persist = folder.path().join("d");
    for (server, word) in [
        (follows(ServerProcess::ours(), &url).arg("--store").arg(&url), "--store"),
        (follows(ServerProcess::ours(), &url).arg("--standby"), "--standby"),
        (ServerProcess::ours().persist_dir(persist).arg("--follow").arg(&url), "--persist-dir"),
        (
            ServerProcess::ours().in_memory().arg("--follow").arg(&url).arg("--follow-interval").arg("60000"),
            "--follow-interval",
        ),
    ] {
        let (ended, output) = server.start_expecting_exit()?;
        ensure!(ended.code() == Some(2) && output.contains(word), "{ended}:\n{output}");
    }
    let other = "00000000-0000-4000-8000-000000000000";
    let (ended, output) =
        follows(ServerProcess::ours(), &url).arg("--expect-store").arg(other).start_expecting_exit()?;
    ensure!(ended.code() == Some(4) && output.contains(other), "{ended}:\n{output}");
    let store = super::super::shard::status(&owner, "store_id")?;
    let mut replica = follows(ServerProcess::ours(), &url).arg("--expect-store").arg(store).start()?;
    replica.client()?.call("g", "NodeIds", None)?;
    ensure!(replica.terminate()?.success(), "{}", replica.output());
    Ok(())
}
