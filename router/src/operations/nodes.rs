//! Nodes and their embeddings.

use rmpv::Value;

use super::{Done, operations};
use crate::client::Bin;
use crate::error::RouterError;
use crate::graph::GraphClient;

operations! {
    /// Adds a node, or replaces its properties (a MessagePack map).
    add_node = "AddNode"(node_id: &str, properties_msgpack: Bin<'_>) -> Done;
    /// Removes a node with its edges; a missing one is no error.
    remove_node = "RemoveNode"(node_id: &str) -> Done;
    /// Whether the node is there.
    has_node = "HasNode"(node_id: &str) -> bool;
    /// For each id whether it is there.
    has_nodes = "HasNodesBatch"(node_ids: &[&str]) -> Vec<bool>;
    /// All nodes with their properties, in no order.
    nodes = "GetNodes"() -> Vec<(String, Value)>;
    /// The nodes with a type or label; `limit` 0 is none.
    nodes_by_label = "GetNodesByLabel"(label: &str, limit: usize) -> Vec<(String, Value)>;
    /// The properties of a node, if it is there.
    node_properties = "GetNodeProperties"(node_id: &str) -> Option<Value>;
    /// For each id its properties as stored, or nil.
    node_properties_batch = "GetNodePropertiesBatch"(node_ids: &[&str]) -> Vec<(String, Value)>;
    /// Number of nodes.
    node_count = "NodeCount"() -> u64;
    /// The ids of all nodes, in no order.
    node_ids = "NodeIds"() -> Vec<String>;
    /// Edges that end at the node.
    in_degree = "InDegree"(node_id: &str) -> u64;
    /// Edges that begin at the node.
    out_degree = "OutDegree"(node_id: &str) -> u64;
    /// Where its incoming edges begin, one entry per edge, newest first.
    predecessors = "GetPredecessors"(node_id: &str) -> Vec<String>;
    /// Where its outgoing edges end, one entry per edge, newest first.
    successors = "GetSuccessors"(node_id: &str) -> Vec<String>;
    /// Its neighbours in both directions, each once.
    neighbors = "GetNeighbors"(node_id: &str) -> Vec<String>;
    /// Sets confidence 1 and the time of last access; returns how many were there.
    touch_nodes = "TouchNodes"(node_ids: &[&str]) -> u64;
    /// Stores the embedding of a node.
    add_embedding = "AddEmbedding"(node_id: &str, embedding: &[f32]) -> Done;
    /// The nodes whose embeddings are nearest by cosine, best first.
    semantic_search = "SemanticSearch"(query_embedding: &[f32], n_results: usize) -> Vec<(String, f32)>;
}
