//! The `kill -9` harness: writers with an expected-state log that lives in the test, not in the server.
//!
//! The keys are divided into domains, each with its expected state and a lock. A writer holds the lock
//! from choosing an operation until its answer, so the state after every acknowledged operation is known
//! exactly and at most one operation per domain is in flight when the server is killed. Every writer has a
//! domain of its own; some more are shared, so writers also meet on the same keys. After the restart each
//! domain must hold the state with or without its operation in flight: nodes, edges, graphs and ledger
//! alike, and nothing else.

mod check;
mod choose;
mod load;
mod model;
mod one_key;
mod read;

pub use check::{Difference, Kind, Verdict};
pub use choose::Mix;
pub use load::Writers;
pub use one_key::{read_same_keys, write_same_keys};
