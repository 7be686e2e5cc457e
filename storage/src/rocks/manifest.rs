//! A check of `CURRENT` and the manifest, which say what tables there are, before RocksDB opens them.
//!
//! RocksDB takes a database without `CURRENT` for a new one and deletes its tables, ends at the first damaged record of
//! the manifest as if it were the torn end of a crash, deleting the tables that later records name, and reads on for ever
//! behind some flipped bits.

use std::path::Path;

use fs_err as fs;

use super::{
    log_format::{ends_inside, evidence, whole_records},
    manifest_mark::{self, Length},
};
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
    if end == 0 || ends_inside(&bytes, end) || evidence(&bytes, end).is_some() {
        return Err(corrupt(&manifest, &format!("its record at offset {end} is damaged")));
    }
    match manifest_mark::noted(db)? {
        Some(noted) => {
            check_length(db, &noted, Length { manifest: name.to_owned(), bytes: bytes.len() as u64 })
        }
        None => Ok(()),
    }
}

/// Fails when the manifest is shorter than it was, or an older one. Names sort by age.
fn check_length(db: &Path, noted: &Length, found: Length) -> Result<()> {
    if found.manifest < noted.manifest {
        let detail = format!("it names {}, and {} was in use", found.manifest, noted.manifest);
        return Err(corrupt(&db.join("CURRENT"), &detail));
    }
    if found.manifest == noted.manifest && found.bytes < noted.bytes {
        let detail = format!("it was cut off: it has {} bytes of at least {}", found.bytes, noted.bytes);
        return Err(corrupt(&db.join(found.manifest), &detail));
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
