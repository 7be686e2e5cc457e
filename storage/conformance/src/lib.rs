//! What every backend of [`epistemic_storage`] has to do, as a suite that any backend can run.
//!
//! ```
//! use epistemic_storage::MemoryStore;
//!
//! epistemic_conformance::run_all(&|| MemoryStore::new().into());
//! ```
//!
//! A violation panics with the name of the case and what differed. Two parts: [`STORE_CASES`] for the byte-level
//! [`Store`](epistemic_storage::Store), [`GRAPH_CASES`] for the graph layer over it. Each case gets an empty store of its
//! own. What a backend survives (crashes, damaged files) is not part of the suite: that differs by backend and is tested
//! with it.

mod audit;
mod audit_damage;
mod audit_store;
mod bulk;
mod channels;
mod fixture;
mod graph_admin;
mod graph_arrivals;
mod graph_commons;
mod graph_conditional;
mod graph_cursors;
mod graph_edges;
mod graph_fork;
mod graph_groups;
mod graph_heads;
mod graph_ledger;
mod graph_moves;
mod graph_names;
mod graph_nodes;
mod graph_once;
mod graph_optimistic;
mod graph_owners;
mod graph_parts;
mod graph_proofs;
mod graph_reclaim;
mod graph_replay;
mod graph_revise;
mod graph_standings;
mod graph_vectors;
mod identities;
mod reads;
mod run;
mod scans;
mod service;
mod sizes;
mod views;
mod writes;

pub use run::{GRAPH_CASES, GraphCase, STORE_CASES, StoreCase, run_all};
