//! From a graph to its shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use epistemic_router::{
    Affinity, ConnectOptions, Endpoint, EndpointList, ErrorCode, RouterError, Secret, ShardRouter,
    with_tenant,
};
use parking_lot::Mutex;
use rmpv::Value;

use crate::support::{Down, Reply, SECRET, Server, Shard, ok};

/// Without the question for the endpoint list: servers do what a test tells them, from the first request on.
fn options() -> ConnectOptions {
    ConnectOptions { compare_lists: false, ..ConnectOptions::default() }
}

/// The graph of a request, as the only answer.
async fn echo() -> Shard {
    Shard::start(|_, request| Reply::Result(request["graph"].clone())).await
}

fn router(shards: &[&Shard]) -> ShardRouter {
    let endpoints = shards.iter().map(|shard| shard.endpoint()).collect();
    ShardRouter::new(EndpointList::new(endpoints).unwrap(), Secret::none(), options())
}

#[tokio::test]
async fn the_router_names_a_dead_shard_and_finds_it_again() {
    let (alive, dead) = (Server::start().await, Down::new());
    let endpoints = EndpointList::new(vec![alive.endpoint(), dead.endpoint()]).unwrap();
    let router = ShardRouter::new(endpoints, Secret::new(SECRET), options());
    let graph_of = |owner: &Endpoint| {
        (0..).map(|n| format!("graph-{n}")).find(|graph| router.owner(graph) == owner).unwrap()
    };
    let (near, far) = (graph_of(&alive.endpoint()), graph_of(&dead.endpoint()));
    let dead_endpoint = dead.endpoint();

    let (pong, _peer) = tokio::join!(router.call(&near, "Ping", &()), alive.accept_and_pong());
    assert_eq!(pong.unwrap().as_str(), Some("pong"));

    let error = router.call(&far, "Ping", &()).await.unwrap_err();
    assert!(matches!(&error, RouterError::ShardUnreachable { .. }), "{error:?}");
    let start = format!(
        "Configured engine shard '{dead_endpoint}' (owner of graph '{far}' by HRW over GRAPH_SERVICE_ENDPOINTS) is \
         unreachable: [Errno 111] Connection refused. Start"
    );
    assert!(error.to_string().starts_with(&start), "{error}");

    let topology = serde_json::to_value(router.topology("__bus__").await).unwrap();
    let expected = serde_json::json!({
        "mode": "sharded",
        "default_graph": "__bus__",
        "endpoints": [
            {"endpoint": alive.endpoint().as_str(), "local": false, "reachable": true, "breaker": "closed"},
            {"endpoint": dead_endpoint.as_str(), "local": false, "reachable": false, "breaker": "closed"},
        ]
    });
    assert_eq!(topology, expected);

    let back = dead.start();
    for _ in 0..2 {
        let call = router.call(&far, "Count", &());
        // The shard failed last, so the new connection must answer a Ping first; the second is above suspicion.
        let serve = async {
            let mut peer = back.accept().await;
            loop {
                let request = peer.request().await;
                peer.answer(request["id"].as_u64().unwrap(), "result", request["method"].clone()).await;
                if request["method"].as_str() == Some("Count") {
                    return peer;
                }
            }
        };
        let (count, peer) = tokio::join!(call, serve);
        assert_eq!(count.unwrap().as_str(), Some("Count"));
        let old = router.client_for(&far).await.unwrap();
        drop(peer);
        while !old.is_closed() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn callers_of_one_shard_share_its_connection() {
    let server = Server::start().await;
    let endpoints = EndpointList::new(vec![server.endpoint()]).unwrap();
    let router = ShardRouter::new(endpoints, Secret::none(), options());
    let (a, b) = tokio::join!(router.client_for("a"), router.client_for("b"));
    let _peer = server.accept().await;
    drop((a.unwrap(), b.unwrap()));
    assert!(
        tokio::time::timeout(Duration::from_millis(20), server.accept()).await.is_err(),
        "one connection"
    );
}

#[tokio::test]
async fn a_single_engine_that_is_down_has_the_single_engine_text() {
    let down = Down::new();
    let endpoints = EndpointList::new(vec![down.endpoint()]).unwrap();
    let router = ShardRouter::new(endpoints, Secret::none(), options());
    let error = router.client_for("g").await.unwrap_err().to_string();
    let name = down.endpoint();
    let start =
        format!("Cannot connect to the epistemic-graph-server at '{name}': [Errno 111] Connection refused. ");
    assert!(error.starts_with(&start), "{error}");
}

#[tokio::test]
async fn one_endpoint_is_a_single_engine() {
    let shard = echo().await;
    let router = router(&[&shard]);
    for graph in ["", "__bus__", "__ingest_news__", "tenant__acme____bus__", "株式会社", "a\u{0}b"] {
        assert_eq!(router.owner(graph), &shard.endpoint());
        assert_eq!(router.call(graph, "Echo", &()).await.unwrap().as_str(), Some(graph), "verbatim");
    }
    assert_eq!(serde_json::to_value(router.topology("g").await).unwrap()["mode"], "single");
}

#[tokio::test]
async fn explicit_graph_then_ambient_tenant_then_default() {
    let (a, b) = (echo().await, echo().await);
    for router in [router(&[&a]), router(&[&a, &b])] {
        let asked = async |explicit: Option<&str>| {
            let graph = router.resolve(explicit).unwrap();
            let echoed = graph.call("Echo", &()).await.unwrap();
            assert_eq!(echoed.as_str(), Some(graph.name()));
            graph.name().to_owned()
        };
        assert_eq!(asked(None).await, "__bus__");
        let ambient = with_tenant(Some("Acme Corp".to_owned()), async {
            [asked(None).await, asked(Some("__bus__")).await, asked(Some("Named")).await]
        });
        assert_eq!(ambient.await, ["tenant__acme_corp____bus__", "tenant__acme_corp____bus__", "Named"]);
        let nameless = with_tenant(Some("株式会社".to_owned()), async { router.resolve(None).map(drop) });
        assert_eq!(nameless.await.unwrap_err().code(), ErrorCode::TenantSlugEmpty);
        assert_eq!(router.clone().with_default_graph("main").resolve(None).unwrap().name(), "main");
    }
}

/// Fault 3: the server is told for whom a graph is created, and can tell two tenants with one slug apart.
#[tokio::test]
async fn a_tenant_claims_the_graph_that_is_created_for_it() {
    let got = Arc::new(Mutex::new(Value::Nil));
    let seen = Arc::clone(&got);
    let shard = Shard::start(move |_, request| {
        *seen.lock() = request["params"].clone();
        ok()
    });
    let shard = shard.await;
    let router = router(&[&shard]);
    let claimed = async |tenant: Option<&str>, explicit: Option<&str>| {
        let tenant = tenant.map(str::to_owned);
        let graph = with_tenant(tenant, async { router.resolve(explicit).unwrap() }).await;
        graph.create("Agent").await.unwrap();
        let got = got.lock();
        assert_eq!(got["graph_name"].as_str(), Some(graph.name()));
        got["tenant"].as_str().map(str::to_owned)
    };
    assert_eq!(claimed(Some("Acme Corp"), None).await.as_deref(), Some("Acme Corp"));
    assert_eq!(claimed(Some("Acme Corp"), Some("__bus__")).await.as_deref(), Some("Acme Corp"));
    for (tenant, explicit) in [(Some("Acme Corp"), Some("Named")), (Some(""), None), (None, None)] {
        assert_eq!(claimed(tenant, explicit).await, None, "{tenant:?} {explicit:?}");
    }
}

#[tokio::test]
async fn a_graph_that_is_there_is_no_error_to_who_makes_sure_of_it() {
    let answers = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&answers);
    let shard = Shard::start(move |_, _| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => ok(),
        1 => Reply::Error("Graph 'notes' already exists".into()),
        _ => Reply::Error("ACCESS_DENIED: no".into()),
    })
    .await;
    let notes = router(&[&shard]).graph("notes");
    assert!(notes.ensure("Agent").await.unwrap());
    assert!(!notes.ensure("Agent").await.unwrap());
    assert_eq!(notes.ensure("Agent").await.unwrap_err().code(), ErrorCode::AccessDenied);
}

#[tokio::test]
async fn groups_are_placed_by_their_anchor() {
    let shards = [echo().await, echo().await, echo().await];
    let router = router(&[&shards[0], &shards[1], &shards[2]]);
    let lanes: Vec<_> = (0..50).map(|n| format!("__ingest_{n}")).collect();
    let lanes: Vec<_> = lanes.iter().map(String::as_str).collect();
    assert!(
        router.co_resident(&lanes)
            && router.co_resident(&[])
            && router.co_resident(&["__commons__", lanes[0]])
    );
    let plain = router.with_affinity(Affinity::none());
    assert!(!plain.co_resident(&lanes));
}

#[tokio::test]
async fn many_graphs_at_once_answer_in_order_within_the_width() {
    const WIDTH: usize = 7;
    let shards = [echo().await, echo().await, echo().await];
    let router = router(&[&shards[0], &shards[1], &shards[2]]);
    let graphs: Vec<_> = (0..100).map(|n| format!("graph-{n}")).collect();
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results = router.map_concurrent(&graphs, WIDTH, async |graph| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let echoed = graph.call("Echo", &()).await?;
        now.fetch_sub(1, Ordering::SeqCst);
        Ok(echoed.as_str().unwrap().to_owned())
    });
    assert_eq!(results.await.unwrap(), graphs);
    assert!((2..=WIDTH).contains(&most.into_inner()));
    let none = router.map_concurrent(Vec::<String>::new(), 0, async |_| Ok(())).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn many_graphs_at_once_fail_with_the_name_of_the_missing_shard() {
    let (a, b, down) = (echo().await, echo().await, Down::new());
    let endpoints = EndpointList::new(vec![a.endpoint(), b.endpoint(), down.endpoint()]).unwrap();
    let router = ShardRouter::new(endpoints, Secret::none(), options());
    let graphs = (0..100).map(|n| format!("graph-{n}"));
    let result = router.map_concurrent(graphs, 8, async |graph| graph.call("Echo", &()).await).await;
    let error = result.unwrap_err();
    let RouterError::ShardUnreachable { endpoint, graph, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*endpoint, down.endpoint());
    assert_eq!(router.owner(graph), endpoint);
}

/// Routed calls can be spawned: their futures are Send.
#[tokio::test]
async fn routed_calls_can_be_spawned() {
    let shard = Shard::start(|_, _| ok()).await;
    let router = Arc::new(router(&[&shard]));
    let spawned = tokio::spawn(async move {
        let hurried = router.with_deadline(Duration::from_secs(5));
        hurried.map_concurrent(["a", "b"], 2, async |graph| graph.call("Echo", &()).await).await
    });
    assert_eq!(spawned.await.unwrap().unwrap().len(), 2);
}
