//! One of three shards stops under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use epistemic_router::{BreakerOptions, ConnectOptions, EndpointList, RouterError, Secret, ShardRouter};

use crate::support::{Shard, ok};

const COOLDOWN: Duration = Duration::from_millis(500);
const CALLERS: usize = 24;

/// What one caller met: how long each call took, and with which result.
type Log = Vec<(Instant, Duration, Result<(), RouterError>)>;

async fn caller(router: ShardRouter, graph: String, end: Arc<AtomicBool>) -> Log {
    let mut log = Log::new();
    while !end.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let result = router.call(&graph, "AddNode", &()).await.map(drop);
        log.push((begun, begun.elapsed(), result));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_shards_lose_nothing_and_its_own_calls_fail_at_once() {
    let shards =
        [Shard::start(|_, _| ok()).await, Shard::start(|_, _| ok()).await, Shard::start(|_, _| ok()).await];
    let endpoints = EndpointList::new(shards.iter().map(Shard::endpoint).collect()).unwrap();
    let breaker = BreakerOptions { threshold: 5, cooldown: COOLDOWN };
    let options = ConnectOptions { breaker, ..ConnectOptions::default() };
    let router = ShardRouter::new(endpoints, Secret::none(), options);
    let end = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|n| {
            let graph = format!("graph-{n}");
            let owner = router.owner(&graph).clone();
            (owner, tokio::spawn(caller(router.clone(), graph, Arc::clone(&end))))
        })
        .collect();
    let victim = &shards[0];
    tokio::time::sleep(Duration::from_millis(300)).await;
    victim.stop().await;
    let stopped = Instant::now();
    tokio::time::sleep(2 * COOLDOWN).await;
    let restarted = Instant::now();
    victim.restart().await;
    tokio::time::sleep(2 * COOLDOWN).await;
    end.store(true, Ordering::Relaxed);

    let (mut refusals, mut healed) = (Vec::new(), None);
    for (owner, caller) in callers {
        for (begun, took, result) in caller.await.unwrap() {
            let Err(error) = result else {
                if owner == victim.endpoint() && begun > restarted {
                    healed = Some(healed.map_or(begun, |first: Instant| first.min(begun)));
                }
                continue;
            };
            assert_eq!(owner, victim.endpoint(), "a healthy shard lost a call: {error}");
            assert!(begun > stopped - Duration::from_secs(1));
            if error.circuit_open().is_some() {
                refusals.push(took);
            }
        }
    }
    refusals.sort_unstable();
    assert!(refusals.len() > 100, "{} refusals", refusals.len());
    let median = refusals[refusals.len() / 2];
    assert!(median < Duration::from_millis(1), "a refusal takes {median:?}");
    let healed = healed.expect("it heals") - restarted;
    assert!(healed < COOLDOWN + Duration::from_millis(200), "healed after {healed:?}");
}
