//! Tenants with one slug (fault 3).

use anyhow::{Context, Result, ensure};
use epistemic_tests::transfer::{export, import};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, ServerProcess, Value};

use super::refused;

const GRAPH: &str = "tenant__acme_corp____bus__";

fn claim(tenant: Option<&str>) -> Vec<(&'static str, Value)> {
    let mut fields = vec![("graph_name", GRAPH.into()), ("graph_type", "Agent".into())];
    fields.extend(tenant.map(|tenant| ("tenant", tenant.into())));
    fields
}

fn tenant(client: &mut Client, graph: &str) -> Result<Option<String>> {
    let stats = client.call("", "GraphStats", None)?;
    let mut rows = stats.as_array().context("GraphStats")?.iter();
    let row = rows.find(|row| field(row, "name").and_then(Value::as_str) == Some(graph));
    let tenant = field(row.context("no such graph")?, "tenant").and_then(Value::as_str);
    Ok(tenant.map(str::to_owned))
}

#[test]
fn a_second_tenant_with_the_same_slug_is_told_of_the_first() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    server.client()?.call(GRAPH, "CreateGraph", params(claim(Some("Acme Corp"))))?;
    // The claim is in the catalog.
    let server = server.restart()?;
    let mut client = server.client()?;
    ensure!(tenant(&mut client, GRAPH)?.as_deref() == Some("Acme Corp"));
    let text = refused(&mut client, GRAPH, "CreateGraph", &claim(Some("acme_corp")))?;
    ensure!(text.starts_with("TENANT_COLLISION: "), "{text}");
    ensure!(text.contains("\"Acme Corp\"") && text.contains("\"acme_corp\""), "{text}");
    // The first tenant, and clients that say none, get the answer of ever.
    for known in [Some("Acme Corp"), None, Some("")] {
        let text = refused(&mut client, GRAPH, "CreateGraph", &claim(known))?;
        ensure!(text == format!("Graph '{GRAPH}' already exists"), "{known:?}: {text}");
    }
    // Clearing keeps the claim, deleting ends it.
    client.call(GRAPH, "ClearGraph", None)?;
    ensure!(tenant(&mut client, GRAPH)?.as_deref() == Some("Acme Corp"));
    client.call(GRAPH, "DeleteGraph", params([("graph_name", GRAPH.into())]))?;
    client.call(GRAPH, "CreateGraph", params(claim(Some("acme_corp"))))?;
    ensure!(tenant(&mut client, GRAPH)?.as_deref() == Some("acme_corp"));
    Ok(())
}

#[test]
fn the_claim_moves_with_a_snapshot_and_is_not_copied() -> Result<()> {
    let (old, new) = (ServerProcess::ours().start()?, ServerProcess::ours().start()?);
    let (mut from, mut to) = (old.client()?, new.client()?);
    from.call(GRAPH, "CreateGraph", params(claim(Some("Acme Corp"))))?;
    let mut snapshot = Vec::new();
    export(&mut from, GRAPH, &mut snapshot)?;
    import(&mut to, GRAPH, snapshot.as_slice())?;
    ensure!(tenant(&mut to, GRAPH)?.as_deref() == Some("Acme Corp"));
    import(&mut to, "copy", snapshot.as_slice())?;
    ensure!(tenant(&mut to, "copy")?.is_none(), "an import under another name is a copy");
    to.call(GRAPH, "Fork", params([("graph_name", "fork".into())]))?;
    ensure!(tenant(&mut to, "fork")?.is_none(), "a fork is a copy");
    Ok(())
}

/// Servers of the reference take the parameter and forget it: fault 3, which clients alone cannot notice.
#[test]
fn reference_servers_ignore_the_tenant() -> Result<()> {
    for version in ["0.31.0", "2.0.0"] {
        let server = ServerProcess::reference(version).start()?;
        let mut client = server.client()?;
        client.call(GRAPH, "CreateGraph", params(claim(Some("Acme Corp"))))?;
        let text = refused(&mut client, GRAPH, "CreateGraph", &claim(Some("acme_corp")))?;
        ensure!(!text.contains("Acme Corp"), "{text}");
    }
    Ok(())
}
