//! The `kill -9` harness: writers with an expected-state log that lives in the test, not in the server.
//!
//! The keys are divided into domains, each with its expected state and a lock. A writer holds the lock from choosing operations
//! until their answers, up to 16 of them at a time ([`Mix::depth`]), so the state after every acknowledged operation is known
//! exactly. Every writer has a domain of its own; some more are shared, so writers also meet on the same keys. After the
//! restart each domain must hold the acknowledged state and the first few of its operations in flight, in their order: nodes,
//! edges, embeddings, graphs, ledger, channels and identities alike, and nothing else.
//!
//! Where acknowledged does not mean synced, [`Writers::check_prefix`] asks for less: a prefix without a hole.

mod aging;
mod check;
mod choose;
mod choose_service;
mod domain;
mod graph;
mod import;
mod load;
mod one_key;
mod op;
mod prefix;
mod read;
mod state;

pub use check::{Difference, Kind, Verdict};
pub use choose::Mix;
pub use load::{SYSTEM_AGENT, Writers, server};
pub use one_key::{read_same_keys, write_same_keys};
pub use prefix::Survived;
pub use state::MAIN_GRAPH;
