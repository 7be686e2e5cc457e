//! Tools for operators of a shard tier. The programs are `egctl` and `epistemic-graph-gateway`.
//!
//! * [`cli`] is its command line: routing, graphs, snapshots, checkpoints, status.
//! * [`mod@bench`] is `egctl bench`, a load generator for any server of the protocol.
//! * [`walkthrough`] is `egctl walkthrough`, the worked example with three real shards.
//! * [`gateway`] is `epistemic-graph-gateway`: the topology, its metrics and a dashboard over HTTP.
//! * `backup` keeps copies of graphs in a directory or an object store.
//! * `moves` brings a graph from one place to another without losing a write.
//! * `reshard` is `egctl reshard`: which graphs move when the list of endpoints changes.
//! * `reference` reads what the reference server keeps and sends.
//! * `remote` speaks the operations that a shard offers to these tools beside the public protocol.

mod backup;
pub mod bench;
pub mod cli;
pub mod gateway;
mod moves;
mod reference;
mod remote;
mod reshard;
pub mod walkthrough;
