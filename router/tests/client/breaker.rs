//! The circuit breaker behind routed calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use epistemic_router::{
    Breaker, BreakerOptions, BreakerState, ConnectCause, ConnectOptions, Endpoint, EndpointList, ErrorCode,
    RouterError, Secret, ShardRouter,
};
use rmpv::Value;

use crate::support::{Down, Reply, Server, Shard, ok};

const COOLDOWN: Duration = Duration::from_millis(200);

fn options(threshold: u32) -> ConnectOptions {
    ConnectOptions {
        connect_timeout: Duration::from_millis(100),
        // Each server does what a test tells it, from the first request on.
        compare_lists: false,
        breaker: BreakerOptions { threshold, cooldown: COOLDOWN },
        ..ConnectOptions::default()
    }
}

fn router(endpoint: Endpoint, threshold: u32) -> ShardRouter {
    ShardRouter::new(EndpointList::new(vec![endpoint]).unwrap(), Secret::none(), options(threshold))
}

fn breaker(endpoint: &Endpoint) -> Arc<Breaker> {
    Breaker::shared(endpoint, options(0).breaker)
}

async fn shown(router: &ShardRouter) -> serde_json::Value {
    serde_json::to_value(router.topology("g").await).unwrap()["endpoints"][0]["breaker"].clone()
}

#[tokio::test]
async fn five_refusals_open_it_and_then_nothing_is_tried() {
    let down = Down::new();
    let router = router(down.endpoint(), 5);
    for _ in 0..5 {
        assert_eq!(shown(&router).await, "closed");
        let error = router.call("g", "AddNode", &()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::EngineUnreachable);
    }
    assert_eq!(shown(&router).await, "open");
    let begun = Instant::now();
    for _ in 0..1000 {
        let error = router.call("g", "AddNode", &()).await.unwrap_err();
        let refusal = error.circuit_open().expect("the breaker refused");
        assert_eq!((error.code(), refusal.failures), (ErrorCode::CircuitOpen, 5));
        assert_eq!(&*refusal.last_failure, "[Errno 111] Connection refused");
        assert!(refusal.retry_in.is_some_and(|left| left <= COOLDOWN));
    }
    let each = begun.elapsed() / 1000;
    assert!(each < Duration::from_millis(1), "{each:?} for a refusal");
    let outcomes = breaker(&down.endpoint()).outcomes();
    assert_eq!((outcomes.connection_error, outcomes.short_circuited, outcomes.ok), (5, 1000, 0));
}

#[tokio::test]
async fn two_routers_of_a_process_share_it() {
    let down = Down::new();
    let (first, second) = (router(down.endpoint(), 1), router(down.endpoint(), 1));
    first.call("g", "AddNode", &()).await.unwrap_err();
    assert_eq!(second.call("h", "AddNode", &()).await.unwrap_err().code(), ErrorCode::CircuitOpen);
}

#[tokio::test]
async fn it_heals_one_cooldown_after_the_restart() {
    let shard = Shard::start(|_, _| ok()).await;
    let router = router(shard.endpoint(), 2);
    router.call("g", "AddNode", &()).await.unwrap();
    shard.stop().await;
    while shown(&router).await != "open" {
        router.call("g", "AddNode", &()).await.unwrap_err();
    }
    shard.restart().await;
    let begun = Instant::now();
    while router.call("g", "AddNode", &()).await.is_err() {
        assert!(begun.elapsed() < 2 * COOLDOWN, "not healed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(shown(&router).await, "closed");
}

/// Fault 16: in the reference client the breaker then stays half-open for ever.
#[tokio::test]
async fn an_error_of_the_application_during_the_probe_closes_it() {
    let down = Down::new();
    let endpoint = down.endpoint();
    let router = router(endpoint.clone(), 1);
    router.call("g", "AddNode", &()).await.unwrap_err();
    let Server(listener) = down.start();
    let shard =
        Shard::over(listener, Arc::new(|_: &str, _: &_| Reply::Error("Authentication failed".to_owned())));
    tokio::time::sleep(COOLDOWN).await;
    let error = router.call("g", "AddNode", &()).await.unwrap_err();
    assert!(
        matches!(&error, RouterError::Call(_)) && error.to_string() == "Authentication failed",
        "{error}"
    );
    assert_eq!(breaker(&endpoint).state(), BreakerState::Closed);
    for _ in 0..100 {
        router.call("g", "AddNode", &()).await.unwrap_err();
    }
    assert_eq!(breaker(&endpoint).state(), BreakerState::Closed, "errors of the application open nothing");
    assert_eq!(shard.count("AddNode"), 101);
}

#[tokio::test]
async fn a_cancelled_probe_does_not_leave_it_half_open() {
    let talks = Arc::new(AtomicBool::new(false));
    let down = Down::new();
    let endpoint = down.endpoint();
    let router = router(endpoint.clone(), 1);
    router.call("g", "AddNode", &()).await.unwrap_err();
    let Server(listener) = down.start();
    let talking = Arc::clone(&talks);
    let rule = move |_: &str, _: &_| if talking.load(Ordering::SeqCst) { ok() } else { Reply::Silence };
    let shard = Shard::over(listener, Arc::new(rule));
    tokio::time::sleep(COOLDOWN).await;
    let probe = tokio::spawn({
        let router = router.clone();
        async move { router.call("g", "AddNode", &()).await }
    });
    while shard.count("Ping") == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(breaker(&endpoint).state(), BreakerState::HalfOpen);
    let refused = router.call("g", "AddNode", &()).await.unwrap_err();
    assert!(refused.to_string().contains("probe already in flight"), "{refused}");
    probe.abort();
    assert!(probe.await.unwrap_err().is_cancelled());
    talks.store(true, Ordering::SeqCst);
    // The abandoned Ping is in front of the next one on that connection, so this one gets no answer or its own.
    let healed = async {
        while router.call("g", "AddNode", &()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(10 * COOLDOWN, healed).await.expect("the next caller probes");
    assert_eq!(breaker(&endpoint).state(), BreakerState::Closed);
}

/// Connections from before an outage may be dead without a word: one Ping timeout each would delay the healing.
#[tokio::test]
async fn the_probe_makes_a_new_connection() {
    let talks = Arc::new(AtomicBool::new(true));
    let (talking, pinged) = (Arc::clone(&talks), Arc::new(AtomicU64::new(0)));
    let ping_id = Arc::clone(&pinged);
    let rule = move |method: &str, request: &Value| {
        if method == "Ping" {
            ping_id.store(request["id"].as_u64().unwrap(), Ordering::SeqCst);
        }
        if method != "Hold" && talking.load(Ordering::SeqCst) { ok() } else { Reply::Silence }
    };
    let shard = Shard::start(rule).await;
    let endpoints = EndpointList::new(vec![shard.endpoint()]).unwrap();
    let options = ConnectOptions { max_connections: 3, ..options(1) };
    let router = ShardRouter::new(endpoints, Secret::none(), options);
    let mut held = tokio::task::JoinSet::new();
    while shard.connections() < 3 {
        let router = router.clone();
        held.spawn(async move { router.call("g", "Hold", &()).await });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    talks.store(false, Ordering::SeqCst);
    router.with_deadline(COOLDOWN / 4).call("g", "AddNode", &()).await.unwrap_err();
    assert_eq!(breaker(&shard.endpoint()).state(), BreakerState::Open);
    talks.store(true, Ordering::SeqCst);
    tokio::time::sleep(COOLDOWN).await;
    router.call("g", "AddNode", &()).await.unwrap();
    assert_eq!(pinged.load(Ordering::SeqCst), 1, "the first request of its connection");
    assert_eq!(shard.count("AddNode"), 2);
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_opens_it() {
    let shard = Shard::start(|_, _| Reply::Silence).await;
    let router = router(shard.endpoint(), 3).with_deadline(Duration::from_millis(300));
    let first = router.call("g", "AddNode", &()).await.unwrap_err();
    assert_eq!(first.code(), ErrorCode::DeadlineExceeded);
    assert_eq!(shown(&router).await, "closed");
    let second = router.call("g", "AddNode", &()).await.unwrap_err();
    assert!(
        matches!(&second, RouterError::EngineUnreachable { cause: ConnectCause::NoPong { .. }, .. }),
        "{second:?}"
    );
    assert_eq!(shown(&router).await, "open");
    assert_eq!(shard.count("AddNode"), 1, "no write goes to a server that does not answer a Ping");
}

/// Callers in a greater hurry than the connect timeout learn of it too: with a connection that was good before, and with
/// none.
#[tokio::test]
async fn a_hung_server_opens_it_whatever_the_deadline() {
    for met_before in [true, false] {
        let talks = Arc::new(AtomicBool::new(met_before));
        let talking = Arc::clone(&talks);
        let rule =
            move |_: &str, _: &Value| if talking.load(Ordering::SeqCst) { ok() } else { Reply::Silence };
        let shard = Shard::start(rule).await;
        let options = ConnectOptions { breaker: options(3).breaker, ..ConnectOptions::default() };
        let endpoints = EndpointList::new(vec![shard.endpoint()]).unwrap();
        let router = ShardRouter::new(endpoints, Secret::none(), options);
        if met_before {
            router.call("g", "AddNode", &()).await.unwrap();
        }
        talks.store(false, Ordering::SeqCst);
        let hurried = router.with_deadline(Duration::from_millis(200));
        let mut calls = 0;
        while hurried.call("g", "AddNode", &()).await.unwrap_err().code() != ErrorCode::CircuitOpen {
            calls += 1;
            assert!(calls < 20, "still closed, met before: {met_before}");
        }
        assert_eq!(shard.count("AddNode"), if met_before { 2 } else { 0 }, "no write goes into silence");
    }
}

#[tokio::test]
async fn a_hundred_calls_on_one_broken_connection_are_one_failure() {
    let shard = Shard::start(|method, _| match method {
        "Hold" => Reply::Silence,
        "Break" => Reply::Hangup,
        _ => ok(),
    });
    let shard = shard.await;
    let options = ConnectOptions { max_connections: 1, ..options(2) };
    let endpoints = EndpointList::new(vec![shard.endpoint()]).unwrap();
    let router = ShardRouter::new(endpoints, Secret::none(), options);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let router = router.clone();
        calls.spawn(async move { router.call("g", "Hold", &()).await });
    }
    while shard.count("Hold") < 100 {
        tokio::task::yield_now().await;
    }
    router.call("g", "Break", &()).await.unwrap_err();
    assert!(calls.join_all().await.iter().all(Result::is_err));
    assert_eq!(shown(&router).await, "closed");
    router.call("g", "AddNode", &()).await.unwrap();
}

#[tokio::test]
async fn threshold_zero_tries_every_time() {
    let down = Down::new();
    let router = router(down.endpoint(), 0);
    for _ in 0..20 {
        assert_eq!(router.call("g", "AddNode", &()).await.unwrap_err().code(), ErrorCode::EngineUnreachable);
    }
    assert_eq!(shown(&router).await, "closed");
}

#[tokio::test]
async fn a_stampede_on_a_dead_shard_makes_few_attempts() {
    let down = Down::new();
    let router = router(down.endpoint(), 5);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let router = router.clone();
        calls.spawn(async move { router.call("g", "AddNode", &()).await.unwrap_err().code() });
    }
    let codes = calls.join_all().await;
    assert!(codes.iter().all(|code| [ErrorCode::EngineUnreachable, ErrorCode::CircuitOpen].contains(code)));
    assert!(router.client_for("g").await.is_err());
}
