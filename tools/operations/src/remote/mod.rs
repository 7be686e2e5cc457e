//! The operations that a shard offers to tools, beside the public protocol.
//!
//! * `call`: a call with a typed result; `heads`: the newest change of each graph.
//! * `download` and `upload`: one graph as a snapshot stream (format: `epistemic_storage::snapshot`).
//! * `frame`: how much one request can carry.
//!
//! Sessions of a download or upload belong to their connection and end with it.

mod call;
mod download;
mod frame;
mod heads;
mod upload;

pub use call::call;
pub use download::{Download, content, content_without_ledger};
pub use frame::{batches, data_limit};
pub use heads::{GraphHead, Heads, heads};
pub use upload::{ServiceTaken, upload, upload_arriving, upload_identities, upload_service};

use std::time::Duration;

/// Opening and committing take as long as a pass over the whole graph.
pub const DEADLINE: Duration = Duration::from_secs(1200);

/// Bytes moved by one request, where the shard takes so many.
const PIECE_BYTES: usize = 1 << 20;
