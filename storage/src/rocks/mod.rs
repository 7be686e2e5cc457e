//! The RocksDB backend. This folder is the only place that names the `rocksdb` crate.

mod activity;
mod ballast;
mod bulk;
mod compaction;
mod damage;
mod database;
mod free_space;
mod log_files;
mod log_format;
mod log_mark;
mod lost_writes;
mod manifest;
mod manifest_mark;
mod options;
mod read;
#[cfg(test)]
mod several_logs;
mod store;
mod table;
mod version_edit;
mod wal;

pub(crate) use damage::is_damaged;
pub use lost_writes::{LostWrites, accept_lost_writes, lost_writes};
pub use options::RocksOptions;
pub use store::RocksStore;
pub use wal::{DamagedLog, WalReport, check_wals};

use crate::error::StoreError;

/// How RocksDB says that there is no room: the texts of ENOSPC and EDQUOT, and its own limit.
const NO_ROOM: [&str; 3] = ["No space left on device", "Disk quota exceeded", "SpaceLimit"];

/// How a disk says that it has lost a sector, or a file system with checksums that it has found one changed: EIO,
/// ENODATA, EUCLEAN, EBADMSG, EREMOTEIO, EILSEQ.
const LOST_SECTOR: [&str; 6] = [
    "Input/output error",
    "No data available",
    "Structure needs cleaning",
    "Bad message",
    "Remote I/O error",
    "Invalid or incomplete multibyte or wide character",
];

/// Whether RocksDB failed to read a table for good. It says `While pread offset 8192 len 4096: /path/000012.sst: REASON`.
fn is_unreadable(text: &str) -> bool {
    let reads = ["While pread", "While reading", "While prefetching"].iter().any(|verb| text.contains(verb));
    reads && text.contains(".sst") && LOST_SECTOR.iter().any(|reason| text.contains(reason))
}

/// Whether the operating system failed to read for good, as [`LOST_SECTOR`] has it.
fn is_lost_sector(error: &std::io::Error) -> bool {
    let text = error.to_string();
    LOST_SECTOR.iter().any(|reason| text.contains(reason))
}

/// Sorts an error of RocksDB into ours.
fn map_error(error: &rocksdb::Error, path: &std::path::Path) -> StoreError {
    let text = error.to_string();
    if NO_ROOM.iter().any(|reason| text.contains(reason)) {
        return StoreError::DiskFull { path: path.to_path_buf(), detail: text };
    }
    if text.contains("Too many open files") {
        return StoreError::OutOfDescriptors { detail: text };
    }
    if is_unreadable(&text) {
        let detail = format!("a table cannot be read: {text}");
        return StoreError::Corrupt { place: format!("'{}'", path.display()), detail };
    }
    match error.kind() {
        rocksdb::ErrorKind::Corruption => {
            StoreError::Corrupt { place: format!("'{}'", path.display()), detail: text }
        }
        rocksdb::ErrorKind::NotFound
        | rocksdb::ErrorKind::NotSupported
        | rocksdb::ErrorKind::InvalidArgument
        | rocksdb::ErrorKind::IOError
        | rocksdb::ErrorKind::MergeInProgress
        | rocksdb::ErrorKind::Incomplete
        | rocksdb::ErrorKind::ShutdownInProgress
        | rocksdb::ErrorKind::TimedOut
        | rocksdb::ErrorKind::Aborted
        | rocksdb::ErrorKind::Busy
        | rocksdb::ErrorKind::Expired
        | rocksdb::ErrorKind::TryAgain
        | rocksdb::ErrorKind::CompactionTooLarge
        | rocksdb::ErrorKind::ColumnFamilyDropped
        | rocksdb::ErrorKind::Unknown => StoreError::other(text),
    }
}
