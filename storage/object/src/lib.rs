//! A [`Store`](epistemic_storage::Store) on an object store: [SlateDB](https://slatedb.io) below one prefix of a bucket.
//!
//! ```
//! use epistemic_object_store::{Location, Options, SlateStore};
//! use epistemic_storage::GraphStore;
//!
//! let location = Location::parse("memory:")?; // or s3://BUCKET/PREFIX, file:///DIRECTORY
//! let graphs = GraphStore::open(SlateStore::open(&location, &Options::default())?)?;
//! assert_eq!(graphs.store().backend(), "slatedb");
//! # Ok::<(), epistemic_storage::graph::GraphError>(())
//! ```
//!
//! What it promises, and what each line rests on:
//!
//! * A commit that returned is on the object store. Both durabilities mean that: there is no operating system in between that
//!   could keep a change for a process that died.
//! * Reads see what is durable and nothing else: after each commit a snapshot is published, and all reads are of it (`store.rs`).
//! * One process owns a prefix. Who opens it takes it over, and a [`lease`] tells whether somebody should; the earlier owner's next commit fails with
//!   [`StoreError::Fenced`], and it acknowledges nothing any more. That rests on the
//!   object store creating an object only when there is none, which is tried out at each start (`probe.rs`), and on fences that
//!   are never deleted (`settings.rs`).
//! * While the object store does not answer, commits wait; [`Store::accepts_writes`](epistemic_storage::Store::accepts_writes)
//!   tells when one has waited for too long. Nothing is given up, so it heals by itself.
//! * A prefix that holds no store becomes one only if nothing else lies there (`identity.rs`).
//! * Restore points keep states under names (`points.rs`), [`clone_point`] makes a store of its own out of one in some requests,
//!   and [`SlateReader`] reads one, or what is newest, beside the owner, which goes on. A [`Follower`] goes on with it, and writes nothing.
//!
//! Everything blocks, from any thread: the work is done on a runtime of the store's own (`runtime.rs`). Reads may wait for the
//! network. Keys are laid out in `keys.rs`.

mod bulk;
mod clone;
mod commit;
mod counted;
mod cursor;
mod error;
mod flusher;
mod follow;
mod identity;
mod keys;
pub mod lease;
mod location;
mod points;
mod probe;
mod read;
mod reader;
mod runtime;
mod settings;
mod store;

pub use clone::{clone_point, discard_clone, restored, settle_restored};
pub use follow::{FollowedStore, Follower, Newer};
pub use identity::{Identity, Origin};
pub use location::Location;
pub use points::{delete_point, list_points};
pub use reader::SlateReader;
pub use store::{Options, SlateStore};

use epistemic_storage::StoreError;

/// Result of a byte-level operation.
type Result<T, E = StoreError> = std::result::Result<T, E>;

// Not called: it gives `object_store` its TLS (see the workspace's `Cargo.toml`).
use reqwest as _;
