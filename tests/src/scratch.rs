//! Temporary folders that can be looked at afterwards.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

/// An empty folder, removed when dropped unless `EG_KEEP` is set: then it stays, and whoever set that removes it.
pub fn folder() -> Result<TempDir> {
    let keep = std::env::var_os("EG_KEEP").is_some();
    Ok(tempfile::Builder::new().prefix("eg-test-").disable_cleanup(keep).tempdir()?)
}

/// What to say of a failure that is about `folder`.
pub fn told(folder: &Path) -> String {
    let kept = if std::env::var_os("EG_KEEP").is_some() { "" } else { " (removed; EG_KEEP=1 keeps it)" };
    format!("directory {}{kept}", folder.display())
}
