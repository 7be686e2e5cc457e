//! Storage of a shard: named graphs in an ordered key-value store.
//!
//! Layers, one owner each:
//!
//! * [`Store`] is the byte-level boundary: spaces, ordered scans, atomic batches, read views, checkpoints. Backends are
//!   [`MemoryStore`] (the oracle of tests, and an embedded store for yours) and [`rocks::RocksStore`] (the default).
//!   The suite that every backend passes is the crate `epistemic-conformance`, in `storage/conformance`.
//! * [`GraphStore`] is the graph layer over any store: catalog, records, mutations, ledger. [`snapshot`] exports
//!   and imports one graph as a stream; [`increment`] is a file of its changes since. [`audit`] compares all records
//!   with each other and rebuilds the derived ones.
//! * [`Channels`] and [`Identities`] are what a shard keeps beside its graphs, in the same store; [`service`] is their copy
//!   as a stream.
//! * [`scrub`] reads all tables, in small steps, to find damage before it is needed.
//! * [`datadir`] is a shard's directory: identity, ownership, checkpoints.
//!
//! RocksDB and the directories it lies in are the default feature `rocksdb`. Tests that need no disk do without it, and
//! build nothing in C++: `epistemic-storage = { ..., default-features = false }`.
//!
//! Everything is synchronous and may block. `docs/format.md` describes all formats byte by byte.

pub mod audit;
pub mod batch;
pub mod channels;
pub mod clock;
#[cfg(feature = "rocksdb")]
pub mod datadir;
pub mod error;
pub mod graph;
pub mod identities;
pub mod increment;
#[doc(hidden)]
pub mod keys;
pub mod limits;
pub mod memory;
#[cfg(feature = "rocksdb")]
mod open;
#[cfg(feature = "rocksdb")]
pub mod rocks;
pub mod scrub;
#[cfg(feature = "rocksdb")]
mod sealed;
pub mod service;
pub mod snapshot;
pub mod space;
pub mod store;
pub mod view;

pub use batch::WriteBatch;
pub use channels::Channels;
pub use error::StoreError;
pub use graph::GraphStore;
pub use identities::Identities;
pub use keys::GraphId;
pub use memory::MemoryStore;
#[cfg(feature = "rocksdb")]
pub use open::open_url;
pub use space::Space;
pub use store::{Durability, Store};
