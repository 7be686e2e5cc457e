//! A directory that should have data and has none.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::gateway::Gateway;
use epistemic_tests::http::series;
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerBuilder, ServerProcess};
use serde_json::Value;

use super::{endpoint, status};

/// Starts a server that must exit with 4 and say all of `words`.
fn refuses(server: ServerBuilder, words: &[&str]) -> Result<()> {
    let (status, output) = server.start_expecting_exit()?;
    ensure!(status.code() == Some(4), "{status}:\n{output}");
    for word in words.iter().chain(&["docs/errors/wrong-store.md"]) {
        ensure!(output.contains(word), "nothing about {word:?} in:\n{output}");
    }
    Ok(())
}

#[test]
fn a_file_system_that_is_not_mounted_is_noticed_with_the_flags_of_the_unit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (directory, note) = (folder.path().join("shard-1"), folder.path().join("stores/shard-1"));
    fs_err::create_dir(folder.path().join("stores"))?;
    let strict = ServerProcess::ours().persist_dir(&directory).arg("--store-id-file").arg(&note);
    let builder = strict.clone().arg("--init");
    refuses(strict.clone(), &["--init", "no store"])?;
    ensure!(fs_err::read_dir(&directory)?.next().is_none(), "something was created");

    let mut server = builder.clone().start()?;
    server.client()?.create_graph("g")?;
    let store = status(&server)?["store_id"].as_str().context("store_id")?.to_owned();
    ensure!(server.output().contains(&format!("created a new store {store}")), "{}", server.output());
    ensure!(fs_err::read_to_string(&note)?.trim() == store);
    server.terminate()?;

    let elsewhere = folder.path().join("elsewhere");
    fs_err::rename(&directory, &elsewhere)?;
    for server in [&builder, &strict] {
        refuses(server.clone(), &[&store, "was expected", "mounted"])?;
        ensure!(fs_err::read_dir(&directory)?.next().is_none(), "something was created");
    }
    let other = ServerProcess::ours().persist_dir(&directory).start()?;
    let warned = other.output();
    ensure!(warned.contains("WARN") && warned.contains("created a new store"), "{warned}");
    drop(other);
    refuses(builder.clone(), &[&store, "holds the store"])?;

    fs_err::remove_dir_all(&directory)?;
    fs_err::rename(&elsewhere, &directory)?;
    for server in [builder, strict] {
        server.start()?.client()?.call("g", "NodeIds", None)?;
    }
    let expecting =
        |store: &str| ServerProcess::ours().persist_dir(&directory).arg("--expect-store").arg(store);
    refuses(expecting("8a2e8a8e-0000-4000-8000-000000000000"), &[&store])?;
    expecting(&store).start()?;
    Ok(())
}

#[test]
fn the_gateway_notices_another_store_behind_an_endpoint() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let first = status(&server)?["store_id"].as_str().context("store_id")?.to_owned();
    let gateway = Gateway::start(&endpoint(&server), server.secret(), &[])?;
    gateway.wait_for("/api/shard?n=1", |seen| seen["config"]["store_id"] == *first)?;
    let changed = |seen: &Value| {
        let notes = seen["shards"][0]["notes"].as_array().cloned().unwrap_or_default();
        let note = notes.into_iter().find(|note| note["code"] == "store_changed");
        note.and_then(|note| Some(note["text"].as_str()?.to_owned()))
    };
    let shards = "/api/tier";
    ensure!(changed(&gateway.json(shards)?).is_none());

    let (builder, elsewhere) = (server.builder(), tempfile::tempdir()?);
    drop(server);
    let other = builder.clone().persist_dir(elsewhere.path()).start()?;
    let second = status(&other)?["store_id"].as_str().context("store_id")?.to_owned();
    let seen = gateway.wait_for(shards, |seen| changed(seen).is_some())?;
    let text = changed(&seen).unwrap_or_default();
    ensure!(text.contains(&first) && text.contains(&second), "{text}");
    let name = format!("epistemic_graph_gateway_store_changes_total{{endpoint=\"{}\"}}", endpoint(&other));
    ensure!(series(&gateway.get("/metrics")?.body, &name) == Some(1.0), "{}", gateway.get("/metrics")?.body);

    drop(other);
    let _back = builder.start()?;
    let back = poll(Duration::from_secs(60), Duration::from_millis(50), || {
        Ok::<_, anyhow::Error>(changed(&gateway.json(shards)?).is_none().then_some(()))
    })?;
    back.context("the first store is back and the warning is not gone")
}
