//! A check of `CURRENT` and the manifest, which say what tables there are, before RocksDB opens them.
//!
//! RocksDB takes a database without `CURRENT` for a new one and deletes its tables, ends at the first damaged record of
//! the manifest as if it were the torn end of a crash, deleting the tables that later records name, and reads on for ever
//! behind some flipped bits.

use std::{collections::BTreeMap, path::Path};

use fs_err as fs;

use super::{
    log_format::{Records, ends_inside, evidence, whole_pieces},
    manifest_mark::{self, Length, number_of},
    version_edit::{self, VersionEdit},
};
use crate::error::{Result, StoreError};

const REMEDY: &str = "nothing was changed. Keep a copy of the directory, then start from the newest checkpoint under \
                      'checkpoints/' (docs/errors/corrupt.md)";

/// What a manifest says about the logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogsNeeded {
    /// Logs below this number are not needed: all that they hold is in tables.
    pub(super) oldest: u64,
    /// Bytes of complete logs, as far as it tells.
    pub(super) closed: BTreeMap<u64, u64>,
}

/// Checks the RocksDB directory `db`, and returns which logs its tables need. Reads only. A directory without a database
/// is fine and needs none.
///
/// # Errors
/// [`StoreError::Corrupt`] with the file, and its offset where there is one.
pub(super) fn check_manifest(db: &Path) -> Result<LogsNeeded> {
    let current = db.join("CURRENT");
    if !current.exists() {
        check_is_new(db)?;
        return Ok(LogsNeeded::default());
    }
    let text = fs::read(&current)?;
    let name = str::from_utf8(&text).ok().and_then(|text| text.strip_suffix('\n'));
    let Some(name) = name.filter(|name| number_of(name).is_some()) else {
        return Err(corrupt(&current, "it does not name a manifest"));
    };
    let manifest = db.join(name);
    if !manifest.exists() {
        return Err(corrupt(&manifest, "it is missing, and CURRENT names it"));
    }
    let bytes = fs::read(&manifest)?;
    let end = whole_pieces(&bytes, 0);
    if end == 0 || ends_inside(&bytes, end) || evidence(&bytes, end).is_some() {
        return Err(corrupt(&manifest, &format!("its record at offset {end} is damaged")));
    }
    if let Some(noted) = manifest_mark::noted(db)? {
        check_length(db, &noted, &Length { manifest: name.to_owned(), bytes: bytes.len() as u64 })?;
    }
    Ok(logs_needed(&bytes))
}

/// What the records of a manifest add up to. A record of an unknown form leaves every log needed.
fn logs_needed(manifest: &[u8]) -> LogsNeeded {
    let mut families = BTreeMap::from([(0, 0)]);
    let mut needed = LogsNeeded::default();
    let mut group = Vec::new();
    for record in Records::new(manifest, 0) {
        let Some(edit) = version_edit::decode(&record) else {
            return LogsNeeded::default();
        };
        let complete = edit.rest_of_group.is_none_or(|rest| rest == 0);
        group.push(edit);
        if complete {
            group.drain(..).for_each(|edit| apply(edit, &mut families, &mut needed));
        }
    }
    let oldest_of_families = families.values().min().copied().unwrap_or(0);
    needed.oldest = needed.oldest.max(oldest_of_families);
    needed.closed.retain(|number, _| *number >= needed.oldest);
    needed
}

fn apply(edit: VersionEdit, families: &mut BTreeMap<u32, u64>, needed: &mut LogsNeeded) {
    if edit.drops_family {
        families.remove(&edit.family);
    } else if edit.adds_family {
        families.insert(edit.family, edit.log_number.unwrap_or(0));
    } else if let (Some(number), Some(family)) = (edit.log_number, families.get_mut(&edit.family)) {
        *family = number.max(*family);
    }
    needed.oldest = needed.oldest.max(edit.min_log.unwrap_or(0));
    for (number, bytes) in edit.closed_logs {
        needed.closed.insert(number, bytes);
    }
}

/// Fails when the manifest is shorter than it was, or an older one.
fn check_length(db: &Path, noted: &Length, found: &Length) -> Result<()> {
    let unless =
        format!("unless '{}' is wrong: when nothing else is, delete it and start again", manifest_mark::FILE);
    let (found_number, noted_number) = (number_of(&found.manifest), number_of(&noted.manifest));
    if found_number < noted_number {
        let detail = format!("it names {}, and {} was in use, {unless}", found.manifest, noted.manifest);
        return Err(corrupt(&db.join("CURRENT"), &detail));
    }
    if found_number == noted_number && found.bytes < noted.bytes {
        let detail =
            format!("it was cut off: it has {} bytes of at least {}, {unless}", found.bytes, noted.bytes);
        return Err(corrupt(&db.join(&found.manifest), &detail));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn length(manifest: &str, bytes: u64) -> Length {
        Length { manifest: manifest.into(), bytes }
    }

    #[test]
    fn manifests_sort_by_their_numbers() {
        let check = |noted: &Length, found: &Length| check_length(Path::new("db"), noted, found);
        let (old, new) = (length("MANIFEST-999999", 90), length("MANIFEST-1000000", 10));
        check(&old, &new).unwrap();
        assert!(check(&new, &old).unwrap_err().to_string().contains("CURRENT"));
        check(&new, &new).unwrap();
        let error = check(&new, &length("MANIFEST-1000000", 9)).unwrap_err().to_string();
        assert!(error.contains("9 bytes of at least 10") && error.contains("delete it"), "{error}");
    }
}
