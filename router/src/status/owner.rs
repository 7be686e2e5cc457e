//! Who serves a shard that others could.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A process that serves a shard, or stands by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerStatus {
    /// Random UUID of the process.
    pub id: String,
    /// Where it is reached.
    pub endpoint: String,
    /// Its machine, for people.
    pub host: String,
    /// Its process there, for people.
    pub pid: u32,
    /// The epoch that it has opened the store with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

impl fmt::Display for OwnerStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (host {}, pid {})", self.endpoint, self.host, self.pid)
    }
}
