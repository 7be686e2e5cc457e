//! Looking at what a graph holds, writing it as text, and reading such text back.
//!
//! * `source` is what is asked of a graph, wherever it is; `shard`, `directory` and `file` are the places: a running shard, a
//!   store that this process has to itself, a snapshot file. `records` is a snapshot stream, item by item.
//! * `properties` is MessagePack as JSON and back; `change` is a ledger record for people.
//! * `jsonl` and `graphml` write a graph; `load` reads lines of JSON into a [`LoadTarget`], `shard_target` and
//!   `directory_target` are those.
//!
//! Everything blocks, and memory is bounded by the largest records, not by the graph.

mod change;
mod directory;
mod directory_target;
mod file;
mod graphml;
mod jsonl;
mod load;
mod properties;
mod records;
mod shard;
mod shard_target;
mod source;

pub use change::Change;
pub use directory::DirectorySource;
pub use directory_target::DirectoryTarget;
pub use file::SnapshotFile;
pub use graphml::GraphMl;
pub use jsonl::JsonLines;
pub use load::{LoadError, LoadTarget, Loaded, Loading, Write, load};
pub use properties::{Properties, has_text, labels, rows};
pub use records::{Item, Records};
pub use shard::ShardSource;
pub use shard_target::ShardTarget;
pub use source::{Direction, Each, Edge, GraphSource, Summary};
