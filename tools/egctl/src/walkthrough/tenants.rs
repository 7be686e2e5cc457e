//! The tenants of the example and what is in their graphs: the same as tests/python/walkthrough.py writes.

use anyhow::{Context, Result, ensure};
use epistemic_router::{Bin, DEFAULT_GRAPH, RouterError, ShardRouter, tenant_graph_name};
use serde::Serialize;
use serde_json::{Value, json};

/// The tenants; `None` is a caller without one, who uses the default graph.
pub(super) const TENANTS: [Option<&str>; 4] = [Some("acme"), Some("globex"), Some("initech"), None];

/// Nodes and edges of each graph.
pub(super) const NODES: u64 = 3;
pub(super) const EDGES: u64 = 3;

#[derive(Serialize)]
struct CreateGraph<'a> {
    graph_name: &'a str,
    graph_type: &'a str,
}

#[derive(Serialize)]
struct AddNode<'a> {
    node_id: &'a str,
    properties_msgpack: Bin<'a>,
}

#[derive(Serialize)]
struct AddEdge<'a> {
    source_id: &'a str,
    target_id: &'a str,
    properties_msgpack: Bin<'a>,
}

#[derive(Serialize)]
struct NodeId<'a> {
    node_id: &'a str,
}

/// The graph of one of [`TENANTS`].
pub(super) fn graph_of(tenant: Option<&str>) -> Result<String> {
    Ok(tenant_graph_name(tenant, DEFAULT_GRAPH)?)
}

/// Creates a graph.
pub(super) async fn create(router: &ShardRouter, graph: &str) -> Result<()> {
    let params = CreateGraph { graph_name: graph, graph_type: "Agent" };
    router.call(graph, "CreateGraph", &params).await?;
    Ok(())
}

/// Adds a node; durable on return.
pub(super) async fn add_node(
    router: &ShardRouter,
    graph: &str,
    node_id: &str,
    properties: &Value,
) -> Result<()> {
    let properties = rmp_serde::to_vec(properties)?;
    let params = AddNode { node_id, properties_msgpack: Bin(&properties) };
    router.call(graph, "AddNode", &params).await?;
    Ok(())
}

/// Creates a tenant's graph and fills it.
pub(super) async fn write(router: &ShardRouter, tenant: Option<&str>) -> Result<()> {
    let graph = graph_of(tenant)?;
    let name = tenant.unwrap_or("shared");
    let (ada, grace) = (format!("{name}:ada"), format!("{name}:grace"));
    create(router, &graph).await?;
    for (id, properties) in [
        (name, json!({"type": "Organisation", "name": name})),
        (&ada, json!({"type": "Person", "name": "Ada", "employer": name})),
        (&grace, json!({"type": "Person", "name": "Grace", "employer": name})),
    ] {
        add_node(router, &graph, id, &properties).await?;
    }
    for (source_id, target_id, properties) in [
        (ada.as_str(), name, json!({"type": "works_for", "since": 2024})),
        (&grace, name, json!({"type": "works_for", "since": 2025})),
        (&ada, &grace, json!({"type": "knows"})),
    ] {
        let properties = rmp_serde::to_vec(&properties)?;
        let params = AddEdge { source_id, target_id, properties_msgpack: Bin(&properties) };
        router.call(&graph, "AddEdge", &params).await?;
    }
    Ok(())
}

/// Node and edge count of a graph.
pub(super) async fn counts(router: &ShardRouter, graph: &str) -> Result<(u64, u64), RouterError> {
    let nodes = router.call(graph, "NodeCount", &()).await?;
    let edges = router.call(graph, "EdgeCount", &()).await?;
    Ok((nodes.as_u64().unwrap_or(0), edges.as_u64().unwrap_or(0)))
}

/// Reads a tenant's graph through the client and compares it with what [`write()`] wrote.
pub(super) async fn reads_back(router: &ShardRouter, tenant: Option<&str>) -> Result<bool> {
    let graph = graph_of(tenant)?;
    let name = tenant.unwrap_or("shared");
    let node_id = format!("{name}:ada");
    let client = router.client_for(&graph).await?;
    let params = NodeId { node_id: &node_id };
    let found = client.call(&graph, "GetNodeProperties", &params).await?;
    let bytes = found.as_slice().with_context(|| format!("node {node_id} of {graph} is missing"))?;
    let properties: Value = rmp_serde::from_slice(bytes)?;
    let successors = client.call(&graph, "GetSuccessors", &params).await?;
    ensure!(successors.is_array(), "GetSuccessors was answered with {successors}");
    Ok(counts(router, &graph).await? == (NODES, EDGES)
        && properties == json!({"type": "Person", "name": "Ada", "employer": name})
        && successors.as_array().is_some_and(|ids| ids.len() == 2))
}
