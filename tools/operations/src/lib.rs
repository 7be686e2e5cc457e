//! Operations on graphs of a shard tier: moving, resharding, backing up and restoring, taking over what a reference server
//! keeps. A library for programs of operators; nothing here knows a command line.
//!
//! * [`hosts`] is the places that graphs are at: a running shard, a stopped directory.
//! * [`moves`] brings a graph from one place to another without losing a write.
//! * [`reshard`] moves graphs to their new owners when the list of endpoints changes.
//! * [`backup`] keeps copies of graphs in a directory or an object store.
//! * [`data`] is what a graph holds, shown, exported and loaded.
//! * [`import`] reads what the reference server keeps and sends.
//! * [`remote`] speaks the operations that a shard offers to these tools beside the public protocol.
//! * [`rename`] gives a graph another name.
//! * [`error`] is what kind of error ended an operation; [`streams`], [`names`] and [`quantity`] help.
//!
//! Nearly everything blocks and must be called outside of the threads of the runtime; requests are made on those.

pub mod backup;
pub mod data;
pub mod encryption;
pub mod error;
pub mod hosts;
pub mod import;
pub mod moves;
pub mod names;
pub mod quantity;
pub mod remote;
pub mod rename;
pub mod reshard;
pub mod streams;
