//! Named graphs in an ordered key-value store, to be embedded or served.
//!
//! A graph has nodes with property maps, parallel edges, embeddings, an index by label and a ledger of its changes. Many
//! graphs lie in one store, in memory or in a directory on disk. This is the storage of a shard, and a library of its own: it
//! is no query engine, knows no network, and runs no thread but those of RocksDB.
//!
//! ```
//! use epistemic_storage::Graphs;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Note {
//!     r#type: String,
//!     text: String,
//! }
//!
//! let graphs = Graphs::in_memory()?; // or Graphs::open_dir("data", &RocksOptions::default())?
//! let notes = graphs.create("notes")?;
//! let note = |text: &str| Note { r#type: "note".into(), text: text.into() };
//!
//! // Writes are durable on return.
//! notes.add_node("a", &note("first"))?;
//! notes.add_node("b", &note("second"))?;
//! notes.add_edge("a", "b", &[("weight", 1)].into_iter().collect::<std::collections::BTreeMap<_, _>>())?;
//!
//! // Read back in the type, by edge, by label.
//! assert_eq!(notes.node("a")?, Some(note("first")));
//! assert_eq!(notes.successors("a")?, ["b"]);
//! let graph = graphs.graph("notes")?;
//! assert_eq!(graphs.latest(&graph).ids_by_label("note", 0)?, ["a", "b"]);
//!
//! // Many changes in one commit, reported one by one.
//! use epistemic_storage::{Mutation, graph::{Op, Outcome}};
//! let batch = Op::batch([
//!     Mutation::RemoveNode { id: "b".into() },
//!     Mutation::AddEdge { source: "a".into(), target: "b".into(), properties: Vec::new() },
//! ]);
//! let Outcome::Batch(report) = graphs.write("notes", batch)? else { unreachable!() };
//! assert_eq!((report.removed_nodes, report.errors.len()), (1, 1));
//! # Ok::<(), epistemic_storage::graph::GraphError>(())
//! ```
//!
//! Layers, one owner each:
//!
//! * [`Store`] is the byte-level boundary: spaces, ordered scans, atomic batches, read views, checkpoints. Backends are
//!   [`MemoryStore`] (the oracle of tests, and an embedded store for yours) and [`RocksStore`] (the default). [`backend`] has
//!   what a backend is asked with. The suite that every one passes is the crate `epistemic-conformance`, in
//!   `storage/conformance`.
//! * [`GraphStore`] is the graph layer over any store: catalog, records, mutations, ledger ([`graph`]); [`Graphs`] opens one
//!   together with its directory. [`snapshot`] exports and imports one graph as a stream; [`increment`] is a file of its changes
//!   since. [`audit`] compares all records with each other and rebuilds the derived ones. [`properties`] reads property bytes.
//! * [`channels`] and [`identities`] are what a shard keeps beside its graphs, in the same store; [`service`] is their copy as a
//!   stream.
//! * [`scrub`] reads all tables, in small steps, to find damage before it is needed.
//! * [`datadir`] is a shard's directory: identity, ownership, checkpoints. [`durable`] writes files of it.
//!
//! RocksDB and the directories it lies in are the default feature `rocksdb`. Tests that need no disk do without it, and
//! build nothing in C++: `epistemic-storage = { ..., default-features = false }`.
//!
//! Everything is synchronous and may block. `docs/format.md` describes all formats byte by byte.

pub mod audit;
pub mod backend;
mod batch;
pub mod channels;
pub mod clock;
#[cfg(feature = "rocksdb")]
pub mod datadir;
#[cfg(feature = "rocksdb")]
pub mod durable;
mod error;
pub mod graph;
mod graphs;
pub mod identities;
pub mod increment;
#[doc(hidden)]
pub mod keys;
pub mod limits;
mod memory;
mod mutation;
pub mod properties;
mod restore_points;
mod restored;
#[cfg(feature = "rocksdb")]
mod rocks;
pub mod scrub;
#[cfg(feature = "rocksdb")]
mod sealed;
pub mod service;
pub mod snapshot;
mod space;
mod store;
mod stream;

pub use batch::WriteBatch;
pub use error::{IoError, StoreError};
pub use graph::store::GraphStore;
pub use graphs::{Graphs, NamedGraph};
pub use keys::GraphId;
pub use memory::MemoryStore;
pub use mutation::Mutation;
pub use restore_points::{RestorePoint, RestorePoints, Retention};
pub use restored::Restored;
#[cfg(feature = "rocksdb")]
pub use rocks::{RocksOptions, RocksStore};
pub use space::Space;
pub use store::{Durability, Store};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
