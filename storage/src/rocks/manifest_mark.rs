//! A note of how long the manifest was, so that a manifest cut short is told from the torn end that a crash leaves.
//!
//! `db/manifest.mark` holds one line, such as `MANIFEST-000005 944 crc32=5ab7c8f0`: so many bytes of that manifest were
//! durable. It is a lower bound, renewed after the commit that follows a change of the tables. RocksDB ignores the file
//! and checkpoints do not have it. It may be deleted; the next open makes a new one.

use std::path::{Path, PathBuf};

use fs_err as fs;
use parking_lot::Mutex;

use crate::{
    durable,
    error::{Result, StoreError},
    sealed::{self, Line},
};

pub(super) const FILE: &str = "manifest.mark";

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
        durable::write(&self.db.join(FILE), sealed::seal(&format!("{manifest} {bytes}")).as_bytes())?;
        *noted = Length { manifest, bytes };
        Ok(())
    }
}

/// The number of a manifest by its file name.
pub(super) fn number_of(manifest: &str) -> Option<u64> {
    let digits = manifest.strip_prefix("MANIFEST-")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn parse(text: &str) -> Option<Length> {
    let (manifest, bytes) = text.split_once(' ')?;
    number_of(manifest)?;
    Some(Length { manifest: manifest.to_owned(), bytes: bytes.parse().ok()? })
}

/// The note in the directory `db`, if there is one.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is damaged.
pub(super) fn noted(db: &Path) -> Result<Option<Length>> {
    let file = db.join(FILE);
    let bytes = match fs::read(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let found = match sealed::open_or_older(&bytes, |text| parse(text).is_some()) {
        Line::Whole(text) => parse(text),
        Line::Damaged => None,
    };
    found.map(Some).ok_or_else(|| StoreError::Corrupt {
        place: format!("'{}'", file.display()),
        detail: "this note of the manifest's length is damaged; nothing was changed. It is not needed: delete this file \
                 and start again, the manifest has checksums of its own (docs/errors/corrupt.md)"
            .into(),
    })
}
