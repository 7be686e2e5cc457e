//! Typed operations, pools and unions against the servers of the reference wheels that `scripts/setup` installs, and
//! against `EG_SERVER`, if that is set.

#![expect(clippy::unwrap_used, reason = "a server that cannot run fails the test")]

#[path = "support/shards.rs"]
mod shards;

use std::path::{Path, PathBuf};

use epistemic_router::{Affinity, Bin, ConnectOptions, GraphClient, with_tenant};
use rmpv::Value;

use shards::shards;

fn programs() -> Vec<PathBuf> {
    let venvs = std::env::var_os("EG_VENVS").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/epistemic-graph/venvs"),
        PathBuf::from,
    );
    let references =
        ["0.31.0", "2.0.0"].map(|version| venvs.join(version).join("bin/epistemic-graph-server"));
    let all: Vec<_> =
        references.into_iter().chain(std::env::var_os("EG_SERVER").map(PathBuf::from)).collect();
    for program in &all {
        assert!(program.is_file(), "{} is missing: run scripts/setup", program.display());
    }
    all
}

fn options() -> ConnectOptions {
    ConnectOptions { max_connections: 4, ..ConnectOptions::default() }
}

/// `{"type": kind}` as MessagePack.
fn typed(kind: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &Value::Map(vec![("type".into(), kind.into())])).unwrap();
    bytes
}

async fn path_of_three(graph: &GraphClient) {
    graph.create_graph(graph.name(), "Global").await.unwrap();
    for id in ["a", "b", "c"] {
        graph.add_node(id, Bin(&typed("T"))).await.unwrap();
    }
    graph.add_edge("a", "b", Bin(&typed("next"))).await.unwrap();
    graph.add_edge("b", "c", Bin(&typed("next"))).await.unwrap();
}

async fn reads(graph: &GraphClient) {
    assert_eq!((graph.node_count().await.unwrap(), graph.edge_count().await.unwrap()), (3, 2));
    assert!(graph.has_node("a").await.unwrap() && !graph.has_node("z").await.unwrap());
    assert_eq!(graph.has_nodes(&["a", "z"]).await.unwrap(), [true, false]);
    assert_eq!(graph.node_properties("a").await.unwrap().unwrap()["type"], Value::from("T"));
    assert_eq!(graph.node_properties("z").await.unwrap(), None);
    assert_eq!(graph.node_properties_batch(&["a", "z"]).await.unwrap().len(), 2);
    assert_eq!(graph.nodes().await.unwrap().len(), 3);
    assert_eq!(graph.nodes_by_label("T", 2).await.unwrap().len(), 2);
    assert_eq!(graph.node_ids().await.unwrap().len(), 3);
    assert_eq!((graph.in_degree("b").await.unwrap(), graph.out_degree("b").await.unwrap()), (1, 1));
    assert_eq!(graph.predecessors("b").await.unwrap(), ["a"]);
    assert_eq!(graph.successors("b").await.unwrap(), ["c"]);
    assert_eq!(graph.neighbors("a").await.unwrap(), ["b"]);
    assert!(graph.has_edge("a", "b").await.unwrap());
    assert_eq!(graph.edges().await.unwrap()[0].2, typed("next"));
    assert_eq!(graph.edge_properties("a", "b").await.unwrap().len(), 1);
    assert_eq!(graph.edge_properties_batch(&[("a", "b"), ("a", "c")]).await.unwrap()[1], []);
    assert_eq!(graph.triples().await.unwrap().len(), 5);
    assert_eq!(graph.subgraph(&["a", "b"]).await.unwrap()["nodes"].as_array().unwrap().len(), 2);
    assert!(!graph.ledger().await.unwrap().is_empty());
    assert!(graph.metrics().await.unwrap().is_map());
    assert!(graph.context_view("planner", 100).await.unwrap().is_map());
}

async fn algorithms(graph: &GraphClient) {
    assert_eq!(graph.topological_sort().await.unwrap(), ["a", "b", "c"]);
    assert_eq!(graph.find_cycle().await.unwrap(), None);
    assert_eq!(graph.shortest_path("a", "c").await.unwrap().unwrap(), ["a", "b", "c"]);
    assert_eq!(graph.shortest_path("c", "a").await.unwrap(), None);
    assert_eq!(graph.blast_radius("a", 1).await.unwrap(), ["b"]);
    assert!(graph.degree_centrality("b").await.unwrap() > 0.0);
    assert_eq!(graph.degree_centralities().await.unwrap().len(), 3);
    assert_eq!(graph.betweenness_centrality().await.unwrap().len(), 3);
    assert_eq!(graph.page_rank(0.85, 10).await.unwrap().len(), 3);
    assert_eq!(graph.personalized_page_rank(&[("a", 1.0)], 0.85, 10).await.unwrap().len(), 3);
    assert_eq!(graph.connected_components().await.unwrap().len(), 1);
    assert_eq!(graph.strongly_connected_components().await.unwrap().len(), 3);
    assert_eq!(graph.minimum_spanning_tree().await.unwrap().len(), 2);
    assert!(!graph.communities(1.0).await.unwrap().is_empty());
    assert!(!graph.communities_of(&["x", "y"], &[("x", "y")], 1.0).await.unwrap().is_empty());
    assert_eq!(graph.coloring().await.unwrap().len(), 3);
    assert_eq!(graph.subgraph_matches(graph.name()).await.unwrap().len(), 1);
    assert!(graph.diff_against(graph.name()).await.unwrap().is_map());
    graph.similarity_edges(0.5).await.unwrap();
    graph.add_embedding("a", &[1.0, 0.0]).await.unwrap();
    assert_eq!(graph.semantic_search(&[1.0, 0.0], 1).await.unwrap()[0].0, "a");
}

async fn changes(graph: &GraphClient) {
    let document = graph.to_msgpack().await.unwrap();
    assert_eq!(graph.touch_nodes(&["a"]).await.unwrap(), 1);
    assert!(graph.decay_sweep(604_800.0, 0.0, false).await.unwrap().is_map());
    assert!(graph.prune_by_lifecycle(1 << 40, 0.0).await.unwrap().is_map());
    assert!(graph.compact_nodes_by_type("None", 10).await.unwrap().is_map());
    assert!(graph.batch_update(Bin(&[0x90])).await.unwrap().is_map());
    graph.remove_edge("a", "b").await.unwrap();
    graph.remove_node("c").await.unwrap();
    assert_eq!(graph.evict_lru(1).await.unwrap(), 1);
    graph.clear_ledger().await.unwrap();
    graph.clear_graph().await.unwrap();
    graph.from_msgpack(Bin(&document)).await.unwrap();
    assert_eq!(graph.node_count().await.unwrap(), 3);
}

async fn service(graph: &GraphClient) {
    assert_eq!(graph.ping().await.unwrap(), "pong");
    assert_eq!(graph.health().await.unwrap()["status"], Value::from("ok"));
    assert!(
        graph.list_graphs().await.unwrap().iter().any(|listed| listed["name"] == Value::from(graph.name()))
    );
    assert!(graph.checkpoint().await.unwrap().starts_with("checkpoint_complete"));
    graph.create_channel("ch", "Group", "p", &["q"]).await.unwrap();
    graph.join_channel("ch", "r").await.unwrap();
    graph.send_message("ch", "q", "hello").await.unwrap();
    assert_eq!(graph.channel_messages("ch", None).await.unwrap()[0]["payload"], Value::from("hello"));
    assert_eq!(graph.channel_messages("ch", Some(0)).await.unwrap(), []);
    assert_eq!(graph.channel_members("ch").await.unwrap().len(), 3);
    assert_eq!(graph.list_channels().await.unwrap().len(), 1);
    graph.leave_channel("ch", "r").await.unwrap();
    assert!(graph.close_channel("ch", None, None).await.unwrap().is_map());
    graph.register_identity("planner", "Agent", &["red"], "", &[]).await.unwrap();
}

#[tokio::test]
async fn every_operation_decodes_what_servers_answer() {
    for program in programs() {
        println!("{}", program.display());
        let dir = tempfile::tempdir().unwrap();
        let (_servers, router) = shards(&program, dir.path(), 3, options()).await;
        let graph = with_tenant(Some("acme".to_owned()), async { router.resolve(None) }).await.unwrap();
        assert_eq!(graph.name(), "tenant__acme____bus__");
        path_of_three(&graph).await;
        reads(&graph).await;
        algorithms(&graph).await;
        changes(&graph).await;
        service(&graph).await;
    }
}

#[tokio::test]
async fn unions_over_the_shards_of_2_0_0() {
    let serves_unions = |program: &PathBuf| !program.to_string_lossy().contains("0.31.0");
    for program in programs().into_iter().filter(serves_unions) {
        println!("{}", program.display());
        let dir = tempfile::tempdir().unwrap();
        let (_servers, router) = shards(&program, dir.path(), 3, options()).await;
        // Without groups the lanes are all over the shards.
        for (router, lanes) in
            [(router.clone().with_affinity(Affinity::none()), "lane"), (router, "__ingest")]
        {
            let graphs: Vec<_> = (0..9).map(|n| format!("{lanes}_{n}")).collect();
            let graphs: Vec<_> = graphs.iter().map(String::as_str).collect();
            assert_eq!(router.co_resident(&graphs), lanes == "__ingest");
            let fill = router.map_concurrent(graphs.iter().copied(), 4, async |graph| {
                let own = graph.name().to_owned();
                graph.create_graph(&own, "Global").await?;
                graph.add_node("hub", Bin(&typed(&own))).await?;
                graph.add_node(&own, Bin(&typed("T"))).await?;
                graph.add_edge("hub", &own, Bin(&[0x80])).await?;
                graph.node_count().await
            });
            assert_eq!(fill.await.unwrap(), [2; 9]);
            for first in 0..graphs.len() {
                let hub = router.union_node_properties("hub", &graphs[first..]).await.unwrap().unwrap();
                assert_eq!(hub["type"], Value::from(graphs[first]));
            }
            assert_eq!(router.union_neighbors("hub", &graphs).await.unwrap().len(), 9);
            let labelled = router.union_nodes_by_label("T", &graphs, 0).await.unwrap();
            assert!(labelled.iter().map(|(id, _)| id.as_str()).eq(graphs.iter().copied()), "{labelled:?}");
            assert_eq!(router.union_nodes_by_label("T", &graphs, 4).await.unwrap(), labelled[..4]);
        }
    }
}
