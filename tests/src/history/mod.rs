//! Histories of concurrent reads and writes, and the check that they are strictly serialisable.
//!
//! Clients record when each request was sent and when it was answered ([`Load`]). Afterwards the graph's own ledger is read:
//! its sequence numbers are the order in which the server says that it applied the writes ([`Log`]). [`check()`] takes that
//! order for what it is, a claim, and holds everything against it:
//!
//! - every acknowledged write is in the ledger once and whole, a lost one at most once, a refused one never, and nothing else is;
//! - a write that was answered before another was sent is before it, also on one connection without waiting;
//! - every read, of one record or of the whole graph, is the exact answer on the state behind some prefix of the writes: one
//!   that holds all writes answered before the read was sent, and none that was sent after it was answered;
//! - reads do not go back: one that was sent after another was answered shows no older state.
//!
//! Because the order of the writes is known, this is decided exactly and in time linear in the history, where a search for
//! some order (as in Knossos or Porcupine) is exponential. The claim is made by the server, so it could hide a wrong order,
//! but not from the reads: those are held against it too.

mod answer;
mod check;
mod choose;
mod event;
mod load;
mod log;
mod question;
mod request;
mod serialise;
mod state;

#[cfg(test)]
mod controls;

pub use check::{Summary, Violation, check};
pub use choose::{BATCH_NODES, batch_node};
pub use event::{Change, Clock, History, Outcome, Read, Write};
pub use load::{Load, Places};
pub use log::{Log, Record};
pub use question::Question;
