//! Small JSON documents with a checksum:
//!
//! ```text
//! {"sha256": SHA-256 of the bytes of the value of "manifest", "manifest": {"version": N, ...}}
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    sha256: String,
    manifest: Box<RawValue>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The version that a document says it has, which may be damaged.
///
/// # Errors
/// It says none.
pub(super) fn version(bytes: &[u8]) -> Result<u32, String> {
    #[derive(Deserialize)]
    struct Glance {
        manifest: Versioned,
    }
    let glance: Glance = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(glance.manifest.version)
}

/// The stored form.
pub(super) fn seal(document: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let manifest = to_raw_value(document)?;
    let sha256 = hex::encode(Sha256::digest(manifest.get()));
    serde_json::to_vec(&Sealed { sha256, manifest })
}

/// Reads the stored form of a document of this version.
///
/// # Errors
/// What is wrong with it.
pub(super) fn unseal<T: DeserializeOwned>(version: u32, bytes: &[u8]) -> Result<T, String> {
    let sealed: Sealed = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let text = sealed.manifest.get();
    let sha256 = hex::encode(Sha256::digest(text));
    if sha256 != sealed.sha256 {
        return Err(format!("its SHA-256 is {sha256}, it says {}: damaged", sealed.sha256));
    }
    let found: Versioned = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if found.version != version {
        return Err(format!("it has version {}, this program reads version {version}", found.version));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}
