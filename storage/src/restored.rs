//! That a store was made from a copy.

use serde::{Deserialize, Serialize};

/// That a store was restored: what it says of who serves a graph may be of the past. It stays until the names in it were
/// compared with the other shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// What it was restored from, for people.
    pub from: String,
    /// When that copy was taken, Unix milliseconds, if it is of one time.
    pub taken_ms: Option<u64>,
    /// When it was restored, Unix milliseconds.
    pub restored_ms: u64,
}

impl Restored {
    /// That a store was restored just now.
    pub fn now(from: impl Into<String>, taken_ms: Option<u64>) -> Self {
        Self { from: from.into(), taken_ms, restored_ms: crate::clock::unix_ms() }
    }

    /// What a note says that cannot be read.
    pub fn unknown() -> Self {
        Self { from: "a copy that its damaged note does not name".into(), taken_ms: None, restored_ms: 0 }
    }
}
