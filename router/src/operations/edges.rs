//! Edges, batches, the ledger and whole documents.

use rmpv::Value;

use super::{Done, Edge, operations};
use crate::client::Bin;
use crate::error::RouterError;
use crate::graph::GraphClient;

operations! {
    /// Adds an edge beside those that are there. Its properties are a MessagePack map.
    add_edge = "AddEdge"(source_id: &str, target_id: &str, properties_msgpack: Bin<'_>) -> Done;
    /// Removes all edges from one node to another; none is no error.
    remove_edge = "RemoveEdge"(source_id: &str, target_id: &str) -> Done;
    /// Whether an edge leads from one node to the other.
    has_edge = "HasEdge"(source_id: &str, target_id: &str) -> bool;
    /// All edges with their properties as stored.
    edges = "GetEdges"() -> Vec<Edge>;
    /// The properties of each edge from one node to another, oldest first.
    edge_properties = "GetEdgeProperties"(source_id: &str, target_id: &str) -> Vec<Value>;
    /// For each pair the properties of its edges as stored.
    edge_properties_batch = "GetEdgePropertiesBatch"(edges: &[(&str, &str)]) -> Vec<Vec<Value>>;
    /// Number of edges.
    edge_count = "EdgeCount"() -> u64;
    /// Edges and properties as triples of subject, predicate and object.
    triples = "GetTriples"() -> Vec<(String, String, String)>;
    /// The nodes that are there and the edges among them.
    subgraph = "GetSubgraph"(node_ids: &[&str]) -> Value;
    /// Many changes in one commit (a MessagePack array of operations).
    batch_update = "BatchUpdate"(operations_msgpack: Bin<'_>) -> Value;
    /// The changes of the graph, oldest first.
    ledger = "GetLedger"() -> Vec<String>;
    /// Forgets the changes, not what they did.
    clear_ledger = "ClearLedger"() -> Done;
    /// Carries out the lines of a ledger.
    apply_ledger = "ApplyLedger"(transactions: &[&str]) -> Done;
    /// The whole graph as a document.
    to_msgpack = "ToMsgpack"() -> Vec<u8>;
    /// Replaces the whole graph by a document.
    from_msgpack = "FromMsgpack"(msgpack: Bin<'_>) -> Done;
    /// As `from_msgpack`, with the graph named once more.
    reconcile = "Reconcile"(graph_name: &str, msgpack: Bin<'_>) -> Done;
    /// Removes everything in the graph.
    clear_graph = "ClearGraph"() -> Done;
}
