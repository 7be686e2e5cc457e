//! `GET /api/dashboard/daemon/shards`: the JSON of the reference.

use epistemic_router::{EndpointStatus, Mode, Topology};

use super::Gateway;

impl Gateway {
    /// The topology as last seen.
    pub(super) async fn topology(&self) -> Topology {
        let mut endpoints = Vec::with_capacity(self.shards.len());
        for shard in &self.shards {
            endpoints.push(EndpointStatus {
                endpoint: shard.endpoint.clone(),
                local: shard.endpoint.is_local(),
                reachable: shard.latest().await.is_some_and(|look| look.seen.reachable),
                breaker: shard.breaker.state(),
            });
        }
        let mode = if self.placement.endpoints().is_sharded() { Mode::Sharded } else { Mode::Single };
        Topology { mode, default_graph: self.default_graph.clone(), endpoints }
    }
}
