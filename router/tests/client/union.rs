//! Reads over graphs on several shards.

use epistemic_router::{Affinity, ConnectOptions, EndpointList, ErrorCode, RouterError, Secret, ShardRouter};
use rmpv::Value;

use crate::support::{Down, Reply, Shard, ok};

/// What a graph holds follows from its name: `g-1-4` has the nodes 1 and 4 with themselves as neighbours.
fn nodes_of(graph: &str) -> impl Iterator<Item = &str> {
    graph.split('-').skip(1)
}

fn pack(value: &Value) -> Value {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).unwrap();
    Value::Binary(bytes)
}

/// A shard as of 2.0.0: a union over the graphs of the request, in their order.
async fn shard() -> Shard {
    Shard::start(|method, request| {
        if method == "Health" {
            return ok();
        }
        let params = &request["params"];
        let graphs: Vec<_> =
            params["graphs"].as_array().unwrap().iter().map(|graph| graph.as_str().unwrap()).collect();
        assert_eq!(request["graph"].as_str(), Some(graphs[0]), "routed by the first of its graphs");
        let holders = |node: &str| -> Vec<Value> {
            let holds = |graph: &&&str| nodes_of(graph).any(|held| held == node);
            graphs.iter().filter(holds).map(|graph| (*graph).into()).collect()
        };
        let text = |name: &str| params[name].as_str().unwrap().to_owned();
        match method {
            "UnionGetNodeProperties" => {
                Reply::Result(holders(&text("node_id")).first().map_or(Value::Nil, pack))
            }
            "UnionGetNeighbors" => Reply::Result(Value::Array(holders(&text("node_id")))),
            "UnionGetNodesByLabel" => {
                let mut rows: Vec<(&str, &str)> = Vec::new();
                for (node, graph) in
                    graphs.iter().flat_map(|graph| nodes_of(graph).map(move |node| (node, *graph)))
                {
                    if !rows.iter().any(|(seen, _)| *seen == node) {
                        rows.push((node, graph));
                    }
                }
                let limit = params["limit"].as_u64().unwrap() as usize;
                rows.truncate(if limit == 0 { usize::MAX } else { limit });
                let rows =
                    rows.into_iter().map(|(node, graph)| Value::Array(vec![node.into(), graph.into()]));
                Reply::Result(pack(&Value::Array(rows.collect())))
            }
            _ => Reply::Error("unknown".to_owned()),
        }
    })
    .await
}

/// Graphs that alternate between the shards; some nodes are in several.
fn graphs(router: &ShardRouter) -> Vec<String> {
    let owners: Vec<_> = router.endpoints().as_slice().to_vec();
    (0..12)
        .map(|n| {
            (0..)
                .map(|salt| format!("s{salt}-{}-{}", n % 5, n))
                .find(|graph| router.owner(graph) == &owners[n % owners.len()])
                .unwrap()
        })
        .collect()
}

#[tokio::test]
async fn the_graph_named_first_wins_on_whichever_shard_it_is() {
    let shards = [shard().await, shard().await, shard().await];
    let endpoints: Vec<_> = shards.iter().map(Shard::endpoint).collect();
    for count in [1, 2, 3] {
        let list = EndpointList::new(endpoints[..count].to_vec()).unwrap();
        let router = ShardRouter::new(list, Secret::none(), ConnectOptions::default());
        let graphs = graphs(&router);
        let graphs: Vec<_> = graphs.iter().map(String::as_str).collect();
        assert_eq!(router.co_resident(&graphs), count == 1);
        let mut expected: Vec<(String, Value)> = Vec::new();
        for (node, graph) in graphs.iter().flat_map(|graph| nodes_of(graph).map(move |node| (node, *graph))) {
            if !expected.iter().any(|(seen, _)| seen == node) {
                expected.push((node.to_owned(), graph.into()));
            }
        }
        for (node, graph) in &expected {
            assert_eq!(router.union_node_properties(node, &graphs).await.unwrap().as_ref(), Some(graph));
            let mut neighbors = router.union_neighbors(node, &graphs).await.unwrap();
            neighbors.sort_unstable();
            let mut holders: Vec<_> =
                graphs.iter().filter(|graph| nodes_of(graph).any(|held| held == node)).copied().collect();
            holders.sort_unstable();
            assert_eq!(neighbors, holders);
        }
        assert_eq!(router.union_node_properties("none", &graphs).await.unwrap(), None);
        for limit in 0..expected.len() + 2 {
            let rows = router.union_nodes_by_label("L", &graphs, limit).await.unwrap();
            let cut = if limit == 0 { expected.len() } else { limit.min(expected.len()) };
            assert_eq!(rows, expected[..cut], "limit {limit}");
        }
        assert_eq!(router.union_node_properties("1", &[]).await.unwrap(), None);
        assert!(router.union_nodes_by_label("L", &[], 0).await.unwrap().is_empty());
        assert!(router.union_neighbors("1", &[]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_group_that_lives_together_is_one_request() {
    let shards = [shard().await, shard().await];
    let list = EndpointList::new(shards.iter().map(Shard::endpoint).collect()).unwrap();
    let router = ShardRouter::new(list, Secret::none(), ConnectOptions::default());
    let lanes: Vec<_> = (0..20).map(|n| format!("__ingest_{n}")).collect();
    let lanes: Vec<_> = lanes.iter().map(String::as_str).collect();
    let asked = || shards.iter().map(|shard| shard.count("UnionGetNeighbors")).sum::<usize>();
    router.union_neighbors("1", &lanes).await.unwrap();
    assert_eq!(asked(), 1);
    router.with_affinity(Affinity::none()).union_neighbors("1", &lanes).await.unwrap();
    assert_eq!(asked(), 3, "one per shard");
}

#[tokio::test]
async fn a_missing_shard_fails_the_union_with_its_name() {
    let (alive, down) = (shard().await, Down::new());
    let list = EndpointList::new(vec![alive.endpoint(), down.endpoint()]).unwrap();
    let router = ShardRouter::new(list, Secret::none(), ConnectOptions::default());
    let graphs = graphs(&router);
    let graphs: Vec<_> = graphs.iter().map(String::as_str).collect();
    let errors = [
        router.union_node_properties("0", &graphs).await.unwrap_err(),
        router.union_nodes_by_label("L", &graphs, 1).await.unwrap_err(),
        router.union_neighbors("0", &graphs).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, RouterError::ShardUnreachable { .. }), "{error:?}");
        assert!(error.to_string().contains(down.endpoint().as_str()), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_refused() {
    let shard = Shard::start(|_, _| Reply::Result("what".into())).await;
    let list = EndpointList::new(vec![shard.endpoint()]).unwrap();
    let router = ShardRouter::new(list, Secret::none(), ConnectOptions::default());
    let error = router.union_neighbors("1", &["g"]).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ResponseMalformed);
}
