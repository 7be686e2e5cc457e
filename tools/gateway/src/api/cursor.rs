//! Where a page of graphs ended: by value, so that graphs that come and go move no other.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ApiError;

/// What the last row was sorted by, and its name.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) text: Option<String>,
    pub(super) number: u64,
    pub(super) name: String,
}

impl Cursor {
    /// What [`fmt::Display`] made.
    pub(super) fn parse(shown: &str) -> Result<Self, ApiError> {
        let bytes = hex::decode(shown).ok();
        let cursor = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        cursor.ok_or_else(|| ApiError::bad_request("after: this is no cursor of a page"))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        f.write_str(&hex::encode(bytes))
    }
}
