//! Snapshots: one graph as a versioned, backend-neutral, checksummed stream.
//!
//! ```text
//! file    = "EGSNAP01" chunk*
//! chunk   = kind (1) index (4) length (4) payload (length) crc (4)
//! crc     = CRC-32 (IEEE) of kind, index, length and payload
//! ```
//!
//! Integers are little-endian; `index` counts chunks from 0. Kinds in their order: 1 header (one, JSON), 2 nodes,
//! 3 edges, 4 ledger, 5 vectors (any number each, records back to back, see `record.rs`), 255 trailer (one, JSON, last).
//! Nothing may follow the trailer. Nodes and vectors ascend by id, edges by (source, target, sequence), ledger
//! records by sequence.
//!
//! The content digest is the SHA-256 of all node records, edge records and vector records in that order, each section
//! preceded by its kind byte. It does not depend on chunk boundaries, graph name, ledger or time, so two copies
//! of one content have one digest.

mod compare;
mod content;
mod error;
mod export;
mod import;
mod reader;
mod record;

#[cfg(test)]
mod made_up;

pub use compare::{CompareError, Difference, RecordKey, RecordKind, compare};
pub use content::{Header, Totals};
pub use error::SnapshotError;
pub use export::{Ledger, content_digest, content_digest_of, export, export_parts};
pub use import::{Admit, ImportTarget, Loaded, Watch, import, import_if, inspect, verify};
pub use reader::SnapshotReader;
pub use record::Record;

use crate::stream::chunk::Format;
pub use crate::stream::record::{pack_ledger, unpack_ledger};

/// First bytes of every snapshot.
pub const MAGIC: &[u8; 8] = b"EGSNAP01";

/// Version of the stream format.
pub const VERSION: u32 = 1;

const SNAPSHOT: Format = Format { magic: MAGIC, name: "graph snapshot" };
