//! `identity.json`: the directory knows what it is.

use std::path::Path;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::{bad, write_durably};
use crate::error::Result;

/// Version of everything under `db/`. A server opens exactly this version.
pub const FORMAT_VERSION: u32 = 1;

pub(super) const FILE: &str = "identity.json";

/// Identity of a store, kept by its checkpoints and copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the on-disk format.
    pub format_version: u32,
    /// Random UUID given at creation.
    pub store_id: String,
    /// Creation time, Unix milliseconds.
    pub created_ms: u64,
}

impl Identity {
    /// The identity in `dir`, or `None` when there is no such file.
    ///
    /// # Errors
    /// A damaged file or another format version.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        let file = dir.join(FILE);
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&file)?;
        let identity: Self = serde_json::from_str(&text).map_err(|error| {
            bad(dir, format!("{FILE} is damaged ({error}); copy it back from the newest checkpoint under 'checkpoints/'"))
        })?;
        if identity.format_version != FORMAT_VERSION {
            return Err(bad(
                dir,
                format!(
                    "it has format version {}, this server reads version {FORMAT_VERSION}; use the server version that wrote it",
                    identity.format_version
                ),
            ));
        }
        Ok(Some(identity))
    }

    /// Writes a new identity. Durable on return.
    pub(super) fn create(dir: &Path) -> Result<Self> {
        let identity = Self {
            format_version: FORMAT_VERSION,
            store_id: uuid::Uuid::new_v4().to_string(),
            created_ms: crate::clock::unix_ms(),
        };
        identity.store(dir)?;
        Ok(identity)
    }

    pub(super) fn store(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| bad(dir, error.to_string()))?;
        write_durably(&dir.join(FILE), &text)
    }
}
