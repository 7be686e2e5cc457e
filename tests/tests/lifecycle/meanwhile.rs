//! What others see and do while an operation runs over a large graph: nothing is locked, nothing of theirs is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{field, map, params};
use epistemic_tests::{Client, ServerProcess};

use super::{counts, evict, node, sweep};

const NODES: u64 = 20_000;

/// Creates a graph of nodes `n0`, `n1`, ... that were last seen in 1970.
pub(super) fn fill_aged(client: &mut Client, graph: &str, nodes: u64) -> Result<()> {
    client.create_graph(graph)?;
    let numbers: Vec<u64> = (0..nodes).collect();
    for part in numbers.chunks(5_000) {
        let node = |number: &u64| {
            let properties = map([("last_access", 1000.into()), ("number", (*number).into())]);
            map([("op", "add_node".into()), ("id", format!("n{number}").into()), ("properties", properties)])
        };
        client.batch_update(graph, part.iter().map(node).collect())?;
    }
    Ok(())
}

/// Looks without a pause: what is waited for may be over soon.
fn wait_until(mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let look = || anyhow::Ok(is_so()?.then_some(()));
    poll(Duration::from_secs(30), Duration::ZERO, look)?.context("not within 30 s")
}

/// What was written while the operation ran.
struct Writes {
    /// When each write to the graph was acknowledged; write `k` was to node [`victim`]`(k)`.
    own: Vec<Instant>,
    /// The same of writes to another graph.
    other: Vec<Instant>,
}

/// Spread over the graph, no node twice.
fn victim(write: u64) -> String {
    format!("n{}", write * 7_919 % NODES)
}

/// The properties of a write: no time, so that nothing of it ever decays.
fn written(write: u64) -> Vec<u8> {
    super::props([("written", write.into())])
}

/// Runs an operation on one connection while two others write, from when `begun` finds it at work until it is answered.
fn write_during<T: Send>(
    server: &ServerProcess,
    begun: impl Fn(&mut Client) -> Result<bool> + Sync,
    operation: impl FnOnce(&mut Client) -> Result<T> + Send,
) -> Result<(T, Instant, Writes)> {
    let done = AtomicBool::new(false);
    let clients = [server.client()?, server.client()?, server.client()?];
    thread::scope(|scope| {
        let [mut runner, mut own, mut other] = clients;
        let (done, begun) = (&done, &begun);
        let running = scope.spawn(move || {
            let answer = operation(&mut runner);
            let end = Instant::now();
            done.store(true, Ordering::Release);
            (answer, end)
        });
        let own = scope.spawn(move || -> Result<Vec<Instant>> {
            wait_until(|| begun(&mut own)).context("the operation never began")?;
            let mut acknowledged = Vec::new();
            while !done.load(Ordering::Acquire) && (acknowledged.len() as u64) < NODES {
                let write = acknowledged.len() as u64;
                own.add_node("g", &victim(write), &written(write))?;
                acknowledged.push(Instant::now());
            }
            Ok(acknowledged)
        });
        let other = scope.spawn(move || -> Result<Vec<Instant>> {
            let mut acknowledged = Vec::new();
            while !done.load(Ordering::Acquire) {
                other.add_node("bystander", &format!("{}", acknowledged.len()), b"\x80")?;
                acknowledged.push(Instant::now());
            }
            Ok(acknowledged)
        });
        let (answer, end) = running.join().expect("no panic");
        let writes = Writes { own: own.join().expect("no panic")?, other: other.join().expect("no panic")? };
        Ok((answer?, end, writes))
    })
}

fn survived(server: &ServerProcess, end: Instant, writes: &Writes) -> Result<()> {
    let before_the_end = |times: &[Instant]| times.iter().filter(|time| **time < end).count();
    let (own, other) = (before_the_end(&writes.own), before_the_end(&writes.other));
    eprintln!("while it ran: {own} writes to the graph, {other} to another");
    ensure!(
        own >= 3 && other >= 3,
        "{own} writes to the graph and {other} to another were answered meanwhile"
    );
    let mut client = server.client()?;
    for write in 0..writes.own.len() as u64 {
        let found = client.node_properties("g", &victim(write))?;
        ensure!(found == Some(written(write)), "write {write} to {} is gone: {found:?}", victim(write));
    }
    assert_eq!(counts(&mut client, "bystander")?.0, writes.other.len() as u64);
    Ok(())
}

fn start() -> Result<ServerProcess> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    fill_aged(&mut client, "g", NODES)?;
    client.create_graph("bystander")?;
    Ok(server)
}

#[test]
fn writes_during_a_decay_sweep_survive() -> Result<()> {
    let server = start()?;
    let begun =
        |client: &mut Client| Ok(field(&node(client, "g", "n0")?, "last_access") != Some(&1000.into()));
    let ([nodes, edges, pruned, _], end, writes) =
        write_during(&server, begun, |client| sweep(client, "g", 1e9, 0.0, false))?;
    assert_eq!((edges, pruned), (0, 0));
    ensure!(nodes <= NODES && nodes + writes.own.len() as u64 >= NODES, "{nodes} decayed");
    survived(&server, end, &writes)?;
    let server = server.restart()?;
    survived(&server, end, &writes).context("after a kill")?;
    assert_eq!(counts(&mut server.client()?, "g")?.0, NODES);
    Ok(())
}

#[test]
fn writes_during_an_eviction_survive() -> Result<()> {
    let server = start()?;
    let begun = |client: &mut Client| Ok(counts(client, "g")?.0 < NODES);
    let (evicted, end, writes) = write_during(&server, begun, |client| evict(client, "g", 0))?;
    survived(&server, end, &writes)?;
    // A node that was gone when it was written came back.
    ensure!(evicted <= NODES && evicted + writes.own.len() as u64 >= NODES, "{evicted} evicted");
    assert_eq!(
        counts(&mut server.client()?, "g")?.0,
        writes.own.len() as u64,
        "nothing but what was written is left"
    );
    Ok(())
}

/// Who hangs up in the middle stops his operation. It may end just before he does, so it gets some attempts.
#[test]
fn an_eviction_ends_with_its_client() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    for attempt in 0..5 {
        let graph = format!("g{attempt}");
        fill_aged(&mut client, &graph, NODES)?;
        let mut leaving = server.client()?;
        leaving.send(&graph, "EvictLRU", params([("max_nodes", 0.into())]))?;
        wait_until(|| Ok(counts(&mut client, &graph)?.0 < NODES)).context("the eviction never began")?;
        drop(leaving);
        // On two threads one graph has one: this runs when the first has ended, and evicts what that left.
        if evict(&mut client, &graph, 0)? > 0 {
            assert_eq!(counts(&mut client, &graph)?, (0, 0));
            return Ok(());
        }
    }
    anyhow::bail!("five evictions went on to their end without their clients")
}
