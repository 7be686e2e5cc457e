//! What is done with bytes that anybody may have made. Each target is one function: `tests/fuzz` has libFuzzer call it,
//! `tests/mutated.rs` a loop on stable Rust, both beginning with the seeds in `tests/fuzz/corpus`.
//!
//! A target panics when something is wrong: the code under it panicked, or did what it must not. It returns whether the bytes
//! were taken for something, which is so for every seed: seeds that are refused at once would try nothing.
//!
//! * `wire` is frames, requests and their parameters; `token` signed tokens; `tls` the beginning of a connection.
//! * `streams` is snapshots and increments, `ledger` the replay of changes.

mod ledger;
mod streams;
mod tls;
mod token;
mod wire;

pub use ledger::ledger_replay;
pub use streams::{increment, snapshot};
pub use tls::tls_peek;
pub use token::{signed, token};
pub use wire::{envelope, frame, params};

/// A target.
pub type Target = fn(&[u8]) -> bool;

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, Target); 8] = [
    ("frame", frame),
    ("envelope", envelope),
    ("params", params),
    ("snapshot", snapshot),
    ("increment", increment),
    ("ledger_replay", ledger_replay),
    ("token", token),
    ("tls_peek", tls_peek),
];
