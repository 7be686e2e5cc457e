//! Where a graph is: `tenant -> graph name -> endpoint`.
//!
//! * [`tenant_graph_name`] and [`resolve_routing_graph`]: which graph a tenant's request goes to.
//! * [`Endpoint`] and [`EndpointList`]: the configured shards, their texts kept verbatim.
//! * [`Affinity`]: which graphs are placed with others.
//! * [`hrw`]: which endpoint owns a graph.

mod affinity;
mod endpoint;
mod endpoint_list;
pub mod hrw;
mod tenant;

pub use affinity::{AFFINITY_VAR, Affinity, COMMONS};
pub use endpoint::{Endpoint, Target};
pub use endpoint_list::{
    DEFAULT_ENDPOINT, ENDPOINTS_VAR, EndpointList, SOCKET_VAR, TCP_ADDR_VAR, parse_entries,
};
pub use tenant::{
    CLIENTS_DEFAULT_GRAPH, DEFAULT_GRAPH, DEFAULT_GRAPH_VAR, default_graph, other_base,
    resolve_routing_graph, tenant_graph_name,
};
