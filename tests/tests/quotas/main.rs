//! Quotas of tenants: counts that are exact, rates that say until when, rules that are read again and set.

mod attacks;
mod counts;
mod kill;
mod operator;
mod rates;

use std::path::Path;

use anyhow::{Context, Result};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerBuilder, ServerProcess, WireError};

/// A properties map without fields.
const EMPTY: &[u8] = b"\x80";

/// A server with these rules, in the file that is returned.
fn server(folder: &Path, rules: &str) -> Result<ServerBuilder> {
    let file = folder.join("quotas.toml");
    fs_err::write(&file, rules)?;
    Ok(ServerProcess::ours().arg("--quotas").arg(file))
}

/// Creates a graph for a tenant.
fn create(client: &mut Client, graph: &str, tenant: &str) -> Result<(), WireError> {
    let fields = [("graph_name", graph.into()), ("graph_type", "Agent".into()), ("tenant", tenant.into())];
    client.call(graph, "CreateGraph", params(fields)).map(drop)
}

/// The text of a refusal.
fn refused<T: std::fmt::Debug>(answer: Result<T, WireError>) -> Result<String> {
    let error = answer.err().context("it was not refused")?;
    let text = error.server_text().with_context(|| format!("{error}"))?;
    Ok(text.to_owned())
}

/// Sets limits as `egctl quota set` does.
fn set(client: &mut Client, tenant: &str, limits: &[&str]) -> Result<(), WireError> {
    let limits = limits.iter().map(|&limit| limit.into()).collect();
    let fields = [("tenant", tenant.into()), ("limits", epistemic_tests::Value::Array(limits))];
    client.call("", "QuotaSet", params(fields)).map(drop)
}

/// Nodes of a graph.
fn nodes(client: &mut Client, graph: &str) -> Result<u64> {
    client.call(graph, "NodeCount", None)?.as_u64().context("no number")
}
