//! Which shards there are and which of them can be reached.

use std::time::Duration;

use epistemic_protocol::placement::{Endpoint, EndpointList};
use epistemic_tls::ClientTls;
use serde::Serialize;

use crate::breaker::{BreakerState, state_of};
use crate::client::open;

/// How long one shard may take to accept a probe.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// The shard tier as seen from here. Its JSON is that of the reference's topology status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topology {
    /// Whether there is one engine or more.
    pub mode: Mode,
    /// The graph that is used when a caller names none.
    pub default_graph: String,
    /// The endpoints in configured order.
    pub endpoints: Vec<EndpointStatus>,
}

/// One engine, or shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One endpoint.
    Single,
    /// Two endpoints or more.
    Sharded,
}

/// One endpoint of a [`Topology`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointStatus {
    /// The endpoint as configured.
    pub endpoint: Endpoint,
    /// True for a unix socket.
    pub local: bool,
    /// Whether it accepted a connection within half a second. No request is made.
    pub reachable: bool,
    /// The circuit breaker of this process for it.
    pub breaker: BreakerState,
}

impl Topology {
    /// Probes all endpoints at once, so it takes half a second at most. With `tls` a handshake is part of it.
    pub async fn probe(endpoints: &EndpointList, default_graph: &str, tls: Option<&ClientTls>) -> Self {
        let probes: Vec<_> = endpoints
            .as_slice()
            .iter()
            .cloned()
            .map(|endpoint| {
                let tls = tls.cloned();
                tokio::spawn(async move { open(&endpoint, PROBE_TIMEOUT, tls.as_ref()).await.is_ok() })
            })
            .collect();
        let mut statuses = Vec::with_capacity(probes.len());
        for (endpoint, probe) in endpoints.as_slice().iter().zip(probes) {
            let reachable = probe.await.unwrap_or(false);
            statuses.push(EndpointStatus {
                endpoint: endpoint.clone(),
                local: endpoint.is_local(),
                reachable,
                breaker: state_of(endpoint),
            });
        }
        let mode = if endpoints.is_sharded() { Mode::Sharded } else { Mode::Single };
        Self { mode, default_graph: default_graph.to_owned(), endpoints: statuses }
    }
}
