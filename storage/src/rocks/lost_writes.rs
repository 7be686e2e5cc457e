//! Opening a database without the commits that its log has lost.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use fs_err as fs;
use rocksdb::{Cache, DB};

use super::{
    RocksOptions,
    log_files::log_files,
    log_format::Records,
    log_mark, manifest, map_error, options,
    wal::{DamagedLog, look},
};
use crate::{durable, error::Result};

/// Folder inside the database directory for logs that were given up. Nothing reads it.
const KEPT: &str = "lost";

/// What a database with a damaged log lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LostWrites {
    /// The logs that lack commits, oldest first.
    pub damaged: Vec<DamagedLog>,
    /// Newer logs, with their commits: without those that are missing they make no sense, so they are left out too.
    pub left_out: Vec<(PathBuf, u64)>,
}

/// What would be missing if the database in `db` were opened as it is; empty when its log is whole. Reads only.
///
/// # Errors
/// [`crate::StoreError::Corrupt`] when more is damaged than logs.
pub fn lost_writes(db: &Path) -> Result<LostWrites> {
    let (_, damaged) = look(db, &manifest::check_manifest(db)?, true)?;
    let mut left_out = Vec::new();
    if let Some(first) = damaged.first() {
        for (number, log) in log_files(db)? {
            if number > first.number {
                let commits = Records::new(&fs::read(&log)?, 0).count() as u64;
                left_out.push((log, commits));
            }
        }
    }
    Ok(LostWrites { damaged, left_out })
}

/// Gives up what [`lost_writes`] tells, so that the database holds what was committed before the damage and opens again. The
/// logs concerned are kept in its folder `lost/`. Does nothing when the log is whole. Durable on return; after an
/// interruption call it again.
///
/// # Errors
/// As [`lost_writes`]; whatever RocksDB says when it cannot open the rest.
pub fn accept_lost_writes(db: &Path) -> Result<LostWrites> {
    let lost = lost_writes(db)?;
    let Some(first) = lost.damaged.first() else {
        return Ok(lost);
    };
    let kept = db.join(KEPT);
    fs::create_dir_all(&kept)?;
    for (log, _) in &lost.left_out {
        fs::rename(log, free_name(&kept, log))?;
    }
    if let Some(whole_to) = first.whole_to {
        let bytes = fs::read(&first.file)?;
        write_synced(&free_name(&kept, &first.file), &bytes)?;
        // Never in place: a checkpoint may share the file.
        let begun = first.file.with_extension("tmp");
        write_synced(&begun, &bytes[..usize::try_from(whole_to).unwrap_or(usize::MAX).min(bytes.len())])?;
        fs::rename(&begun, &first.file)?;
    }
    match fs::rename(db.join(log_mark::FILE), free_name(&kept, Path::new(log_mark::FILE))) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    durable::sync_dir(&kept)?;
    durable::sync_dir(db)?;
    replay(db)?;
    Ok(lost)
}

/// Brings what is left of the logs into tables. The manifest may ask for more of them.
fn replay(db: &Path) -> Result<()> {
    let mut database = options::database(&RocksOptions::default());
    database.set_track_and_verify_wals_in_manifest(false);
    let families = options::families(&RocksOptions::default(), &Cache::new_lru_cache(8 << 20), false);
    DB::open_cf_descriptors(&database, db, families).map(drop).map_err(|error| map_error(&error, db))
}

/// A path in `folder` that is free, named like `file`.
fn free_name(folder: &Path, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    (0..)
        .map(|number| folder.join(format!("{name}.{number}")))
        .find(|path| !path.exists())
        .unwrap_or_default()
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes)?;
    Ok(fs::File::open(path)?.sync_all()?)
}
