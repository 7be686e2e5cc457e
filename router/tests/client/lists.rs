//! Servers with an endpoint list of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use epistemic_router::{
    Breaker, BreakerOptions, BreakerState, ConnectOptions, Endpoint, EndpointList, ErrorCode, ErrorKind,
    RouterError, Secret, ShardRouter,
};
use parking_lot::Mutex;
use rmpv::Value;

use crate::support::{Reply, Shard, ok};

fn told(list: &EndpointList) -> Reply {
    let texts = list.as_slice().iter().map(|endpoint| Value::from(endpoint.as_str())).collect();
    Reply::Result(Value::Map(vec![
        ("status".into(), "ok".into()),
        ("endpoints".into(), Value::Array(texts)),
        ("endpoints_fingerprint".into(), list.fingerprint().into()),
    ]))
}

fn with_another(endpoint: Endpoint) -> EndpointList {
    EndpointList::new(vec![endpoint, Endpoint::parse("unix:///gone").unwrap()]).unwrap()
}

#[tokio::test]
async fn another_list_is_refused_with_both_and_nothing_is_sent() {
    let list = Arc::new(Mutex::new(None::<EndpointList>));
    let tells = Arc::clone(&list);
    let rule = move |method: &str, _: &Value| match (method, &*tells.lock()) {
        ("Health", Some(list)) => told(list),
        _ => ok(),
    };
    let shard = Shard::start(rule).await;
    let theirs = with_another(shard.endpoint());
    *list.lock() = Some(theirs.clone());
    let ours = EndpointList::new(vec![shard.endpoint()]).unwrap();
    let router = ShardRouter::new(ours.clone(), Secret::none(), ConnectOptions::default());
    // More often than what opens a breaker: the server answers.
    for _ in 0..10 {
        let error = router.call("g", "AddNode", &()).await.unwrap_err();
        assert_eq!((error.code(), error.kind()), (ErrorCode::EndpointListMismatch, ErrorKind::Repair));
        let text = error.to_string();
        for word in [format!("[{ours}]"), format!("[{theirs}]"), ours.fingerprint(), theirs.fingerprint()] {
            assert!(text.contains(&word), "no {word} in {text}");
        }
        assert!(matches!(error, RouterError::EndpointListMismatch { graph, .. } if graph == "g"));
    }
    assert_eq!(shard.count("AddNode"), 0);
    let breaker = Breaker::shared(&shard.endpoint(), BreakerOptions::default());
    assert_eq!((breaker.state(), breaker.outcomes().error), (BreakerState::Closed, 10));
    assert!(router.client_for("g").await.is_err());

    // The server was started anew with the list of the client.
    *list.lock() = Some(ours);
    router.call("g", "AddNode", &()).await.unwrap();
    // And now with another again: that is seen on the next connection.
    shard.stop().await;
    *list.lock() = Some(theirs);
    shard.restart().await;
    // The end of the old connection may come first.
    while router
        .call("g", "AddNode", &())
        .await
        .err()
        .is_none_or(|error| error.code() == ErrorCode::ConnectionLost)
    {}
    assert_eq!(router.call("g", "AddNode", &()).await.unwrap_err().code(), ErrorCode::EndpointListMismatch);
}

#[tokio::test]
async fn servers_that_tell_no_list_are_taken_as_they_are() {
    let refuses = Arc::new(AtomicBool::new(false));
    let refusing = Arc::clone(&refuses);
    let shard = Shard::start(move |method, _| match method {
        "Health" if refusing.load(Ordering::SeqCst) => Reply::Error("no such method".to_owned()),
        "Health" => Reply::Result(Value::Map(vec![("status".into(), "ok".into())])),
        _ => ok(),
    });
    let shard = shard.await;
    for refuse in [false, true] {
        refuses.store(refuse, Ordering::SeqCst);
        let list = with_another(shard.endpoint());
        let router = ShardRouter::new(list, Secret::none(), ConnectOptions::default());
        let graph = (0..).map(|n| format!("g{n}")).find(|graph| *router.owner(graph) == shard.endpoint());
        router.call(&graph.unwrap(), "AddNode", &()).await.unwrap();
    }
}
