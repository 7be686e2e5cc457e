//! `epistemic-graph-server`: a shard.
//!
//! The way of a request: `listen` accepts, `connection` cuts frames and keeps order, `dispatch` decides what a
//! request needs, reads answer from storage, writes go through the `commit` thread, which syncs once per group.
//! [`server`] puts the parts together.

mod access;
mod account;
mod admission;
mod checkpoints;
mod commit;
mod compute_pool;
pub mod config;
mod connection;
mod damage;
mod descriptors;
mod dispatch;
mod document;
mod expected_store;
mod fair_queue;
mod graph_cache;
mod guesses;
mod http;
mod lifecycle;
mod listen;
mod logging;
mod maintenance;
mod memory;
mod metrics;
mod neighbor_cache;
mod open_transfers;
mod oversized;
mod owners;
mod ownership;
mod projection;
mod quotas;
mod scrub;
mod semantic;
pub mod server;
mod shard;
mod signed;
mod status;
mod stream;
pub mod testing;
mod transactions;
mod transfer;
mod unauthenticated;
mod wanted;
pub mod wire;

pub use config::Config;

use epistemic_analytics::{self as analytics, reasoning};
