//! Finding the shard that owns a graph, and talking to it.
//!
//! ```text
//! tenant --tenant--> named graph --hrw--> endpoint --client--> epistemic-graph-server
//! ```
//!
//! * [`EndpointList`] and [`Endpoint`]: the configured shards, their texts kept verbatim.
//! * [`tenant_graph_name`] and [`resolve_routing_graph`]: which graph a tenant's request goes to.
//! * [`hrw`]: which endpoint owns a graph. Pure functions, no connection.
//! * [`Affinity`]: which graphs are placed with others.
//! * [`Client`]: one pipelined connection to one server. [`ShardRouter`]: a pool of them per shard, and the error that
//!   names an unreachable one. [`GraphClient`]: its calls on one graph, those of the protocol by name.
//! * [`Breaker`]: why an endpoint that is down fails at once.
//! * [`Redirect`]: what a shard says of a graph that moved. [`ConnectOptions::follow_moves`]: whether to go there.
//! * [`Topology`]: which shards can be reached. [`owners`]: names that two of them serve, or none.
//!   [`status`]: what a shard says of itself.
//!
//! Placement is decided in the client: servers place nothing, so all clients must be configured with identical endpoint
//! texts.
//!
//! ```
//! use epistemic_router::{DEFAULT_GRAPH, EndpointList, hrw, resolve_routing_graph};
//!
//! # fn main() -> Result<(), epistemic_router::ConfigError> {
//! let endpoints = EndpointList::parse("tcp://localhost:9101,tcp://localhost:9102,tcp://localhost:9103")?;
//! let graph = resolve_routing_graph(None, Some("acme"), DEFAULT_GRAPH)?;
//! assert_eq!(graph, "tenant__acme____bus__");
//! assert_eq!(hrw::owner(&endpoints, &graph).as_str(), "tcp://localhost:9103");
//! # Ok(())
//! # }
//! ```
//!
//! With servers running:
//!
//! ```no_run
//! use epistemic_router::{Bin, ConnectOptions, EndpointList, Secret, ShardRouter};
//!
//! #[derive(serde::Serialize)]
//! struct AddNode<'a> {
//!     node_id: &'a str,
//!     properties_msgpack: Bin<'a>,
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let router = ShardRouter::new(EndpointList::from_env()?, Secret::from_env()?, ConnectOptions::default());
//! let empty_map = Bin(&[0x80]);
//! let node = AddNode { node_id: "n1", properties_msgpack: empty_map };
//! router.call("tenant__acme____bus__", "AddNode", &node).await?;
//! let count = router.call("tenant__acme____bus__", "NodeCount", &()).await?;
//! assert_eq!(count.as_u64(), Some(1));
//! # Ok(())
//! # }
//! ```

mod ambient;
mod autostart;
mod breaker;
mod client;
mod concurrent;
mod error;
mod graph;
mod min_auth;
mod moves;
mod operations;
pub mod owners;
mod pool;
mod router;
mod schemes;
mod secret;
mod settings;
mod signer;
pub mod status;
mod tls;
mod topology;
mod union;

pub use ambient::{ambient_tenant, with_tenant};
pub use autostart::{AUTOSTART_VAR, SERVER_BIN_VAR};
pub use breaker::{Breaker, BreakerOptions, BreakerState, CircuitOpen, Outcomes};
pub use client::{Bin, Client, ConnectOptions, FOLLOW_MOVES_VAR, FOLLOW_TO_VAR};
pub use epistemic_protocol::placement::{
    AFFINITY_VAR, Affinity, CLIENTS_DEFAULT_GRAPH, COMMONS, DEFAULT_ENDPOINT, DEFAULT_GRAPH,
    DEFAULT_GRAPH_VAR, ENDPOINTS_VAR, Endpoint, EndpointList, SOCKET_VAR, TCP_ADDR_VAR, Target,
    default_graph, hrw, other_base, resolve_routing_graph, tenant_graph_name,
};
pub use epistemic_protocol::redirect::Redirect;
pub use epistemic_protocol::{ConfigError, ErrorCode, ErrorKind};
pub use epistemic_signing::BodyError;
pub use epistemic_tls::{ClientTls, Identity};
pub use error::{CallError, ConnectCause, ConnectError, OtherList, RouterError};
pub use graph::GraphClient;
pub use min_auth::{MIN_AUTH_VAR, MinAuth, SIGN_VAR};
pub use moves::MoveCounts;
pub use operations::{DatalogRules, Done, Edge, Pair, Scored};
pub use router::ShardRouter;
pub use schemes::must_have_schemes;
pub use secret::{SECRET_VAR, Secret, read_private_file};
pub use signer::{CONTEXT_VAR, Signer};
pub use tls::{TLS_CA_VAR, TLS_CERT_VAR, TLS_KEY_VAR, TLS_VAR, tls_from};
pub use topology::{EndpointStatus, Mode, Topology};
