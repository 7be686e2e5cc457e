//! Whole-graph algorithms on compressed sparse rows. Pure: no storage, no wire.

mod betweenness;
mod cancel;
mod colouring;
mod communities;
mod components;
mod degree;
mod groups;
mod order;
mod pagerank;
mod paths;
mod properties;
mod spanning_tree;
mod subgraph_match;
#[cfg(test)]
mod testing;
mod topology;
mod union_find;

pub(crate) use betweenness::betweenness;
pub(crate) use cancel::{Cancel, Cancelled};
pub(crate) use colouring::graph_colouring;
pub(crate) use communities::{communities, weighted_communities};
pub(crate) use components::{connected_components, strongly_connected_components};
pub(crate) use degree::degree_centrality;
pub(crate) use groups::Groups;
pub(crate) use order::{find_cycle, topological_sort};
pub(crate) use pagerank::{Teleport, pagerank};
pub(crate) use paths::{blast_radius, shortest_path};
pub(crate) use properties::Wanted;
pub(crate) use spanning_tree::spanning_forest;
pub(crate) use subgraph_match::{Constraints, subgraph_matches};
pub(crate) use topology::{Rows, Topology};
