//! Increments: the ledger records of one graph behind a sequence number, as a checksummed file.
//!
//! ```text
//! file = "EGINCR01" chunk*                        chunks as in a snapshot
//! ```
//!
//! Chunk kinds in their order: 1 header (one, JSON), 4 ledger (any number), 255 trailer (one, JSON, last). Ledger chunks
//! hold `sequence (8, little-endian) len (4, little-endian) record` back to back; the sequence numbers are all those
//! behind the header's `after` up to its `sequence`, each once.
//!
//! An increment stands on another file, a snapshot or an increment, and names its SHA-256: so a chain of files holds
//! together by content, whatever they are called.

mod content;
mod error;
mod read;
mod write;

pub use content::{Header, Totals};
pub use error::IncrementError;
pub use read::{IncrementReader, Records};
pub use write::IncrementWriter;

use crate::stream::chunk::Format;

/// First bytes of every increment.
pub const MAGIC: &[u8; 8] = b"EGINCR01";

/// Version of the file format.
pub const VERSION: u32 = 1;

const INCREMENT: Format = Format { magic: MAGIC, name: "graph increment" };
