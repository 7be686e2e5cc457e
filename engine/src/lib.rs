//! `epistemic-graph-server`: a shard.
//!
//! The way of a request: `listen` accepts, `connection` cuts frames and keeps order, `request` decides who may ask it and where
//! it runs, its handler in `operations` answers: reads from storage, writes through the `commit` thread, which syncs once per
//! group.
//! [`server`] puts the parts together.

mod access;
mod account;
mod admission;
mod arrivals;
mod audit;
mod checkpoints;
mod commit;
mod compaction;
mod compute_pool;
pub mod config;
mod connection;
mod damage;
mod descriptors;
mod expected_store;
mod fair_queue;
mod follow;
mod graph_cache;
mod guesses;
mod http;
mod keys;
mod lease;
mod lifecycle;
mod listen;
mod logging;
mod maintenance;
mod memory;
mod metrics;
mod metrics_page;
mod neighbor_cache;
mod open_store;
mod open_transfers;
mod operations;
mod oversized;
mod owners;
mod ownership;
mod projection;
mod quotas;
mod request;
mod restored;
mod scrub;
mod semantic;
pub mod server;
mod sessions;
mod shard;
mod signed;
mod slow_requests;
mod spool;
mod stream;
pub mod testing;
mod tls;
mod transactions;
mod transfer;
mod unauthenticated;
mod wanted;
pub mod wire;

pub use config::Config;

use epistemic_analytics::{self as analytics, reasoning};
