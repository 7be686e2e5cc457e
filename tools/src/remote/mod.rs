//! The operations that a shard offers to tools, beside the public protocol.
//!
//! * `call`: a call with a typed result; `status`: what a shard says of itself and of its graphs; `heads`: the newest change of
//!   each graph.
//! * `base_names`: graphs under a base name that is not in use.
//! * `download` and `upload`: one graph as a snapshot stream (format: `epistemic_storage::snapshot`).
//! * `frame`: how much one request can carry.
//!
//! Sessions of a download or upload belong to their connection and end with it.

mod base_names;
mod call;
mod damage;
mod download;
mod frame;
mod heads;
mod quotas;
mod status;
mod upload;

pub(crate) use base_names::{BaseNames, told as base_name_told};
pub(crate) use call::call;
pub(crate) use damage::{DamageStatus, ScrubFinding, ScrubStatus};
pub(crate) use download::{Download, content, content_without_ledger};
pub(crate) use frame::{batches, data_limit};
pub(crate) use heads::{GraphHead, Heads, heads};
pub(crate) use quotas::{QuotaStatus, Quotas, TenantQuota};
pub(crate) use status::{GraphStats, GraphStatsParams, IdentityStatus, MemoryStatus, ShardStatus};
pub(crate) use upload::{upload, upload_arriving, upload_service};

use std::time::Duration;

/// Opening and committing take as long as a pass over the whole graph.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1200);

/// Bytes moved by one request, where the shard takes so many.
const PIECE_BYTES: usize = 1 << 20;
