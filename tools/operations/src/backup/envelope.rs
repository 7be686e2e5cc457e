//! The manifest of an encrypted run: whoever cannot open it is told who can, and learns nothing else.

use std::io::{Read, Write};

use age::DecryptError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::error::BackupError;
use super::manifest::{ENCRYPTED, Manifest};
use super::sealed::{seal, unseal};
use crate::encryption::Keys;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    version: u32,
    /// Those of the manifest.
    recipients: Vec<String>,
    /// An age file in Base64; in it is the manifest as JSON.
    age: String,
}

/// The stored form, for the readers among `keys`.
pub(super) fn close(manifest: &Manifest, keys: &Keys) -> anyhow::Result<Vec<u8>> {
    let mut writer = keys.for_readers(Vec::new())?;
    writer.write_all(&serde_json::to_vec(manifest)?)?;
    let age = STANDARD.encode(writer.finish()?);
    Ok(seal(&Envelope { version: ENCRYPTED, recipients: manifest.recipients.clone(), age })?)
}

/// Reads the stored form of the manifest of `run`.
pub(super) fn open(run: &str, bytes: &[u8], keys: &Keys) -> Result<Manifest, BackupError> {
    let bad = |reason: String| BackupError::BadManifest { run: run.to_owned(), reason };
    let Envelope { recipients, age, .. } = unseal(ENCRYPTED, bytes).map_err(bad)?;
    let age = STANDARD.decode(age).map_err(|error| bad(error.to_string()))?;
    let mut opened = match keys.decrypt(age.as_slice()) {
        Ok(opened) => opened,
        Err(DecryptError::NoMatchingKeys) => {
            return Err(keys.locked(format!("backup run '{run}'"), recipients).into());
        }
        Err(error) => return Err(bad(error.to_string())),
    };
    let mut text = Vec::new();
    opened.read_to_end(&mut text).map_err(|error| bad(error.to_string()))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    if (manifest.version, &manifest.recipients) != (ENCRYPTED, &recipients) {
        return Err(bad("it is of other recipients than it says".to_owned()));
    }
    Ok(manifest)
}
