//! A server with `--store`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::crash::{self, Mix, Writers};
use epistemic_tests::s3::S3Server;
use epistemic_tests::seaweed::SeaweedCluster;
use epistemic_tests::seed::{number_from_env, seed};
use epistemic_tests::wire::field;
use epistemic_tests::{ServerBuilder, ServerProcess};
use tempfile::TempDir;

const WRITERS: usize = 4;
const ANSWERS_PER_ROUND: usize = 200;

/// A server on the object store at `url`.
pub(super) fn on(server: ServerBuilder, url: &str) -> ServerBuilder {
    server.in_memory().arg("--store").arg(url)
}

pub(super) fn directory() -> Result<(TempDir, String)> {
    let folder = tempfile::tempdir()?;
    let url = format!("file://{}/shard", folder.path().display());
    Ok((folder, url))
}

/// Every operation that writes, and a kill in the middle of it, again and again.
fn survive_kills(server: ServerBuilder, rounds: usize, test: &str) -> Result<()> {
    let mut writers = Writers::new(WRITERS, Mix::ALL, seed(test));
    let mut server = server.start()?;
    writers.prepare(&server)?;
    for round in 1..=rounds {
        writers.write_and_kill(&mut server, ANSWERS_PER_ROUND)?;
        server = server.restart()?;
        let verdict = writers.check(&server)?;
        verdict.into_result().with_context(|| format!("round {round}\n{}", server.output()))?;
    }
    ensure!(server.terminate()?.success(), "{}", server.output());
    Ok(())
}

#[test]
fn acknowledged_writes_survive_kill_nine_in_a_directory() -> Result<()> {
    let (_folder, url) = directory()?;
    let rounds = number_from_env("EG_STORE_ROUNDS", 4);
    survive_kills(on(crash::server(), &url), rounds, "acknowledged_writes_survive_kill_nine_in_a_directory")
}

#[test]
fn acknowledged_writes_survive_kill_nine_on_moto() -> Result<()> {
    let s3 = S3Server::start()?;
    let server =
        on(crash::server(), &format!("s3://{}/shard-1", S3Server::BUCKET)).envs(S3Server::env(s3.addr()));
    survive_kills(server, 2, "acknowledged_writes_survive_kill_nine_on_moto")
}

#[test]
fn acknowledged_writes_survive_kill_nine_on_seaweedfs() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    let server = on(crash::server(), &cluster.url("shard-1")).envs(S3Server::env(cluster.addr()));
    let rounds = number_from_env("EG_STORE_ROUNDS", 4);
    survive_kills(server, rounds, "acknowledged_writes_survive_kill_nine_on_seaweedfs")
}

/// A text of the server's status.
pub(super) fn status(server: &ServerProcess, name: &str) -> Result<String> {
    let status = server.client()?.call("", "ShardStatus", None)?;
    let text = field(&status, name).and_then(|value| value.as_str()).map(str::to_owned);
    text.with_context(|| format!("no {name} in {status}"))
}

/// The one that was there acknowledges nothing any more, and ends with a code of its own.
#[test]
fn a_second_server_takes_over_and_the_first_ends() -> Result<()> {
    let (_folder, url) = directory()?;
    let mut first = on(ServerProcess::ours(), &url).start()?;
    first.client()?.create_graph("g")?;
    first.client()?.add_node("g", "before", b"\x80")?;
    let store = status(&first, "store_id")?;
    ensure!(status(&first, "store_url")? == url && status(&first, "backend")? == "slatedb");

    let second = on(ServerProcess::ours(), &url).arg("--take-over").start()?;
    ensure!(status(&second, "store_id")? == store);
    if let Ok(mut client) = first.client() {
        ensure!(client.add_node("g", "late", b"\x80").is_err(), "a deposed owner acknowledged a write");
    }
    let ended = first.wait_for_exit(Duration::from_secs(60))?;
    ensure!(ended.code() == Some(5), "{ended}:\n{}", first.output());
    ensure!(first.output().contains("another process has taken over the store"), "{}", first.output());

    let mut client = second.client()?;
    ensure!(client.node_properties("g", "before")?.is_some());
    ensure!(client.node_properties("g", "late")?.is_none());
    client.add_node("g", "behind", b"\x80")?;
    Ok(())
}

/// As a directory: a prefix that should have data and has none is not replaced by an empty store.
#[test]
fn a_wrong_prefix_is_noticed() -> Result<()> {
    let (folder, url) = directory()?;
    let note = folder.path().join("store-id");
    let strict = |url: &str| on(ServerProcess::ours(), url).arg("--store-id-file").arg(&note);
    let mut server = strict(&url).arg("--init").start()?;
    server.client()?.create_graph("g")?;
    server.terminate()?;
    let wrong = folder.path().join("wrong");
    let (ended, output) = strict(&format!("file://{}", wrong.display())).start_expecting_exit()?;
    ensure!(ended.code() == Some(4) && output.contains("holds no store"), "{ended}:\n{output}");
    ensure!(!wrong.join("identity.json").exists(), "something was created");
    strict(&url).start()?.client()?.call("g", "NodeIds", None)?;
    Ok(())
}

#[test]
fn flags_that_contradict_it_are_refused() -> Result<()> {
    let (folder, url) = directory()?;
    for (server, word) in [
        (
            ServerProcess::ours().persist_dir(folder.path().join("d")).arg("--store").arg(&url),
            "--persist-dir",
        ),
        (on(ServerProcess::ours(), &url).arg("--durability").arg("none"), "--durability sync"),
    ] {
        let (ended, output) = server.start_expecting_exit()?;
        ensure!(ended.code() == Some(2) && output.contains(word), "{ended}:\n{output}");
    }
    let (ended, output) = on(ServerProcess::ours(), "gs://bucket/x").start_expecting_exit()?;
    ensure!(ended.code() == Some(1) && output.contains("s3://BUCKET/PREFIX"), "{ended}:\n{output}");
    Ok(())
}

/// What an operator can do something about is told in words when the server does not start.
#[test]
fn a_bucket_that_cannot_be_used_is_told_with_what_to_do() -> Result<()> {
    let s3 = S3Server::start()?;
    let refused = |url: &str, env: Vec<(String, String)>, words: &str| -> Result<()> {
        let (status, output) = on(ServerProcess::ours(), url).envs(env).start_expecting_exit()?;
        ensure!(!status.success() && output.contains(words) && !output.contains("<Code>"), "{output}");
        Ok(())
    };
    let env = || S3Server::env(s3.addr());
    let without = |name: &str| env().into_iter().filter(|(given, _)| given != name).collect();
    let url = format!("s3://{}/shard", S3Server::BUCKET);
    refused("s3://no-such-bucket/shard", env(), "there is no such bucket: create it first")?;
    refused(&url, without("AWS_SECRET_ACCESS_KEY"), "AWS_SECRET_ACCESS_KEY is not: set both")?;
    refused(&url, without("AWS_ALLOW_HTTP"), "set AWS_ALLOW_HTTP=true")?;
    Ok(())
}
