//! The file changes under a running shard.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerProcess, http};

use crate::{KEYS, call, client, create, refused, server, write_keys};

const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Changes the file and waits until the server says so.
fn change(server: &ServerProcess, folder: &Path, text: &str, line: &str) -> Result<()> {
    let before = server.output().matches(line).count();
    write_keys(folder, text)?;
    let told = || Ok::<_, anyhow::Error>((server.output().matches(line).count() > before).then_some(()));
    poll(SOON, LOOK, told)?.with_context(|| format!("no line '{line}': {}", server.output()))
}

const READ: &str = "the keys file was read again";

#[test]
fn a_retired_key_is_refused_at_once_and_its_connections_are_closed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    let mut owner = client(&server, "owner")?;
    create(&mut owner, "tenant__acme__g")?;
    let mut idle = client(&server, "owner")?;
    idle.call("tenant__acme__g", "NodeCount", None)?;
    let mut victim = client(&server, "victim")?;
    victim.call("", "ListGraphs", None)?;
    let without =
        KEYS.replace("id = \"owner\"", "id = \"another\"").replace("may_act_as = [\"acme-bot\"]", "");
    change(&server, folder.path(), &without, READ)?;
    ensure!(idle.is_closed_by_server()?, "an idle connection of a retired key is closed");
    let mut fresh = client(&server, "owner")?;
    ensure!(refused(fresh.call("", "Ping", None))? == "Authentication failed");
    victim.call("", "ListGraphs", None)?;
    Ok(())
}

/// A tenant that is frozen reads, and writes nothing.
#[test]
fn a_frozen_key_only_reads() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    let mut owner = client(&server, "owner")?;
    create(&mut owner, "tenant__acme__g")?;
    let frozen = KEYS.replace("may_act_as = [\"acme-bot\"]", "may_act_as = [\"acme-bot\"]\nfrozen = true");
    change(&server, folder.path(), &frozen, READ)?;
    ensure!(owner.is_closed_by_server()?, "what it could do before it cannot do any more");
    let mut owner = client(&server, "owner")?;
    owner.call("tenant__acme__g", "NodeCount", None)?;
    let text = refused(owner.add_node("tenant__acme__g", "a", b"\x80"))?;
    ensure!(text == "ACCESS_DENIED: key 'owner' (reader) may not use AddNode", "{text}");
    change(&server, folder.path(), KEYS, READ)?;
    client(&server, "owner")?.add_node("tenant__acme__g", "a", b"\x80")?;
    Ok(())
}

#[test]
fn a_broken_file_keeps_the_keys_and_is_told_of() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.metrics().start()?;
    let mut owner = client(&server, "owner")?;
    create(&mut owner, "tenant__acme__g")?;
    let broken = KEYS.replace("role = \"writer\"", "role = \"emperor\"");
    change(&server, folder.path(), &broken, "the keys stay as they were")?;
    ensure!(
        server.output().contains("there is no such role") && !server.output().contains("secret-of"),
        "{}",
        server.output()
    );
    owner.call("tenant__acme__g", "NodeCount", None)?;
    let status = call(&server, "ops", "", "ShardStatus", None)?.map_err(anyhow::Error::msg)?.to_string();
    ensure!(status.contains("there is no such role"), "{status}");
    let unusable = || -> Result<f64> {
        let page = http::get(server.metrics_addr(), "/metrics")?.body;
        http::series(&page, "epistemic_graph_keys_file_unusable").context("no series")
    };
    let is = |wanted: f64| poll(SOON, LOOK, || Ok::<_, anyhow::Error>((unusable()? == wanted).then_some(())));
    is(1.0)?.context("the metric does not tell")?;
    change(&server, folder.path(), KEYS, READ)?;
    is(0.0)?.context("the metric goes on telling")?;
    Ok(())
}

#[test]
fn a_broken_or_open_file_refuses_to_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (status, output) = server(folder.path(), "[[key]]\nid = 7\n")?.start_expecting_exit()?;
    ensure!(status.code() == Some(1) && output.contains("keys.toml': line 2"), "{status} {output}");
    let builder = server(folder.path(), KEYS)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs_err::set_permissions(folder.path().join("keys.toml"), mode)?;
    let (status, output) = builder.start_expecting_exit()?;
    ensure!(status.code() == Some(1) && output.contains("chmod 600"), "{status} {output}");
    Ok(())
}

/// Without a shared secret the keys of the file are all there are.
#[test]
fn the_shared_secret_is_not_needed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.no_secret().spawn()?;
    let owner = || {
        Ok::<_, anyhow::Error>(
            client(&server, "owner").and_then(|mut owner| Ok(owner.call("", "Ping", None)?)).ok(),
        )
    };
    poll(SOON, LOOK, owner)?.with_context(|| server.output())?;
    ensure!(refused(server.client()?.call("", "Ping", None))? == "Authentication failed");
    Ok(())
}
