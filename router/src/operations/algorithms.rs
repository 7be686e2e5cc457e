//! Traversal and algorithms.

use rmpv::Value;

use super::{Scored, operations};
use crate::error::RouterError;
use crate::graph::GraphClient;

operations! {
    /// The nodes so that every edge leads forward; an error if there are cycles.
    topological_sort = "TopologicalSort"() -> Vec<String>;
    /// A cycle that ends with its first node, if there is one.
    find_cycle = "FindCycle"() -> Option<Vec<String>>;
    /// A path of fewest edges, if there is one.
    shortest_path = "GetShortestPath"(source_id: &str, target_id: &str) -> Option<Vec<String>>;
    /// The nodes within so many steps along the edges, without the start.
    blast_radius = "GetBlastRadius"(node_id: &str, max_depth: u64) -> Vec<String>;
    /// Degree centrality of a node.
    degree_centrality = "DegreeCentrality"(node_id: &str) -> f64;
    /// Degree centrality of all nodes.
    degree_centralities = "DegreeCentralityAll"() -> Vec<Scored>;
    /// Betweenness centrality of all nodes.
    betweenness_centrality = "BetweennessCentrality"() -> Vec<Scored>;
    /// PageRank of all nodes after so many rounds.
    page_rank = "PageRank"(damping: f64, iterations: u64) -> Vec<Scored>;
    /// PageRank that restarts at the seeds.
    personalized_page_rank =
        "PersonalizedPageRank"(seed_nodes: &[(&str, f64)], damping: f64, iterations: u64) -> Vec<Scored>;
    /// Nodes that are connected when directions are ignored.
    connected_components = "ConnectedComponents"() -> Vec<Vec<String>>;
    /// Nodes that can reach each other.
    strongly_connected_components = "StronglyConnectedComponents"() -> Vec<Vec<String>>;
    /// Source, target and weight of the edges of a spanning forest.
    minimum_spanning_tree = "MinimumSpanningTree"() -> Vec<(String, String, f64)>;
    /// Communities; a higher resolution gives smaller ones.
    communities = "CommunityDetection"(resolution: f64) -> Vec<Vec<String>>;
    /// Communities of a graph that is only in the request.
    communities_of =
        "CommunityDetectEphemeral"(node_ids: &[&str], edges: &[(&str, &str)], resolution: f64) -> Vec<Vec<String>>;
    /// A colour for each node, such that neighbours differ.
    coloring = "GraphColoring"() -> Vec<(String, u64)>;
    /// Where the graph of that name is found in this one: maps from its nodes to ours.
    subgraph_matches = "Vf2SubgraphMatch"(pattern_graph_name: &str) -> Vec<std::collections::BTreeMap<String, String>>;
    /// What is different in another graph of the same shard.
    diff_against = "DiffAgainst"(other_graph: &str) -> Value;
    /// Pairs of nodes whose embeddings are so similar, with their cosine.
    similarity_edges = "ComputeSimilarityEdges"(threshold: f64) -> Vec<(String, String, f64)>;
}
