//! What a shard keeps beside its graphs, identities and channels with their messages, as a checksummed stream.
//!
//! ```text
//! file    = "EGSERV01" chunk*                     chunks as in a snapshot
//! record  = 1 len(agent) agent len(identity) identity
//!         | 2 len(channel) channel
//!         | 3 sequence len(message) message       of the channel before it, ascending
//! ```
//!
//! Chunk kinds in their order: 1 header (one, JSON), 6 service (any number, records back to back), 255 trailer (one, JSON,
//! last). Identities come first, by agent; channels follow by id, each with its messages behind it. `identity` and
//! `message` are stored forms, `channel` is a MessagePack map. Nothing in it tells the time of the export: equal states
//! are equal streams.

mod error;
mod export;
mod import;
mod record;

pub use error::ServiceError;
pub use export::export;
pub use import::{Imported, Wanted, import, inspect};
pub(crate) use record::ChannelCopy;
pub use record::{Header, Totals};

use crate::stream::chunk::Format;

/// First bytes of every such stream.
pub const MAGIC: &[u8; 8] = b"EGSERV01";

/// Version of the stream format.
pub const VERSION: u32 = 1;

const SERVICE: Format = Format { magic: MAGIC, name: "copy of identities and channels" };
