//! Algorithms on whole graphs, as compressed sparse rows of node numbers, and rules over typed edges.
//!
//! Pure: no storage, no wire, no runtime, no I/O. The caller builds the [`Topology`], keeps the names of the nodes, and
//! chooses the threads: what runs in parallel runs on the current pool of `rayon`. Whatever can take long asks its
//! [`Cancel`] every few thousand steps and fails with [`Cancelled`] once it is told to end.
//!
//! ```
//! use epistemic_analytics::{Cancel, Topology, shortest_path};
//!
//! let topology = Topology::from_edges(3, &[(0, 1), (1, 2)]);
//! assert_eq!(shortest_path(&topology, 0, 2, &Cancel::default())?, Some(vec![0, 1, 2]));
//! assert_eq!(shortest_path(&topology, 2, 0, &Cancel::default())?, None);
//! # Ok::<(), epistemic_analytics::Cancelled>(())
//! ```

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
pub mod reasoning;
mod spanning_tree;
mod subgraph_match;
#[cfg(test)]
mod testing;
mod topology;
mod union_find;

pub use betweenness::betweenness;
pub use cancel::{Cancel, Cancelled};
pub use colouring::graph_colouring;
pub use communities::{communities, weighted_communities};
pub use components::{connected_components, strongly_connected_components};
pub use degree::degree_centrality;
pub use groups::Groups;
pub use order::{find_cycle, topological_sort};
pub use pagerank::{Teleport, pagerank};
pub use paths::{blast_radius, shortest_path};
pub use spanning_tree::spanning_forest;
pub use subgraph_match::{Constraints, Matches, subgraph_matches};
pub use topology::{Rows, Topology};
