//! What the reference server 0.28 to 2.0 keeps and sends, read without trusting it.
//!
//! * `directory` lists the graphs of a persist directory of 0.28 to 0.31, from its files and its `manifest`.
//! * `document` reads a snapshot (`NAME.mp`) or the answer of `ToMsgpack`, `log` a `NAME.wal`; both keep what was read
//!   before and, in a log, behind a damage. `cursor` is the MessagePack below.
//! * `overlap` finds changes that are in the snapshot and in the log; `order` finds the order of insertion.
//! * `stage` makes a graph of our own from both.
//! * `pull` reads a graph of a running server.
//!
//! Formats: `docs/reference-protocol.md` sections 8 and 11. Nothing here writes to what it reads.

mod cursor;
mod directory;
mod document;
mod file;
mod log;
mod manifest;
mod order;
mod overlap;
mod pull;
mod stage;
#[cfg(test)]
mod tests;

pub use directory::{Directory, DirectoryError, Source};
pub use document::{Counts, Document, Stated};
pub use file::read_whole;
pub use log::Log;
pub use manifest::GraphName;
pub use pull::{Listed, Server};
pub use stage::stage;
