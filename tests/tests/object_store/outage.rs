//! An object store that hangs for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::proxy::Proxy;
use epistemic_tests::s3::S3Server;
use epistemic_tests::seaweed::SeaweedCluster;
use epistemic_tests::seed::number_from_env;
use epistemic_tests::wire::{WireError, bin, params};
use epistemic_tests::{Client, ServerProcess, http, wait};

const STEP: Duration = Duration::from_millis(10);
const LIMIT: Duration = Duration::from_secs(120);

fn is_out_of_reach(error: &WireError) -> bool {
    error.server_text().is_some_and(|text| text.contains("cannot be reached"))
}

/// Writes one node after the other until it is told to stop: how many were acknowledged, and when the last one was.
fn write(mut client: Client, ends: &AtomicBool) -> Result<(u64, Instant)> {
    client.set_limit(LIMIT)?;
    let (mut acknowledged, mut last) = (0, Instant::now());
    while !ends.load(Ordering::Relaxed) {
        match client.add_node("g", &acknowledged.to_string(), b"\x80") {
            Ok(()) => (acknowledged, last) = (acknowledged + 1, Instant::now()),
            // Refused: nothing was written.
            Err(error) if is_out_of_reach(&error) => wait::pause(STEP),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((acknowledged, last))
}

/// Writes wait, then they are refused with the reason, and so are reads once the lease has run out; when the object store answers
/// again, all goes on, and nothing that was acknowledged is missing.
#[test]
fn an_outage_of_seaweedfs_heals_by_itself() -> Result<()> {
    let outage = Duration::from_secs(number_from_env("EG_OUTAGE_SECONDS", 6) as u64);
    let cluster = SeaweedCluster::start()?;
    let server = ServerProcess::ours().metrics().in_memory().arg("--store").arg(cluster.url("shard"));
    let server = server.arg("--store-deadline").arg("2").envs(S3Server::env(cluster.addr())).start()?;
    server.client()?.create_graph("g")?;
    let (ends, mut reader, mut late) = (AtomicBool::new(false), server.client()?, server.client()?);
    reader.set_limit(LIMIT)?;
    late.set_limit(LIMIT)?;
    let ready = |status| {
        let answered = wait::poll(LIMIT, STEP, || {
            let answer = http::get(server.metrics_addr(), "/readyz")?;
            anyhow::Ok((answer.status == status).then_some(answer.body))
        });
        answered?.with_context(|| format!("/readyz is not {status}"))
    };
    let mut through_it = || -> Result<(Instant, Duration)> {
        let written = wait::poll(LIMIT, STEP, || anyhow::Ok(reader.node_properties("g", "20")?.map(drop)))?;
        written.context("nothing is written")?;
        let begun = Instant::now();
        cluster.freeze_gateway()?;
        let why = ready(503)?;
        ensure!(why.contains("object store"), "{why}");
        let refused = late.add_node("g", "refused", b"\x80").err().context("a write was acknowledged")?;
        ensure!(is_out_of_reach(&refused), "{refused}");
        // The lease runs out, and with it the right to answer reads: another server may have taken over.
        while begun.elapsed() < outage {
            match reader.node_properties("g", "20") {
                Ok(node) => ensure!(node.is_some(), "a read misses what was written"),
                Err(error) => ensure!(is_out_of_reach(&error), "{error}"),
            }
            wait::pause(STEP);
        }
        let unproven = reader.node_properties("g", "20").err().context("a read that nobody can vouch for")?;
        ensure!(is_out_of_reach(&unproven), "{unproven}");
        cluster.thaw_gateway()?;
        let thawed = Instant::now();
        ready(200)?;
        late.add_node("g", "healed", b"\x80")?;
        Ok((thawed, thawed.elapsed()))
    };
    let (acknowledged, healed) = std::thread::scope(|scope| -> Result<_> {
        let writing = scope.spawn(|| write(server.client()?, &ends));
        let went = through_it();
        cluster.thaw_gateway()?;
        ends.store(true, Ordering::Relaxed);
        let written = writing.join().expect("the writer does not panic");
        let ((thawed, healed), (acknowledged, last)) = (went?, written?);
        ensure!(last > thawed, "the writer did not come back");
        Ok((acknowledged, healed))
    })?;
    println!(
        "an outage of {outage:?}: writes came back {healed:?} after it, {acknowledged} were acknowledged"
    );
    let server = server.restart()?;
    let mut client = server.client()?;
    for number in 0..acknowledged {
        ensure!(client.node_properties("g", &number.to_string())?.is_some(), "node {number} is missing");
    }
    ensure!(client.node_properties("g", "refused")?.is_none(), "a refused write was made");
    Ok(())
}

/// It says that it is the room that is missing, and goes on once there is some.
#[test]
fn a_full_bucket_is_told_as_such() -> Result<()> {
    let s3 = S3Server::start()?;
    let proxy = Proxy::before(s3.addr())?;
    let server = ServerProcess::ours().metrics().in_memory().arg("--store");
    let server = server.arg(format!("s3://{}/shard", S3Server::BUCKET)).arg("--store-deadline").arg("1");
    let server = server.envs(S3Server::env(proxy.addr())).start()?;
    let mut client = server.client()?;
    client.set_limit(LIMIT)?;
    client.create_graph("g")?;
    proxy.fill_up();
    // The one that is under way waits.
    let mut waiting = server.client()?;
    waiting.set_limit(LIMIT)?;
    waiting.send(
        "g",
        "AddNode",
        params([("node_id", "waits".into()), ("properties_msgpack", bin([0x80]))]),
    )?;
    let told = wait::poll(LIMIT, STEP, || {
        let answer = http::get(server.metrics_addr(), "/readyz")?;
        anyhow::Ok(answer.body.contains("bucket is full").then_some(answer.body))
    })?;
    told.context("/readyz does not tell")?;
    let refused = client.add_node("g", "refused", b"\x80").err().context("a write was acknowledged")?;
    ensure!(refused.server_text().is_some_and(|text| text.contains("bucket is full")), "{refused}");
    proxy.clear();
    waiting.receive()?.outcome.map_err(anyhow::Error::msg)?;
    client.add_node("g", "later", b"\x80")?;
    ensure!(client.node_properties("g", "refused")?.is_none(), "a refused write was made");
    Ok(())
}
