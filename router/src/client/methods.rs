//! What the client has to know of single operations.

/// Operations on a whole graph or a batch: the lists of the clients 0.31.0 and 2.0.0, and the right spelling of
/// `PersonalizedPageRank`.
const HEAVY: [&str; 28] = [
    "BatchCosineSimilarity",
    "BatchUpdate",
    "BetweennessCentrality",
    "Commit",
    "CommunityDetectEphemeral",
    "CommunityDetection",
    "ComputeSimilarityEdges",
    "CypherQuery",
    "FindSimilarPairs",
    "FromMsgpack",
    "GetEdges",
    "GetNodes",
    "GetSubgraph",
    "GetTriples",
    "IndexRepository",
    "PageRank",
    "ParseFile",
    "ParseFiles",
    "ParseRepository",
    "PersonalizedPageRank",
    "PersonalizedPagerank",
    "Reconcile",
    "ResolveCandidates",
    "RunDatalogReasoning",
    "SpectralCluster",
    "Sql",
    "ToMsgpack",
    "Vf2SubgraphMatch",
];

/// Operations that change nothing, so that a lost answer may be asked for again. What is not here counts as a write.
const READS: [&str; 53] = [
    "BetweennessCentrality",
    "CommunityDetectEphemeral",
    "CommunityDetection",
    "ComputeSimilarityEdges",
    "ConnectedComponents",
    "DegreeCentrality",
    "DegreeCentralityAll",
    "DiffAgainst",
    "EdgeCount",
    "FindCycle",
    "GetBlastRadius",
    "GetChannelMembers",
    "GetChannelMessages",
    "GetContextView",
    "GetEdgeProperties",
    "GetEdgePropertiesBatch",
    "GetEdges",
    "GetLedger",
    "GetNeighbors",
    "GetNodeProperties",
    "GetNodePropertiesBatch",
    "GetNodes",
    "GetNodesByLabel",
    "GetPredecessors",
    "GetShortestPath",
    "GetSubgraph",
    "GetSuccessors",
    "GetTriples",
    "GraphColoring",
    "GraphStats",
    "HasEdge",
    "HasNode",
    "HasNodesBatch",
    "Health",
    "InDegree",
    "ListChannels",
    "ListGraphs",
    "Metrics",
    "MinimumSpanningTree",
    "NodeCount",
    "NodeIds",
    "OutDegree",
    "PageRank",
    "PersonalizedPageRank",
    "Ping",
    "SemanticSearch",
    "ShardStatus",
    "StronglyConnectedComponents",
    "ToMsgpack",
    "TopologicalSort",
    "UnionGetNeighbors",
    "UnionGetNodeProperties",
    "UnionGetNodesByLabel",
];

/// Whether the operation gets the long deadline.
pub(crate) fn is_heavy(method: &str) -> bool {
    HEAVY.binary_search(&method).is_ok()
}

/// Whether the operation may be sent twice.
pub(crate) fn is_read(method: &str) -> bool {
    READS.binary_search(&method).is_ok()
}

/// Whether the operation passes over graphs that its parameters name and the shard does not know.
pub(crate) fn is_union(method: &str) -> bool {
    matches!(method, "UnionGetNeighbors" | "UnionGetNodeProperties" | "UnionGetNodesByLabel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_can_be_searched() {
        assert!(HEAVY.is_sorted() && READS.is_sorted());
        assert!(is_heavy("ToMsgpack") && !is_heavy("AddNode"));
        assert!(is_read("HasNode") && !is_read("AddNode") && !is_read("Unknown"));
    }
}
