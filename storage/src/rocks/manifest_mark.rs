//! A note of how long the manifest was, so that a manifest cut short is told from the torn end that a crash leaves.
//!
//! `db/manifest.mark` holds one line, such as `MANIFEST-000005 944`: so many bytes of that manifest were durable. It is
//! a lower bound, renewed after the commit that follows a change of the tables. RocksDB ignores the file and
//! checkpoints do not have it. It may be deleted; the next open makes a new one.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use fs_err as fs;
use parking_lot::Mutex;

use crate::error::Result;

const FILE: &str = "manifest.mark";

/// A manifest and a length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) manifest: String,
    pub(super) bytes: u64,
}

/// Keeps the note of an open database.
pub(super) struct ManifestMark {
    db: PathBuf,
    noted: Mutex<Length>,
}

impl ManifestMark {
    pub(super) fn new(db: &Path) -> Self {
        Self { db: db.to_path_buf(), noted: Mutex::default() }
    }

    /// Renews the note if the manifest has changed. When that fails the old note stays, which is a lower bound too.
    pub(super) fn renew(&self) {
        if let Err(error) = self.try_renew() {
            tracing::debug!(%error, "cannot note the length of the manifest");
        }
    }

    fn try_renew(&self) -> Result<()> {
        let mut noted = self.noted.lock();
        let path = self.db.join(&noted.manifest);
        if path.metadata().is_ok_and(|found| found.is_file() && found.len() == noted.bytes) {
            return Ok(());
        }
        let manifest = fs::read_to_string(self.db.join("CURRENT"))?.trim_end().to_owned();
        let file = fs::File::open(self.db.join(&manifest))?;
        let bytes = file.metadata()?.len();
        file.sync_all()?;
        let tmp = self.db.join(FILE).with_extension("tmp");
        let mut out = fs::File::create(&tmp)?;
        writeln!(out, "{manifest} {bytes}")?;
        out.sync_all()?;
        fs::rename(&tmp, self.db.join(FILE))?;
        fs::File::open(&self.db)?.sync_all()?;
        *noted = Length { manifest, bytes };
        Ok(())
    }
}

/// The note in the directory `db`, if there is one that can be read.
pub(super) fn noted(db: &Path) -> Result<Option<Length>> {
    let file = db.join(FILE);
    if !file.exists() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
    let parsed =
        text.trim_end().split_once(' ').and_then(|(manifest, bytes)| Some((manifest, bytes.parse().ok()?)));
    Ok(parsed.map(|(manifest, bytes)| Length { manifest: manifest.to_owned(), bytes }))
}
