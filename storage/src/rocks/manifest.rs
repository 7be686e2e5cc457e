//! A check of `CURRENT` and the manifest, which say what tables there are, before RocksDB opens them.
//!
//! RocksDB takes a database without `CURRENT` for a new one and deletes its tables, ends at the first damaged record of
//! the manifest as if it were the torn end of a crash, and reads on for ever behind some flipped bits.

use std::path::Path;

use fs_err as fs;

use super::log_format::{ends_inside, is_unreadable, record_behind, whole_records};
use crate::error::{Result, StoreError};

const REMEDY: &str = "nothing was changed. Keep a copy of the directory, then start from the newest checkpoint under \
                      'checkpoints/' (docs/errors/corrupt.md)";

/// Checks the RocksDB directory `db`. Reads only. A directory without a database is fine.
///
/// # Errors
/// [`StoreError::Corrupt`] with the file, and its offset where there is one.
pub(super) fn check_manifest(db: &Path) -> Result<()> {
    let current = db.join("CURRENT");
    if !current.exists() {
        return check_is_new(db);
    }
    let text = fs::read(&current)?;
    let name = str::from_utf8(&text).ok().and_then(|text| text.strip_suffix('\n'));
    let Some(name) = name.filter(|name| name.starts_with("MANIFEST-") && !name.contains('/')) else {
        return Err(corrupt(&current, "it does not name a manifest"));
    };
    let manifest = db.join(name);
    if !manifest.exists() {
        return Err(corrupt(&manifest, "it is missing, and CURRENT names it"));
    }
    let bytes = fs::read(&manifest)?;
    let end = whole_records(&bytes, 0);
    let torn_by_a_crash = !ends_inside(&bytes, end) && !is_unreadable(&bytes, end) && record_behind(&bytes, end).is_none();
    if end == 0 || !torn_by_a_crash {
        return Err(corrupt(&manifest, &format!("its record at offset {end} is damaged")));
    }
    Ok(())
}

/// Fails when there are tables or logs although there is no `CURRENT`.
fn check_is_new(db: &Path) -> Result<()> {
    if !db.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(db)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sst" || extension == "log") {
            let detail = format!("it is missing, and '{}' shows that a database is here", path.display());
            return Err(corrupt(&db.join("CURRENT"), &detail));
        }
    }
    Ok(())
}

fn corrupt(file: &Path, what: &str) -> StoreError {
    StoreError::Corrupt { place: format!("'{}'", file.display()), detail: format!("{what}; {REMEDY}") }
}
