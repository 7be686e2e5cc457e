//! Connections that routed calls share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use epistemic_router::{Bin, CallError, ConnectOptions, EndpointList, RouterError, Secret, ShardRouter};
use tokio::task::JoinSet;

use crate::support::{Reply, Shard, ok};

const MOMENT: Duration = Duration::from_millis(50);

fn router(shard: &Shard, options: ConnectOptions) -> ShardRouter {
    ShardRouter::new(EndpointList::new(vec![shard.endpoint()]).unwrap(), Secret::none(), options)
}

fn call_error(result: Result<rmpv::Value, RouterError>) -> CallError {
    match result {
        Err(RouterError::Call(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn calls_one_after_the_other_use_one_connection_and_no_ping() {
    let shard = Shard::start(|_, _| ok()).await;
    let router = router(&shard, ConnectOptions::default());
    for _ in 0..100 {
        router.call("g", "HasNode", &()).await.unwrap();
    }
    assert_eq!((shard.connections(), shard.count("Ping")), (1, 0));
}

#[tokio::test]
async fn busy_connections_are_joined_by_more_up_to_the_bound() {
    let shard = Shard::start(|method, _| if method == "Slow" { Reply::Silence } else { ok() }).await;
    let options = ConnectOptions { max_connections: 3, max_in_flight: 20, ..ConnectOptions::default() };
    let router = router(&shard, options).with_deadline(Duration::from_millis(400));
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let router = router.clone();
        calls.spawn(async move { call_error(router.call("g", "Slow", &()).await) });
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let errors = calls.join_all().await;
    let waited = errors.iter().filter(|error| matches!(error, CallError::NotSent { .. })).count();
    assert_eq!(shard.count("Slow") + waited, 200, "what had no place was not sent");
    assert_eq!(shard.count("Slow"), 3 * 20, "connections times places");
    assert_eq!(shard.connections(), 3);
}

#[tokio::test]
async fn a_heavy_call_gets_company_on_no_connection() {
    let shard = Shard::start(|method, _| if method == "ToMsgpack" { Reply::Silence } else { ok() }).await;
    let router = router(&shard, ConnectOptions { max_connections: 2, ..ConnectOptions::default() });
    let heavy = tokio::spawn({
        let router = router.clone();
        async move { router.call("g", "ToMsgpack", &()).await }
    });
    while shard.count("ToMsgpack") == 0 {
        tokio::task::yield_now().await;
    }
    while shard.connections() < 2 {
        router.call("g", "HasNode", &()).await.unwrap();
    }
    heavy.abort();
}

#[tokio::test]
async fn a_timed_out_connection_is_thrown_away() {
    let shard = Shard::start(|method, _| if method == "Slow" { Reply::Silence } else { ok() }).await;
    let router = router(&shard, ConnectOptions::default());
    let error = call_error(router.with_deadline(MOMENT).call("g", "Slow", &()).await);
    assert!(matches!(&error, CallError::Deadline { .. }) && error.may_have_run(), "{error:?}");
    router.call("g", "AddNode", &()).await.unwrap();
    assert_eq!(shard.connections(), 2);
    assert_eq!(shard.count("Slow"), 1, "never again by itself");
}

#[tokio::test]
async fn a_lost_read_is_asked_again_and_a_lost_write_is_not() {
    let lost = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lost);
    let shard = Shard::start(move |method, _| match method {
        "HasNode" if counted.fetch_add(1, Ordering::SeqCst) > 0 => ok(),
        "HasNode" | "AddNode" => Reply::Hangup,
        _ => ok(),
    });
    let shard = shard.await;
    let router = router(&shard, ConnectOptions::default());
    assert_eq!(router.call("g", "HasNode", &()).await.unwrap().as_str(), Some("ok"));
    assert_eq!(shard.count("HasNode"), 2);
    let error = call_error(router.call("g", "AddNode", &()).await);
    assert!(matches!(&error, CallError::ConnectionLost { .. }) && error.may_have_run(), "{error:?}");
    assert!(error.to_string().ends_with("may have been carried out"), "{error}");
    assert_eq!(shard.count("AddNode"), 1);
}

#[tokio::test]
async fn a_read_is_asked_twice_at_most() {
    let shard = Shard::start(|method, _| if method == "HasNode" { Reply::Hangup } else { ok() }).await;
    let router = router(&shard, ConnectOptions::default());
    assert!(matches!(call_error(router.call("g", "HasNode", &()).await), CallError::ConnectionLost { .. }));
    assert_eq!(shard.count("HasNode"), 2);
}

#[tokio::test]
async fn a_write_after_a_restart_is_sent_once_over_a_new_connection() {
    let shard = Shard::start(|_, _| ok()).await;
    let router = router(&shard, ConnectOptions::default());
    for round in 1..=20 {
        router.call("g", "AddNode", &()).await.unwrap();
        shard.stop().await;
        shard.restart().await;
        // The old connection has ended, seen or unseen by the client: what is written to it now may be lost, so wait.
        let old = router.client_for("g").await.unwrap();
        if shard.connections() == round {
            while !old.is_closed() {
                tokio::task::yield_now().await;
            }
        }
    }
    assert_eq!(shard.count("AddNode"), 20);
}

#[tokio::test]
async fn a_connection_that_was_idle_answers_a_ping_first() {
    let talks = Arc::new(AtomicBool::new(true));
    let talking = Arc::clone(&talks);
    let shard =
        Shard::start(move |_, _| if talking.swap(true, Ordering::SeqCst) { ok() } else { Reply::Silence });
    let shard = shard.await;
    let options = ConnectOptions { idle_before_ping: MOMENT, connect_timeout: MOMENT, ..Default::default() };
    let router = router(&shard, options);
    router.call("g", "AddNode", &()).await.unwrap();
    assert_eq!(shard.count("Ping"), 0);
    tokio::time::sleep(MOMENT).await;
    router.call("g", "AddNode", &()).await.unwrap();
    assert_eq!((shard.count("Ping"), shard.connections()), (1, 1));
    // Now it dies without a word: the Ping gets no answer, and the call goes over a new connection.
    tokio::time::sleep(MOMENT).await;
    talks.store(false, Ordering::SeqCst);
    router.call("g", "AddNode", &()).await.unwrap();
    assert_eq!((shard.count("AddNode"), shard.connections()), (3, 2));
}

#[tokio::test]
async fn what_cannot_be_sent_is_no_fault_of_the_connection() {
    struct Broken;
    impl serde::Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let shard = Shard::start(|_, _| ok()).await;
    let router = router(&shard, ConnectOptions::default());
    assert!(matches!(call_error(router.call("g", "AddNode", &Broken).await), CallError::Params { .. }));
    let params = std::collections::BTreeMap::from([("msgpack", Bin(&[1]))]);
    router.call("g", "AddNode", &params).await.unwrap();
    assert_eq!(shard.connections(), 1);
}

#[tokio::test]
async fn a_cancelled_call_leaves_its_connection_in_use() {
    let shard = Shard::start(|method, _| if method == "Slow" { Reply::Silence } else { ok() }).await;
    let router = router(&shard, ConnectOptions::default());
    let slow = router.call("g", "Slow", &());
    assert!(tokio::time::timeout(MOMENT, slow).await.is_err());
    router.call("g", "AddNode", &()).await.unwrap();
    assert_eq!(shard.connections(), 1);
}
