//! Leases, stand-bys and takeovers of shards on object stores.
//!
//! `EG_TAKEOVERS` sets the number of takeovers on SeaweedFS (6).

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::crash::{self, Mix, Writers};
use epistemic_tests::egctl::Egctl;
use epistemic_tests::http;
use epistemic_tests::proxy::Proxy;
use epistemic_tests::s3::S3Server;
use epistemic_tests::seaweed::SeaweedCluster;
use epistemic_tests::seed::{number_from_env, seed};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{Value, field, params};
use epistemic_tests::{ServerBuilder, ServerProcess};
use rustix::process::{Pid, Signal, kill_process};

use super::shard::{directory, on};

const WRITERS: usize = 4;
const ANSWERS_PER_ROUND: usize = 200;
/// A takeover takes some seconds; a machine that is busy takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A server that waits for the lease of the shard at that place.
fn standby(place: &dyn Fn() -> ServerBuilder) -> Result<ServerProcess> {
    place().arg("--standby").start()
}

fn status(server: &ServerProcess) -> Result<Value> {
    Ok(server.client()?.call("", "ShardStatus", None)?)
}

fn text<'v>(status: &'v Value, name: &str) -> &'v str {
    field(status, name).and_then(Value::as_str).unwrap_or_default()
}

/// The process that a server says is the owner.
fn owner_pid(status: &Value) -> Option<u64> {
    field(status, "owner").and_then(|owner| field(owner, "pid")).and_then(Value::as_u64)
}

/// Waits until the server serves as the owner. A connection may be closed on the way.
fn wait_until_owner(server: &ServerProcess) -> Result<()> {
    let health = || Ok::<_, anyhow::Error>(server.client()?.call("", "Health", None)?);
    let found = poll(LIMIT, Duration::from_millis(10), || {
        let found = health().ok().filter(|status| text(status, "role") == "owner");
        Ok::<_, anyhow::Error>(found)
    })?;
    let found = found.with_context(|| format!("no takeover within {LIMIT:?}\n{}", server.output()))?;
    ensure!(owner_pid(&found) == Some(u64::from(server.pid())), "{found}");
    Ok(())
}

/// Waits until an owner says that so many stand-bys run.
fn wait_for_standbys(owner: &ServerProcess, count: usize) -> Result<()> {
    let found = poll(LIMIT, Duration::from_millis(50), || {
        let status = status(owner)?;
        let standbys = field(&status, "standbys").and_then(Value::as_array).map_or(0, Vec::len);
        Ok::<_, anyhow::Error>((standbys == count).then_some(()))
    })?;
    found.with_context(|| format!("not {count} stand-bys\n{}", owner.output()))
}

fn signal(server: &ServerProcess, signal: Signal) -> Result<()> {
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw).context("a process id")?;
    Ok(kill_process(pid, signal)?)
}

/// Every operation that writes, and the owner killed in the middle of it, again and again. What was acknowledged is there, and
/// nothing else.
fn survive_takeovers(place: &dyn Fn() -> ServerBuilder, rounds: usize, test: &str) -> Result<()> {
    let mut writers = Writers::new(WRITERS, Mix::ALL, seed(test));
    let mut owner = place().start()?;
    writers.prepare(&owner)?;
    for round in 1..=rounds {
        let next = standby(place)?;
        writers.write_and_kill(&mut owner, ANSWERS_PER_ROUND)?;
        let begun = Instant::now();
        wait_until_owner(&next)?;
        eprintln!("{test}: takeover {round} took {} ms", begun.elapsed().as_millis());
        let verdict = writers.check(&next)?;
        verdict.into_result().with_context(|| format!("round {round}\n{}", next.output()))?;
        owner = next;
    }
    ensure!(owner.terminate()?.success(), "{}", owner.output());
    Ok(())
}

/// As above, but the owner stands still instead of dying. What it wakes up with it must not tell.
fn depose_the_frozen(place: &dyn Fn() -> ServerBuilder, rounds: usize, test: &str) -> Result<()> {
    let mut writers = Writers::new(WRITERS, Mix::ALL, seed(test));
    let mut owner = place().start()?;
    writers.prepare(&owner)?;
    let as_system =
        |server: &ServerProcess| Ok::<_, anyhow::Error>(server.client()?.acting_as(crash::SYSTEM_AGENT));
    for round in 1..=rounds {
        as_system(&owner)?.create_graph("seen")?;
        let next = standby(place)?;
        let mut reader = as_system(&owner)?;
        let node = format!("round-{round}");
        ensure!(reader.node_properties("seen", &node)?.is_none());
        writers.write_and_lose(&owner, ANSWERS_PER_ROUND, || {
            signal(&owner, Signal::STOP)?;
            wait_until_owner(&next)?;
            as_system(&next)?.add_node("seen", &node, b"\x80")?;
            // It finds the request when it wakes up, and has the state of before.
            reader.send("seen", "NodeIds", None)?;
            signal(&owner, Signal::CONT)
        })?;
        let late = reader.receive();
        let told = late.as_ref().is_ok_and(|response| response.outcome.is_ok());
        ensure!(!told, "a deposed owner answered: {late:?}");
        let ended = owner.wait_for_exit(LIMIT)?;
        ensure!(ended.code() == Some(5), "{ended}:\n{}", owner.output());
        as_system(&next)?.call("seen", "DeleteGraph", params([("graph_name", "seen".into())]))?;
        let verdict = writers.check(&next)?;
        verdict.into_result().with_context(|| format!("round {round}\n{}", next.output()))?;
        owner = next;
    }
    Ok(())
}

/// The owner gives the shard away under load: it ends in order, and nothing that it acknowledged is lost.
fn hand_over(place: &dyn Fn() -> ServerBuilder, rounds: usize, test: &str) -> Result<()> {
    let mut writers = Writers::new(WRITERS, Mix::ALL, seed(test));
    let mut owner = place().start()?;
    writers.prepare(&owner)?;
    for round in 1..=rounds {
        let next = standby(place)?;
        wait_for_standbys(&owner, 1)?;
        writers.write_and_lose(&owner, ANSWERS_PER_ROUND, || {
            let begun = Instant::now();
            owner.client()?.acting_as(crash::SYSTEM_AGENT).call("", "ShardHandOver", None)?;
            wait_until_owner(&next)?;
            eprintln!("{test}: hand-over {round} took {} ms", begun.elapsed().as_millis());
            Ok(())
        })?;
        let ended = owner.wait_for_exit(LIMIT)?;
        ensure!(ended.success(), "{ended}:\n{}", owner.output());
        let verdict = writers.check(&next)?;
        verdict.into_result().with_context(|| format!("round {round}\n{}", next.output()))?;
        owner = next;
    }
    Ok(())
}

#[test]
fn a_stand_by_takes_over_from_the_killed_in_a_directory() -> Result<()> {
    let (_folder, url) = directory()?;
    let place = || on(crash::server(), &url);
    survive_takeovers(&place, 2, "a_stand_by_takes_over_from_the_killed_in_a_directory")
}

#[test]
fn a_stand_by_takes_over_from_the_killed_on_moto() -> Result<()> {
    let s3 = S3Server::start()?;
    let url = format!("s3://{}/shard-1", S3Server::BUCKET);
    let place = || on(crash::server(), &url).envs(S3Server::env(s3.addr()));
    survive_takeovers(&place, 2, "a_stand_by_takes_over_from_the_killed_on_moto")
}

#[test]
fn a_stand_by_takes_over_from_the_killed_on_seaweedfs() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    let place = || on(crash::server(), &cluster.url("shard-1")).envs(S3Server::env(cluster.addr()));
    let rounds = number_from_env("EG_TAKEOVERS", 6);
    survive_takeovers(&place, rounds, "a_stand_by_takes_over_from_the_killed_on_seaweedfs")
}

#[test]
fn a_frozen_owner_is_deposed_and_tells_nothing_in_a_directory() -> Result<()> {
    let (_folder, url) = directory()?;
    let place = || on(crash::server(), &url);
    depose_the_frozen(&place, 1, "a_frozen_owner_is_deposed_and_tells_nothing_in_a_directory")
}

#[test]
fn a_frozen_owner_is_deposed_and_tells_nothing_on_seaweedfs() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    let place = || on(crash::server(), &cluster.url("shard-1")).envs(S3Server::env(cluster.addr()));
    let rounds = number_from_env("EG_TAKEOVERS", 6).div_ceil(2);
    depose_the_frozen(&place, rounds, "a_frozen_owner_is_deposed_and_tells_nothing_on_seaweedfs")
}

#[test]
fn a_shard_is_handed_over_under_load_in_a_directory() -> Result<()> {
    let (_folder, url) = directory()?;
    hand_over(&|| on(crash::server(), &url), 2, "a_shard_is_handed_over_under_load_in_a_directory")
}

#[test]
fn a_shard_is_handed_over_under_load_on_seaweedfs() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    let place = || on(crash::server(), &cluster.url("shard-1")).envs(S3Server::env(cluster.addr()));
    let rounds = number_from_env("EG_TAKEOVERS", 6).div_ceil(3);
    hand_over(&place, rounds, "a_shard_is_handed_over_under_load_on_seaweedfs")
}

/// A shard on moto, whose owner reaches it through the proxy.
fn behind_a_proxy() -> Result<(S3Server, Proxy, ServerProcess, ServerBuilder)> {
    let s3 = S3Server::start()?;
    let proxy = Proxy::before(s3.addr())?;
    let url = format!("s3://{}/shard-1", S3Server::BUCKET);
    let owner = on(ServerProcess::ours(), &url).envs(S3Server::env(proxy.addr())).start()?;
    owner.client()?.create_graph("g")?;
    owner.client()?.add_node("g", "before", b"\x80")?;
    let other = on(ServerProcess::ours(), &url).envs(S3Server::env(s3.addr()));
    Ok((s3, proxy, owner, other))
}

/// Waits until reads are refused because the lease ran out. An answer that is held up until then is never given.
fn wait_until_nothing_is_answered(owner: &ServerProcess) -> Result<()> {
    let refused = poll(LIMIT, Duration::from_millis(20), || {
        let read = owner.client()?.node_properties("g", "before");
        let text = read.err().and_then(|error| error.server_text().map(str::to_owned));
        Ok::<_, anyhow::Error>(text)
    })?;
    let text = refused.context("an owner without a lease goes on answering")?;
    ensure!(text.contains("the lease of this server was last renewed"), "{text}");
    ensure!(owner.client()?.call("", "Health", None).is_ok(), "it tells of itself");
    Ok(())
}

#[test]
fn an_owner_that_is_cut_off_answers_nothing_and_is_deposed() -> Result<()> {
    let (_s3, proxy, mut owner, other) = behind_a_proxy()?;
    let next = other.arg("--standby").start()?;
    proxy.cut_off();
    wait_until_nothing_is_answered(&owner)?;
    wait_until_owner(&next)?;
    next.client()?.add_node("g", "behind", b"\x80")?;
    ensure!(owner.client()?.call("g", "NodeIds", None).is_err());
    proxy.clear();
    let ended = owner.wait_for_exit(LIMIT)?;
    ensure!(ended.code() == Some(5), "{ended}:\n{}", owner.output());
    ensure!(next.client()?.node_properties("g", "before")?.is_some());
    Ok(())
}

#[test]
fn an_owner_that_was_cut_off_goes_on_when_nobody_took_over() -> Result<()> {
    let (_s3, proxy, owner, _) = behind_a_proxy()?;
    proxy.cut_off();
    wait_until_nothing_is_answered(&owner)?;
    proxy.clear();
    let healed = poll(LIMIT, Duration::from_millis(20), || {
        Ok::<_, anyhow::Error>(owner.client()?.add_node("g", "behind", b"\x80").ok())
    })?;
    healed.with_context(|| format!("it does not go on\n{}", owner.output()))?;
    Ok(())
}

#[test]
fn a_second_server_by_mistake_is_refused_with_the_owner() -> Result<()> {
    let (_folder, url) = directory()?;
    let owner = on(ServerProcess::ours().tcp(), &url).start()?;
    owner.client()?.create_graph("g")?;
    let (ended, output) = on(ServerProcess::ours(), &url).start_expecting_exit()?;
    let names = [format!("tcp://{}", owner.tcp_addr()), format!("pid {}", owner.pid()), "--take-over".into()];
    ensure!(ended.code() == Some(6), "{ended}:\n{output}");
    ensure!(names.iter().all(|name| output.contains(name)), "{output}");
    owner.client()?.add_node("g", "n", b"\x80")?;
    Ok(())
}

/// An orderly stop gives the lease back: the next start waits for nothing.
#[test]
fn a_server_that_stopped_in_order_can_be_started_at_once() -> Result<()> {
    let (_folder, url) = directory()?;
    let mut first = on(ServerProcess::ours(), &url).start()?;
    first.client()?.create_graph("g")?;
    ensure!(first.terminate()?.success());
    let second = on(ServerProcess::ours(), &url).start()?;
    ensure!(!second.output().contains("waiting until its lease"), "{}", second.output());
    second.client()?.add_node("g", "n", b"\x80")?;
    Ok(())
}

#[test]
fn a_stand_by_tells_who_the_owner_is() -> Result<()> {
    let (_folder, url) = directory()?;
    let owner = on(ServerProcess::ours().tcp(), &url).start()?;
    owner.client()?.create_graph("g")?;
    let mut waiting = on(ServerProcess::ours().metrics(), &url).arg("--standby").start()?;
    wait_for_standbys(&owner, 1)?;
    let refused = waiting.client()?.call("g", "NodeIds", None).unwrap_err();
    let begins = format!("STANDBY: the owner of this shard is 'tcp://{}' (host ", owner.tcp_addr());
    ensure!(refused.server_text().is_some_and(|text| text.starts_with(&begins)), "{refused}");
    for method in ["Health", "ShardStatus"] {
        let told = waiting.client()?.call("", method, None)?;
        ensure!(text(&told, "role") == "standby", "{told}");
        ensure!(owner_pid(&told) == Some(u64::from(owner.pid())), "{told}");
    }
    let page = |path: &str| http::get(waiting.metrics_addr(), path);
    ensure!(page("/readyz")?.status == 503 && page("/healthz")?.status == 200);
    ensure!(page("/metrics")?.body.contains(r#"epistemic_graph_role{role="standby"} 1"#));
    ensure!(waiting.terminate()?.success(), "{}", waiting.output());
    wait_for_standbys(&owner, 0)
}

#[test]
fn one_of_two_stand_bys_takes_over() -> Result<()> {
    let (_folder, url) = directory()?;
    let place = || on(ServerProcess::ours(), &url);
    let mut owner = place().start()?;
    owner.client()?.create_graph("g")?;
    let both = [standby(&place)?, standby(&place)?];
    wait_for_standbys(&owner, 2)?;
    owner.kill9()?;
    let told = poll(LIMIT, Duration::from_millis(20), || {
        let told: Vec<Value> = both.iter().filter_map(|server| status(server).ok()).collect();
        let owners = told.iter().filter(|told| text(told, "role") == "owner").count();
        ensure!(owners < 2, "two owners: {told:?}");
        let winner = told.iter().find(|told| text(told, "role") == "owner").and_then(owner_pid);
        let agreed = told.len() == 2 && told.iter().all(|told| owner_pid(told) == winner);
        Ok((owners == 1 && agreed).then_some(()))
    })?;
    told.context("no takeover")?;
    Ok(())
}

#[test]
fn a_shard_without_a_stand_by_is_handed_over_by_force_only() -> Result<()> {
    let (_folder, url) = directory()?;
    let mut owner = on(ServerProcess::ours().tcp(), &url).start()?;
    let endpoint = format!("tcp://{}", owner.tcp_addr());
    let egctl = Egctl::with_secret(owner.secret());
    let text = egctl.fails(1, &["shard", "hand-over", "--endpoint", &endpoint]);
    ensure!(text.contains("no stand-by of this shard was seen"), "{text}");
    owner.client()?.create_graph("g")?;
    ensure!(egctl.run(["shard", "hand-over", "--endpoint", &endpoint, "--force"])?.status.success());
    ensure!(owner.wait_for_exit(LIMIT)?.success(), "{}", owner.output());
    Ok(())
}

#[test]
fn egctl_hands_a_shard_over_and_waits() -> Result<()> {
    let (_folder, url) = directory()?;
    let mut owner = on(ServerProcess::ours().tcp(), &url).start()?;
    owner.client()?.create_graph("g")?;
    let next = on(ServerProcess::ours().tcp(), &url).arg("--standby").start()?;
    wait_for_standbys(&owner, 1)?;
    let endpoint = format!("tcp://{}", owner.tcp_addr());
    let told = Egctl::with_secret(owner.secret()).json(&["shard", "hand-over", "--endpoint", &endpoint])?;
    ensure!(told["owner"]["endpoint"] == format!("tcp://{}", next.tcp_addr()), "{told}");
    next.client()?.add_node("g", "n", b"\x80")?;
    ensure!(owner.wait_for_exit(LIMIT)?.success(), "{}", owner.output());
    Ok(())
}
