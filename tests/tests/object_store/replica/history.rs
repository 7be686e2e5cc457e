//! Each answer of a replica is of one state of the owner, and none is of an older state than the one before.
//!
//! The history is one in which every state is known by its number: write `n` adds node `n` and an edge from the hub to it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use anyhow::{Context, Result, ensure};
use epistemic_tests::s3::S3Server;
use epistemic_tests::seaweed::SeaweedCluster;
use epistemic_tests::seed::number_from_env;
use epistemic_tests::wire::{Value, map, params};
use epistemic_tests::{Client, ServerBuilder, ServerProcess};

use super::super::shard::{directory, on};
use super::{LIMIT, follows, owner_pid, status, texts, until, until_node};

const READERS: usize = 4;
const HUB: &str = "hub";

fn id(number: u64) -> String {
    format!("{number:06}")
}

fn write(client: &mut Client, number: u64) -> Result<()> {
    let add = map([("op", "add_node".into()), ("id", id(number).into())]);
    let link = map([("op", "add_edge".into()), ("source", HUB.into()), ("target", id(number).into())]);
    client.batch_update("g", vec![add, link])?;
    Ok(())
}

/// The number of the state that these nodes are of.
fn state_of(mut nodes: Vec<String>) -> Result<u64> {
    nodes.retain(|node| node != HUB);
    let count = nodes.len() as u64;
    let gap = nodes.iter().zip(0..).find(|(node, number)| **node != id(*number));
    ensure!(gap.is_none(), "{count} nodes are no state of the history: {gap:?}");
    Ok(count)
}

/// The number of the state that an answer is of.
fn look(client: &mut Client, turn: usize) -> Result<u64> {
    let hub = || params([("node_id", HUB.into())]);
    match turn % 7 {
        0 => state_of(texts(&client.call("g", "NodeIds", None)?)?),
        1 => state_of(texts(&client.call("g", "GetSuccessors", hub())?)?),
        2 => Ok(client.call("g", "EdgeCount", None)?.as_u64().context("a count")?),
        3 => state_of(texts(&client.call("g", "TopologicalSort", None)?)?),
        4 => Ok(client.call("g", "OutDegree", hub())?.as_u64().context("a degree")?),
        5 => {
            let edges = client.call("g", "GetEdges", None)?;
            let target = |edge: &Value| edge.as_array()?.get(1)?.as_str().map(str::to_owned);
            let edges = edges.as_array().context("edges")?;
            let mut targets: Vec<String> = edges.iter().filter_map(target).collect();
            ensure!(targets.len() == edges.len(), "{edges:?}");
            targets.sort();
            state_of(targets)
        }
        _ => Ok(client.call("g", "NodeCount", None)?.as_u64().context("a count")? - 1),
    }
}

fn read_until(mut client: Client, sent: &AtomicU64, ends: &AtomicBool) -> Result<usize> {
    client.set_limit(LIMIT)?;
    let (mut last, mut turn) = (0, 0);
    while !ends.load(SeqCst) {
        let state = look(&mut client, turn).with_context(|| format!("look {turn}"))?;
        ensure!(state >= last, "look {turn} is of state {state}, the one before was of {last}");
        ensure!(state <= sent.load(SeqCst), "look {turn} is of state {state}, which was not written yet");
        (last, turn) = (state, turn + 1);
    }
    Ok(turn)
}

/// Writes while others read on the replica. `change` has the owner replaced in the middle of it, and tells who writes on.
fn keeps_to_the_history(
    owner: ServerProcess,
    replica: ServerBuilder,
    writes: u64,
    change: impl FnOnce(ServerProcess) -> Result<ServerProcess>,
) -> Result<()> {
    owner.client()?.create_graph("g")?;
    owner.client()?.add_node("g", HUB, b"\x80")?;
    let replica = replica.start()?;
    let (sent, ends) = (AtomicU64::new(0), AtomicBool::new(false));
    let write_all = || -> Result<ServerProcess> {
        let mut client = owner.client()?;
        for number in 0..writes / 2 {
            sent.store(number + 1, SeqCst);
            write(&mut client, number)?;
        }
        let owner = change(owner)?;
        let mut client = owner.client()?;
        for number in writes / 2..writes {
            sent.store(number + 1, SeqCst);
            write(&mut client, number)?;
        }
        until_node(&mut replica.client()?, "g", &id(writes - 1))?;
        Ok(owner)
    };
    let (owner, looks) = std::thread::scope(|scope| -> Result<_> {
        let readers: Vec<_> = (0..READERS)
            .map(|_| replica.client())
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .map(|client| scope.spawn(|| read_until(client, &sent, &ends)))
            .collect();
        let written = write_all();
        ends.store(true, SeqCst);
        let looks = readers.into_iter().map(|reader| reader.join().expect("a reader panicked"));
        let looks: usize = looks.sum::<Result<usize>>().with_context(|| replica.output())?;
        Ok((written?, looks))
    })?;
    ensure!(looks > 7 * READERS, "{looks} answers of the replica are too few to tell");
    for turn in 0..7 {
        ensure!(look(&mut replica.client()?, turn)? == writes, "look {turn}");
    }
    until("the owner", || Ok((owner_pid(&status(&replica)?) == Some(u64::from(owner.pid()))).then_some(())))
}

fn writes() -> u64 {
    number_from_env("EG_REPLICA_WRITES", 300) as u64
}

#[test]
fn a_replica_keeps_to_the_history_in_a_directory() -> Result<()> {
    let (_folder, url) = directory()?;
    let owner = on(ServerProcess::ours(), &url).start()?;
    keeps_to_the_history(owner, follows(ServerProcess::ours(), &url), writes(), Ok)
}

#[test]
fn a_replica_keeps_to_the_history_on_seaweedfs() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    let (url, env) = (cluster.url("shard-1"), || S3Server::env(cluster.addr()));
    let owner = on(ServerProcess::ours(), &url).envs(env()).start()?;
    keeps_to_the_history(owner, follows(ServerProcess::ours(), &url).envs(env()), writes(), Ok)
}

/// The owner is killed, and a stand-by goes on: the replica goes on with it.
fn follows_a_takeover(place: &dyn Fn(bool) -> ServerBuilder) -> Result<()> {
    let owner = place(false).start()?;
    keeps_to_the_history(owner, place(true), writes(), |mut owner| {
        let next = place(false).arg("--standby").start()?;
        owner.kill9()?;
        until("a takeover", || {
            let Ok(told) = status(&next) else { return Ok(None) };
            let is_owner =
                epistemic_tests::wire::field(&told, "role").and_then(Value::as_str) == Some("owner");
            Ok(is_owner.then_some(()))
        })?;
        Ok(next)
    })
}

#[test]
fn a_replica_follows_a_takeover_in_a_directory() -> Result<()> {
    let (_folder, url) = directory()?;
    let place = |replica: bool| match replica {
        true => follows(ServerProcess::ours(), &url),
        false => on(ServerProcess::ours(), &url),
    };
    follows_a_takeover(&place)
}

#[test]
fn a_replica_follows_a_takeover_on_seaweedfs() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    let url = cluster.url("shard-1");
    let place = |replica: bool| {
        let server = ServerProcess::ours().envs(S3Server::env(cluster.addr()));
        if replica { follows(server, &url) } else { on(server, &url) }
    };
    follows_a_takeover(&place)
}
