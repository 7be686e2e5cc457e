//! A check of the write-ahead log before RocksDB replays it.
//!
//! RocksDB stops replay at the first damaged record. That is right for the torn end a crash leaves, and a silent
//! loss when whole records follow the damage: with a sync per commit, whatever follows was written after the
//! damaged record had been acknowledged. The two are told apart by looking for a whole record behind the damage, and
//! at the damaged record itself.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::log_format::{evidence, whole_records};
use crate::error::{Result, StoreError};

/// What a check found in one log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalReport {
    /// The log file.
    pub file: PathBuf,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Offset of the first byte that is not part of a whole record, when not the end of the file.
    pub torn_at: Option<u64>,
}

/// Checks every log file of the RocksDB directory `db`, oldest first. Reads only.
///
/// # Errors
/// [`StoreError::Corrupt`] with file and offset when a damaged record has whole records behind it, in its file or in
/// a newer one, or cannot be what a crash leaves.
pub fn check_wals(db: &Path) -> Result<Vec<WalReport>> {
    let mut reports: Vec<WalReport> = Vec::new();
    for file in log_files(db)? {
        let bytes = fs::read(&file)?;
        if let Some(earlier) = reports.iter().find(|report| report.torn_at.is_some())
            && !bytes.is_empty()
        {
            return Err(corrupt(&earlier.file, earlier.torn_at.unwrap_or(0), "a newer log file follows"));
        }
        let end = whole_records(&bytes, 0);
        let torn = bytes[end..].iter().any(|&byte| byte != 0);
        if torn && let Some(evidence) = evidence(&bytes, end) {
            return Err(corrupt(&file, end as u64, &evidence));
        }
        reports.push(WalReport { bytes: bytes.len() as u64, torn_at: torn.then_some(end as u64), file });
    }
    Ok(reports)
}

fn corrupt(file: &Path, offset: u64, evidence: &str) -> StoreError {
    StoreError::Corrupt {
        place: format!("'{}'", file.display()),
        detail: format!(
            "the write-ahead log is damaged at offset {offset} and {evidence}, so acknowledged writes would be lost by \
             going on; nothing was changed. Keep a copy of the directory, then start from the newest checkpoint under \
             'checkpoints/' (docs/errors/wal-damaged.md)"
        ),
    }
}

fn log_files(db: &Path) -> Result<Vec<PathBuf>> {
    if !db.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(db)? {
        let path = entry?.path();
        let number =
            path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
        if let (Some(number), Some("log")) =
            (number, path.extension().and_then(|extension| extension.to_str()))
        {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rocks::log_format::{BLOCK, mask};

    fn full(payload: &[u8]) -> Vec<u8> {
        let mut body = vec![1u8];
        body.extend_from_slice(payload);
        let mut out = mask(crc32c::crc32c(&body)).to_le_bytes().to_vec();
        out.extend_from_slice(&(payload.len() as u16).to_le_bytes());
        out.extend_from_slice(&body);
        out
    }

    fn check(bytes: &[u8]) -> Result<Vec<WalReport>> {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("000007.log"), bytes).unwrap();
        check_wals(dir.path())
    }

    #[test]
    fn whole_log_is_clean() {
        let bytes = [full(b"one"), full(b"two")].concat();
        assert_eq!(check(&bytes).unwrap()[0].torn_at, None);
    }

    #[test]
    fn every_truncation_is_a_torn_tail() {
        let bytes = [full(b"one"), full(b"two")].concat();
        for length in 0..bytes.len() {
            check(&bytes[..length]).unwrap();
        }
    }

    #[test]
    fn every_flip_before_the_last_record_is_found() {
        let bytes = [full(b"one"), full(b"two"), full(b"three")].concat();
        let last = bytes.len() - full(b"three").len();
        for at in 0..last {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let error = check(&damaged).unwrap_err();
                assert!(error.is_corruption() && error.to_string().contains("offset"), "byte {at}: {error}");
            }
        }
    }

    #[test]
    fn damage_of_the_last_record_is_a_torn_tail_unless_it_cannot_be() {
        let bytes = [full(b"one"), full(b"two")].concat();
        let last = full(b"one").len();
        for at in last..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let in_length = (last + 4..last + 6).contains(&at);
                let recyclable = at == last + 6 && matches!(damaged[at], 5..=8 | 11 | 131);
                assert_eq!(check(&damaged).is_err(), in_length || recyclable, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn damage_is_found_from_later_blocks() {
        let record = full(&[7u8; 30_000]);
        let mut bytes = record.clone();
        bytes.resize(BLOCK, 0);
        bytes.extend_from_slice(&record);
        bytes[100] ^= 1;
        assert!(check(&bytes).unwrap_err().is_corruption());
    }

    #[test]
    fn zeros_at_the_end_are_clean() {
        let mut bytes = full(b"one");
        bytes.extend_from_slice(&[0; 5000]);
        assert_eq!(check(&bytes).unwrap()[0].torn_at, None);
    }
}
