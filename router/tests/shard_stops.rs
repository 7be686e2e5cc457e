//! One of three real shards is killed under load and started again.
//!
//! Needs our server: `cargo build --release -p epistemic-engine`. Times are judged in the best of several rounds, so that
//! a busy machine is not mistaken for a slow router; that nothing is lost, in every round.

#![expect(clippy::unwrap_used, reason = "a server that cannot run fails the test")]

#[path = "support/program.rs"]
mod program;
#[path = "support/shards.rs"]
mod shards;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use epistemic_router::{
    Bin, Breaker, BreakerOptions, BreakerState, ConnectOptions, Endpoint, RouterError, ShardRouter,
};
use shards::{Server, all_listen, shards, start};

const COOLDOWN: Duration = Duration::from_millis(400);
const OPTIONS: BreakerOptions = BreakerOptions { threshold: 5, cooldown: COOLDOWN };
const ROUNDS: usize = 6;
const CALLERS_PER_SHARD: usize = 4;
/// Calls to the shards that live, before the stop and after it.
const WINDOW: usize = 2_000;
/// From the end of the cooldown until a caller has come and has its answer.
const NEXT_CALLER: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(60);

/// One call, and what came of it.
struct Call {
    begun: Instant,
    took: Duration,
    result: Result<(), RouterError>,
}

impl Call {
    fn end(&self) -> Instant {
        self.begun + self.took
    }
}

/// What a caller met on its graph.
struct Log {
    owner: Endpoint,
    graph: String,
    calls: Vec<Call>,
    /// Nodes whose writes were acknowledged.
    written: Vec<String>,
}

/// What all callers of a round share.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    /// Calls that succeeded on the shard that will stop, and calls on the others.
    served: AtomicUsize,
    elsewhere: AtomicUsize,
}

/// When things happened in a round.
struct Times {
    warm: Instant,
    stopped: Instant,
    opened: Instant,
    restarted: Instant,
    listens: Instant,
}

/// Writes nodes and reads each of them back until the load is over.
async fn caller(router: ShardRouter, graph: String, round: usize, victim: Endpoint, load: Arc<Load>) -> Log {
    let owner = router.owner(&graph).clone();
    let (client, mut calls, mut written) = (router.graph(graph.as_str()), Vec::new(), Vec::new());
    while !load.over.load(Relaxed) {
        let node = format!("{round}-{}", calls.len());
        for is_write in [true, false] {
            let begun = Instant::now();
            let result = match is_write {
                true => client.add_node(&node, Bin(&[0x80])).await.map(drop),
                false => client.has_node(&node).await.map(|found| assert!(found, "{node} is not there")),
            };
            let (took, is_ok) = (begun.elapsed(), result.is_ok());
            calls.push(Call { begun, took, result });
            if is_ok && is_write {
                written.push(node.clone());
            }
            if owner != victim {
                load.elsewhere.fetch_add(1, Relaxed);
            } else if is_ok {
                load.served.fetch_add(1, Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            if !is_ok {
                break;
            }
        }
    }
    Log { owner, graph, calls, written }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"));
}

/// Waits for so many further calls to the shards that live.
async fn calls_elsewhere(load: &Load, count: usize) {
    let begun = load.elsewhere.load(Relaxed);
    until("calls to the other shards", || load.elsewhere.load(Relaxed) >= begun + count).await;
}

/// The first shard is killed, and started again two cooldowns later at the earliest.
async fn stop_and_restart(servers: &mut [Server], load: &Load, router: &ShardRouter, dir: &Path) -> Times {
    let breaker = Breaker::shared(&router.endpoints().as_slice()[0], OPTIONS);
    calls_elsewhere(load, WINDOW / 4).await;
    let warm = Instant::now();
    calls_elsewhere(load, WINDOW).await;
    let stopped = Instant::now();
    servers[0].kill();
    until("the breaker opens", || breaker.state() == BreakerState::Open).await;
    let opened = Instant::now();
    calls_elsewhere(load, WINDOW).await;
    until("two cooldowns", || opened.elapsed() > 2 * COOLDOWN).await;
    let restarted = Instant::now();
    servers[0] = start(&program::server(), dir, "0.sock");
    all_listen(router).await;
    let listens = Instant::now();
    let served = load.served.load(Relaxed);
    until("the shard is used again", || load.served.load(Relaxed) >= served + 100).await;
    Times { warm, stopped, opened, restarted, listens }
}

/// What must hold in every round.
fn check(logs: &[Log], victim: &Endpoint, times: &Times) {
    let (mut probes, mut refused) = (0, 0);
    for log in logs {
        let healed = log.calls.iter().find(|call| call.result.is_ok() && call.end() > times.listens);
        let healed = healed.expect("every graph is served in the end").end();
        for call in &log.calls {
            let Err(error) = &call.result else { continue };
            assert_eq!(log.owner, *victim, "{} is not on the stopped shard: {error}", log.graph);
            assert!(call.end() > times.stopped, "before the stop: {error}");
            assert!(call.begun < healed, "after it healed: {error}");
            refused += usize::from(error.circuit_open().is_some());
            probes += usize::from(error.circuit_open().is_none() && call.begun > times.opened);
        }
    }
    let cooldowns = times.listens.duration_since(times.opened).as_millis() / COOLDOWN.as_millis();
    assert!((1..=cooldowns + 1).contains(&(probes as u128)), "{probes} probes in {cooldowns} cooldowns");
    assert!(refused > 100, "{refused} refusals");
}

fn p99(calls: impl Iterator<Item = Duration>) -> Duration {
    let mut calls: Vec<_> = calls.collect();
    calls.sort_unstable();
    calls[calls.len() * 99 / 100]
}

/// Whether the round met every limit on times.
fn is_quick(logs: &[Log], victim: &Endpoint, times: &Times) -> bool {
    let others = || logs.iter().filter(|log| log.owner != *victim).flat_map(|log| &log.calls);
    let within = |from: Instant, to: Instant| {
        p99(others().filter(|call| call.begun >= from && call.end() < to).map(|call| call.took))
    };
    let (before, meanwhile) = (within(times.warm, times.stopped), within(times.stopped, times.restarted));
    let own = || logs.iter().filter(|log| log.owner == *victim).flat_map(|log| &log.calls);
    let is_refusal = |call: &&Call| call.result.as_ref().is_err_and(|error| error.circuit_open().is_some());
    let refusal = p99(own().filter(is_refusal).map(|call| call.took));
    let first = own().filter(|call| call.result.is_ok() && call.end() > times.listens).map(Call::end).min();
    let healed = first.expect("it heals") - times.listens;
    eprintln!(
        "others' p99 {before:?}, then {meanwhile:?}; a refusal's p99 {refusal:?}; healed after {healed:?}"
    );
    2 * meanwhile <= 3 * before && refusal < Duration::from_millis(1) && healed < COOLDOWN + NEXT_CALLER
}

/// Graphs of all three shards, equally many.
fn graphs(router: &ShardRouter) -> Vec<String> {
    let all: Vec<_> = (0..1000).map(|n| format!("graph-{n}")).collect();
    let of = |shard| all.iter().filter(move |graph| router.owner(graph) == shard).take(CALLERS_PER_SHARD);
    router.endpoints().as_slice().iter().flat_map(of).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_lose_nothing_and_its_own_calls_fail_at_once_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let options = ConnectOptions { breaker: OPTIONS, ..ConnectOptions::default() };
    let (mut servers, router) = shards(&program::server(), dir.path(), 3, options).await;
    let victim = router.endpoints().as_slice()[0].clone();
    let graphs = graphs(&router);
    for graph in &graphs {
        router.graph(graph.as_str()).create_graph(graph, "Global").await.unwrap();
    }
    let mut is_good = false;
    for round in 0..ROUNDS {
        let load = Arc::new(Load::default());
        let start = |graph: &String| {
            tokio::spawn(caller(router.clone(), graph.clone(), round, victim.clone(), Arc::clone(&load)))
        };
        let callers: Vec<_> = graphs.iter().map(start).collect();
        let times = stop_and_restart(&mut servers, &load, &router, dir.path()).await;
        load.over.store(true, Relaxed);
        let mut logs = Vec::new();
        for caller in callers {
            logs.push(caller.await.unwrap());
        }
        check(&logs, &victim, &times);
        for log in &logs {
            let written: Vec<_> = log.written.iter().map(String::as_str).collect();
            let found = router.graph(log.graph.as_str()).has_nodes(&written).await.unwrap();
            assert!(found.len() > 50 && found.iter().all(|found| *found), "{} lost a write", log.graph);
        }
        is_good = is_quick(&logs, &victim, &times);
        if is_good {
            break;
        }
    }
    assert!(is_good, "not in {ROUNDS} rounds");
}
