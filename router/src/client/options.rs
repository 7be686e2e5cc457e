//! Limits of a client, and the identity it gives.

use std::time::Duration;

/// Operations that work on a whole graph or a batch, and so get [`ConnectOptions::heavy_deadline`]. The reference
/// client's list.
const HEAVY_METHODS: [&str; 23] = [
    "BatchCosineSimilarity",
    "BatchUpdate",
    "BetweennessCentrality",
    "CommunityDetectEphemeral",
    "CommunityDetection",
    "ComputeSimilarityEdges",
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
    "Reconcile",
    "RunDatalogReasoning",
    "SpectralCluster",
    "ToMsgpack",
    "Vf2SubgraphMatch",
];

/// Limits of a [`Client`](super::Client). The times are those of the reference client.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// For making the connection, name lookup included. 10 s.
    pub connect_timeout: Duration,
    /// For a call, from its start to its answer. 60 s.
    pub deadline: Duration,
    /// The same for operations on whole graphs and batches. 1,200 s.
    pub heavy_deadline: Duration,
    /// Requests on the connection that have no answer yet; further calls wait, within their deadline. At least 1;
    /// 256, a server's share for one graph.
    pub max_in_flight: usize,
    /// Largest response taken, in bytes. 1 GiB. Memory is used as the bytes arrive, not as announced.
    pub max_response_bytes: u32,
    /// Identity for the server's access control.
    pub agent_id: Option<String>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(60),
            heavy_deadline: Duration::from_secs(1200),
            max_in_flight: 256,
            max_response_bytes: 1 << 30,
            agent_id: None,
        }
    }
}

impl ConnectOptions {
    pub(super) fn deadline_for(&self, method: &str) -> Duration {
        if HEAVY_METHODS.binary_search(&method).is_ok() { self.heavy_deadline } else { self.deadline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_operations_get_the_long_deadline() {
        assert!(HEAVY_METHODS.is_sorted());
        let options = ConnectOptions::default();
        assert_eq!(options.deadline_for("ToMsgpack"), Duration::from_secs(1200));
        assert_eq!(options.deadline_for("AddNode"), Duration::from_secs(60));
    }
}
