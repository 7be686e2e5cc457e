//! A tenant's key is for the tenant's graphs, and for nothing that is another's.

use anyhow::{Result, ensure};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, Value, transfer};

use crate::{KEYS, call, client, create, refused, secret, server};

const OWN: &str = "tenant__acme__g";
const FOREIGN: &str = "tenant__victim__g";
const ABSENT: &str = "tenant__victim__absent";

#[test]
fn a_tenant_uses_its_graphs_and_learns_of_no_other() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    let mut victim = client(&server, "victim")?;
    create(&mut victim, FOREIGN)?;
    victim.add_node(FOREIGN, "secret-node", b"\x80")?;
    let mut owner = client(&server, "owner")?;
    create(&mut owner, OWN)?;
    owner.add_node(OWN, "a", b"\x80")?;
    ensure!(owner.call(OWN, "NodeCount", None)? == 1.into());
    for graph in [FOREIGN, ABSENT] {
        let text = refused(owner.call(graph, "NodeCount", None))?;
        ensure!(text == format!("ACCESS_DENIED: key 'owner' may not use graph '{graph}'"), "{text}");
        let text = refused(create(&mut owner, graph))?;
        ensure!(text == format!("ACCESS_DENIED: key 'owner' may not use graph '{graph}'"), "{text}");
    }
    let list = owner.call("__commons__", "ListGraphs", None)?;
    ensure!(!list.to_string().contains("victim") && list.to_string().contains(OWN), "{list}");
    // The shared secret is the default key, and is what it was.
    let list = server.client()?.call("__commons__", "ListGraphs", None)?;
    ensure!(list.to_string().contains(FOREIGN), "{list}");
    Ok(())
}

#[test]
fn unknown_keys_and_wrong_secrets_are_refused_alike() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    for (agent, secret) in [
        ("owner", "test-secret"),
        ("owner", secret("victim")),
        ("acme", secret("owner")),
        ("nobody", secret("owner")),
        ("tenant:acme", secret("owner")),
        ("", secret("owner")),
    ] {
        let mut client = Client::connect(&server.unix_endpoint(), secret)?.acting_as(agent);
        let text = refused(client.call("", "Ping", None))?;
        ensure!(text == "Authentication failed", "{agent}: {text}");
    }
    Ok(())
}

#[test]
fn who_asks_is_the_principal_of_the_key() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    create(&mut client(&server, "owner")?, "tenant__acme__1")?;
    create(&mut client(&server, "acme-bot")?, "tenant__acme__2")?;
    let stats = call(&server, "root", "", "GraphStats", None)?.map_err(anyhow::Error::msg)?;
    let owners: Vec<_> = stats
        .as_array()
        .into_iter()
        .flatten()
        .filter(|row| {
            field(row, "name").and_then(Value::as_str).is_some_and(|name| name.starts_with("tenant__"))
        })
        .map(|row| field(row, "owner").and_then(Value::as_str).unwrap_or_default().to_owned())
        .collect();
    ensure!(owners == ["acme", "acme-bot"], "{owners:?}");
    let mut owner = client(&server, "owner")?;
    let channel = |sender: &str| {
        params([("channel_id", "tenant__acme__c".into()), ("sender", sender.into()), ("payload", "x".into())])
    };
    let fields = [
        ("channel_id", "tenant__acme__c".into()),
        ("channel_type", "Group".into()),
        ("creator", "acme".into()),
        ("initial_members", Value::Array(Vec::new())),
    ];
    owner.call("", "CreateChannel", params(fields))?;
    owner.call("", "SendMessage", channel("acme"))?;
    let text = refused(owner.call("", "SendMessage", channel("victim")))?;
    ensure!(text == "ACCESS_DENIED: key 'owner' may not act as 'victim'", "{text}");
    Ok(())
}

/// A connection belongs to one key: what was opened under it is nobody else's.
#[test]
fn a_connection_is_not_shared_by_keys() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    let mut victim = client(&server, "victim")?;
    create(&mut victim, FOREIGN)?;
    victim.call(FOREIGN, "SnapshotOpen", None)?;
    let fields = params([("cursor", 1.into()), ("max_bytes", 1000.into())]);
    let stolen = epistemic_tests::Request::new(77, secret("owner"), "", "SnapshotRead", fields)
        .with("agent_id", "owner");
    victim.send_body(&stolen.body())?;
    let text = victim.receive()?.outcome.err().unwrap_or_default();
    ensure!(
        text == "Authentication failed: this connection belongs to another key; open one for each",
        "{text}"
    );
    Ok(())
}

/// A snapshot says whose it is; a tenant cannot make it another's, whose quota would pay.
#[test]
fn a_restored_snapshot_claims_nothing_for_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    let mut victim = client(&server, "victim")?;
    create(&mut victim, FOREIGN)?;
    victim.add_node(FOREIGN, "n", b"\x80")?;
    let mut snapshot = Vec::new();
    transfer::export(&mut victim, FOREIGN, &mut snapshot)?;
    for (name, told) in [
        (FOREIGN, "may not use graph"),
        (ABSENT, "may not use graph"),
        ("", "may not use graph"),
        ("tenant__acme__copy", "may not restore a graph of owner 'victim'"),
    ] {
        let mut owner = client(&server, "owner")?;
        let told_so = transfer::import(&mut owner, name, snapshot.as_slice()).err();
        let text = told_so.map(|error| format!("{error:#}")).unwrap_or_default();
        ensure!(text.contains(told), "{name}: {text}");
    }
    // An operator restores what it is given.
    transfer::import(&mut client(&server, "ops")?, "tenant__victim__copy", snapshot.as_slice())?;
    let mut owner = client(&server, "owner")?;
    let fields = |tenant: &str| {
        params([
            ("graph_name", "tenant__acme__t".into()),
            ("graph_type", "Agent".into()),
            ("tenant", tenant.into()),
        ])
    };
    let text = refused(owner.call("", "CreateGraph", fields("victim")))?;
    ensure!(text == "ACCESS_DENIED: key 'owner' may not claim graphs for tenant 'victim'", "{text}");
    owner.call("", "CreateGraph", fields("acme"))?;
    Ok(())
}
