//! Keys: whose secret is whose, what each may do, and how they come and go.

mod classes;
mod commands;
mod confined;
mod forms;
mod matrix;
mod published;
mod reloaded;
mod rotation;
mod sessions;

use std::path::Path;

use anyhow::{Context, Result};
use epistemic_tests::gateway::replace_private_file;
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerBuilder, ServerProcess, Value, WireError};

/// Keys of a tenant in three roles, of another tenant, of operators, of the default, and of tenants by derivation.
const KEYS: &str = r#"
[[key]]
id = "reader"
principal = "acme"
role = "reader"
graphs = ["tenant__acme__*"]
secrets = [{ text = "secret-of-reader" }]

[[key]]
id = "writer"
principal = "acme"
role = "writer"
graphs = ["tenant__acme__*"]
secrets = [{ text = "secret-of-writer" }]

[[key]]
id = "owner"
principal = "acme"
role = "owner"
graphs = ["tenant__acme__*"]
may_act_as = ["acme-bot"]
secrets = [{ text = "secret-of-owner!" }]

[[key]]
id = "victim"
role = "owner"
graphs = ["tenant__victim__*"]
secrets = [{ text = "secret-of-victim" }]

[[key]]
id = "ops"
role = "operator"
secrets = [{ text = "secret-of-ops-!!" }]

[[key]]
id = "root"
role = "system"
secrets = [{ text = "secret-of-root-!" }]

[[derived]]
prefix = "tenant:"
role = "owner"
graphs = ["tenant__{tenant}__*"]
roots = [{ text = "root-of-tenants!" }]
"#;

/// The secret of a key of [`KEYS`].
fn secret(key: &str) -> &'static str {
    match key {
        "reader" => "secret-of-reader",
        "writer" => "secret-of-writer",
        "owner" | "acme-bot" => "secret-of-owner!",
        "victim" => "secret-of-victim",
        "ops" => "secret-of-ops-!!",
        "root" => "secret-of-root-!",
        _ => "test-secret",
    }
}

fn write_keys(folder: &Path, text: &str) -> Result<()> {
    replace_private_file(&folder.join("keys.toml"), text)
}

/// A server with a file of keys in this folder.
fn server(folder: &Path, text: &str) -> Result<ServerBuilder> {
    write_keys(folder, text)?;
    Ok(ServerProcess::ours().arg("--keys-file").arg(folder.join("keys.toml")))
}

fn client(server: &ServerProcess, key: &str) -> Result<Client> {
    Ok(Client::connect(&server.unix_endpoint(), secret(key))?.acting_as(key))
}

/// Calls once on a connection of its own.
fn call(
    server: &ServerProcess,
    key: &str,
    graph: &str,
    method: &str,
    fields: Option<Value>,
) -> Result<Result<Value, String>> {
    let mut client = client(server, key)?;
    client.send(graph, method, fields)?;
    Ok(client.receive()?.outcome)
}

fn create(client: &mut Client, graph: &str) -> Result<(), WireError> {
    let fields = [("graph_name", graph.into()), ("graph_type", "Agent".into())];
    client.call("", "CreateGraph", params(fields)).map(drop)
}

/// The text of a refusal.
fn refused<T: std::fmt::Debug>(answer: Result<T, WireError>) -> Result<String> {
    let error = answer.err().context("it was not refused")?;
    Ok(error.server_text().with_context(|| format!("{error}"))?.to_owned())
}
