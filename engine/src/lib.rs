//! `epistemic-graph-server`: a shard.
//!
//! The way of a request: `listen` accepts, `connection` cuts frames and keeps order, `dispatch` decides what a
//! request needs, reads answer from storage, writes go through the `commit` thread, which syncs once per group.
//! [`server`] puts the parts together.

mod access;
mod admission;
mod analytics;
mod checkpoints;
mod commit;
mod compute_pool;
pub mod config;
mod connection;
mod descriptors;
mod dispatch;
mod document;
mod graph_cache;
mod http;
mod lifecycle;
mod listen;
mod logging;
mod maintenance;
mod metrics;
mod neighbor_cache;
mod open_transfers;
mod owners;
mod ownership;
mod projection;
mod reasoning;
mod semantic;
pub mod server;
mod shard;
mod status;
mod stream;
mod transfer;
pub mod wire;

pub use config::Config;
