//! `identity.json`: the directory knows what it is.

use std::path::Path;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::bad;
use crate::{durable, error::Result, sealed};

/// Version of everything under `db/`. A server opens exactly this version.
pub const FORMAT_VERSION: u32 = 1;

pub(super) const FILE: &str = "identity.json";
const MEMBERS: [&str; 3] = ["format_version", "store_id", "created_ms"];

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
        let text = fs::read(&file)?;
        let version = format_version(&text).filter(|version| *version != u64::from(FORMAT_VERSION));
        let other = version.map_or_else(String::new, |version| {
            format!("it has format version {version}, this server reads version {FORMAT_VERSION}; use the server version that wrote it")
        });
        match sealed::open_json(&text, &MEMBERS) {
            Ok(identity) if other.is_empty() => Ok(Some(identity)),
            Ok(_) => Err(bad(dir, other)),
            Err(reason) => {
                let unless =
                    if other.is_empty() { other } else { format!("{other}. Unless there was one, ") };
                Err(bad(
                    dir,
                    format!(
                        "{unless}{FILE} is damaged ({reason}); nothing was changed: copy {FILE} back from any checkpoint under 'checkpoints/'"
                    ),
                ))
            }
        }
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
        let text = sealed::seal_json(self).map_err(|error| bad(dir, error.to_string()))?;
        Ok(durable::write(&dir.join(FILE), &text)?)
    }
}

/// The version that an identity claims; another version may protect it in another way.
fn format_version(text: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(text).ok()?.get("format_version")?.as_u64()
}
