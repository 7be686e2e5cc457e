//! What shards say of themselves and of their graphs, beside the public protocol: the answers of `ShardStatus`,
//! `GraphStats`, `ListIdentities` and `QuotaShow`.
//!
//! * `shard`: a shard, its graphs, its agents; `damage`: what it knows to be damaged, and its search for more.
//! * `quotas`: what tenants may use and do; `load`: what it does.
//! * `base_names`: graphs under a base name that is not in use.

mod base_names;
mod damage;
mod load;
mod owner;
mod quotas;
mod sessions;
mod shard;

pub use base_names::{BaseNames, OtherBase, told as base_name_told};
pub use damage::{DamageStatus, DamagedGraph, ScrubFinding, ScrubStatus};
pub use load::LoadStatus;
pub use owner::OwnerStatus;
pub use quotas::{QuotaSetting, QuotaStatus, Quotas, TenantQuota};
pub use sessions::Session;
pub use shard::{
    CheckpointStatus, CompactionStatus, GraphSizes, GraphStats, GraphStatsParams, IdentityStatus, KeysStatus,
    MemoryPart, MemoryStatus, OwnershipStatus, RotatingKey, ShardStatus,
};
