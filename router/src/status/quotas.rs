//! Quotas, as a shard tells them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What `ShardStatus` says of quotas.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuotaStatus {
    /// There are rules.
    pub on: bool,
    /// Refusals since the start, by limit.
    #[serde(default)]
    pub refused: BTreeMap<String, u64>,
    /// The tenants that a rule names and those of the others that use most of theirs; absent where the caller may not know.
    #[serde(default)]
    pub tenants: Vec<TenantQuota>,
}

/// What a tenant may use and does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TenantQuota {
    /// Its name; empty for graphs that belong to nobody.
    pub tenant: String,
    /// The patterns whose limits it has.
    pub rule: String,
    /// By limit.
    pub limits: BTreeMap<String, u64>,
    /// By limit; what is not counted is absent.
    pub used: BTreeMap<String, u64>,
    /// Refusals of rates, places and stored bytes since it was seen first.
    pub refused: u64,
}

/// Answer of `QuotaShow`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Quotas {
    /// There are rules.
    pub on: bool,
    /// The file of `--quotas`.
    pub file: Option<String>,
    /// Rules in it.
    pub file_rules: u64,
    /// What was set on the running shard.
    pub set: Vec<QuotaSetting>,
    /// Refusals since the start, by limit.
    pub refused: BTreeMap<String, u64>,
    /// Tenants with graphs or requests, those that use most of a limit first.
    pub tenants: Vec<TenantQuota>,
    /// Tenants that are not among them for their number.
    pub left_out: u64,
}

/// Limits of a tenant pattern that were set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuotaSetting {
    /// The pattern.
    pub tenant: String,
    /// `LIMIT=VALUE` each.
    pub limits: Vec<String>,
}
