//! `kill -9` while quotas are set, and mistakes in what a start reads. `EG_QUOTA_ROUNDS` sets the number of kills.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::pause;
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, ServerProcess, Value};
use rand::RngExt;

use crate::{EMPTY, create, refused, server, set};

/// The limit of nodes that was set for a tenant.
fn limit(client: &mut Client, tenant: &str) -> Result<Option<u64>> {
    let shown = client.call("", "QuotaShow", params([("tenant", tenant.into())]))?;
    let tenants = field(&shown, "tenants").and_then(Value::as_array).context("tenants")?;
    let row = tenants.first();
    Ok(row.and_then(|row| field(field(row, "limits")?, "nodes")?.as_u64()))
}

#[test]
fn what_was_set_is_there_after_a_kill_and_what_was_being_set_is_whole() -> Result<()> {
    let rounds = number_from_env("EG_QUOTA_ROUNDS", 12);
    let mut random = generator(seed("what_was_set_is_there_after_a_kill"), 0);
    let mut server = ServerProcess::ours().start()?;
    let mut before = None;
    for round in 0..rounds {
        let mut client = server.client()?;
        let found = limit(&mut client, "acme")?;
        ensure!(
            before.is_none_or(|before| found >= Some(before)),
            "{before:?} was answered, {found:?} is there"
        );
        let first = found.unwrap_or_default() + 1;
        set(&mut client, "acme", &[&format!("nodes={first}")])?;
        // Others are on their way when it is killed; they are answered in their order.
        for number in 1..200 {
            let limits = Value::Array(vec![format!("nodes={}", first + number).into()]);
            client.send("", "QuotaSet", params([("tenant", "acme".into()), ("limits", limits)]))?;
        }
        pause(Duration::from_micros(random.random_range(0..20_000)));
        server.kill9().with_context(|| format!("round {round}"))?;
        let answered = std::iter::from_fn(|| client.receive().ok()).filter(|answer| answer.outcome.is_ok());
        before = Some(first + answered.count() as u64);
        server = server.restart()?;
    }
    Ok(())
}

#[test]
fn a_start_tells_what_is_wrong_with_what_it_reads() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (rules, said) in [
        ("[[rule]]\ntenant = \"a\"\nnodez = 1\n", "rule 1: unknown limit 'nodez'"),
        ("[[rule]\n", "line 1"),
        ("[[rule]]\nnodes = 1\n", "rule 1: it has no tenant"),
        ("[[rule]]\ntenant = \"a\"\nnodes = 1\nnodes = 2\n", "duplicate key"),
    ] {
        let (status, output) = server(folder.path(), rules)?.start_expecting_exit()?;
        ensure!(
            status.code() == Some(1) && output.contains("--quotas: ") && output.contains(said),
            "{output}"
        );
    }
    for (path, said) in [("/nowhere", "No such file"), ("/dev/zero", "is no file"), ("/", "is no file")] {
        let (status, output) = ServerProcess::ours().arg("--quotas").arg(path).start_expecting_exit()?;
        ensure!(status.code() == Some(1) && output.contains(said), "{path}: {output}");
    }

    let home = tempfile::tempdir()?;
    let dir = home.path().join("data");
    let mut running = ServerProcess::ours().persist_dir(&dir).start()?;
    let mut client = running.client()?;
    create(&mut client, "g", "acme")?;
    set(&mut client, "acme", &["nodes=1"])?;
    client.add_node("g", "1", EMPTY)?;
    running.terminate()?;
    let stored = dir.join("quotas.json");
    let text = fs_err::read_to_string(&stored)?;
    fs_err::write(&stored, text.replace("nodes=1", "nodes=9"))?;
    let (status, output) = ServerProcess::ours().persist_dir(&dir).start_expecting_exit()?;
    ensure!(
        status.code() == Some(1) && output.contains("quotas.json'") && output.contains("remove it"),
        "{output}"
    );
    fs_err::write(&stored, text)?;
    let running = ServerProcess::ours().persist_dir(&dir).start()?;
    let text = refused(running.client()?.add_node("g", "2", EMPTY))?;
    assert!(text.contains("has 1 nodes of the 1"), "{text}");
    Ok(())
}
