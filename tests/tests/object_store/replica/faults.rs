//! A replica that is killed, and one whose object store does not answer.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use anyhow::{Result, ensure};
use epistemic_tests::s3::S3Server;
use epistemic_tests::seaweed::SeaweedCluster;
use epistemic_tests::{ServerProcess, http};

use super::super::shard::{directory, on};
use super::{LIMIT, follows, number, status, until, until_node};

/// It leaves nothing behind, and the owner notices nothing.
#[test]
fn a_replica_that_is_killed_comes_back() -> Result<()> {
    let (_folder, url) = directory()?;
    let owner = on(ServerProcess::ours(), &url).start()?;
    let mut writer = owner.client()?;
    writer.create_graph("g")?;
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result<()> {
        let writing = scope.spawn(|| -> Result<u32> {
            let mut written = 0;
            while !ends.load(SeqCst) {
                writer.add_node("g", &written.to_string(), b"\x80")?;
                written += 1;
            }
            Ok(written)
        });
        let kill = || -> Result<ServerProcess> {
            let mut replica = follows(ServerProcess::ours(), &url).start()?;
            for _ in 0..3 {
                let before = number(&status(&owner)?, "sequence").unwrap_or_default();
                until("a newer state", || {
                    Ok(number(&status(&replica)?, "sequence").filter(|sequence| *sequence > before))
                })?;
                replica.kill9()?;
                replica = replica.restart()?;
            }
            Ok(replica)
        };
        let replica = kill();
        ends.store(true, SeqCst);
        let written = writing.join().expect("the writer does not panic")?;
        let replica = replica?;
        until_node(&mut replica.client()?, "g", &(written - 1).to_string())
    })?;
    ensure!(number(&status(&owner)?, "nodes").is_some_and(|nodes| nodes > 0));
    Ok(())
}

/// Reads are refused once nobody knows what the owner has done since, and come back by themselves.
#[test]
fn a_replica_does_not_tell_what_is_stale_on_seaweedfs() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    let (url, env) = (cluster.url("shard-1"), || S3Server::env(cluster.addr()));
    let owner = on(ServerProcess::ours(), &url).envs(env()).start()?;
    let mut writer = owner.client()?;
    writer.set_limit(2 * LIMIT)?;
    writer.create_graph("g")?;
    writer.add_node("g", "before", b"\x80")?;
    let replica =
        follows(ServerProcess::ours().metrics(), &url).envs(env()).arg("--max-staleness").arg("2").start()?;
    let mut reader = replica.client()?;
    reader.set_limit(2 * LIMIT)?;
    until_node(&mut reader, "g", "before")?;
    let ready = || http::get(replica.metrics_addr(), "/readyz");
    let freeze = || -> Result<()> {
        cluster.freeze_gateway()?;
        let refused = until("a refusal", || Ok(reader.call("g", "NodeIds", None).err()))?;
        let told = refused.server_text().unwrap_or_default();
        ensure!(told.starts_with("STALE: ") && told.contains("--max-staleness 2 s"), "{refused}");
        let answer = ready()?;
        ensure!(answer.status == 503 && answer.body.contains("may be"), "{} {}", answer.status, answer.body);
        ensure!(number(&status(&replica)?, "staleness_ms").is_some_and(|age| age > 2000));
        let refused = reader.add_node("g", "late", b"\x80").unwrap_err();
        ensure!(refused.server_text().is_some_and(|text| text.starts_with("REPLICA: ")), "{refused}");
        Ok(())
    };
    let mut freeze = freeze;
    let frozen = freeze();
    cluster.thaw_gateway()?;
    frozen?;
    until("readiness", || Ok((ready()?.status == 200).then_some(())))?;
    until("an owner that writes", || Ok(writer.add_node("g", "healed", b"\x80").ok()))?;
    until_node(&mut reader, "g", "healed")?;
    Ok(())
}
