//! The RocksDB backend. This folder is the only place that names the `rocksdb` crate.

mod ballast;
mod bulk;
mod damage;
mod database;
mod free_space;
mod log_format;
mod manifest;
mod manifest_mark;
mod options;
mod read;
mod store;
mod wal;

pub(crate) use damage::is_damaged;
pub use options::RocksOptions;
pub use store::RocksStore;
pub use wal::{WalReport, check_wals};

use crate::error::StoreError;

/// Sorts an error of RocksDB into ours.
fn map_error(error: &rocksdb::Error, path: &std::path::Path) -> StoreError {
    let text = error.to_string();
    if text.contains("No space left on device") || text.contains("SpaceLimit") {
        return StoreError::DiskFull { path: path.to_path_buf(), detail: text };
    }
    if text.contains("Too many open files") {
        return StoreError::OutOfDescriptors { detail: text };
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
        | rocksdb::ErrorKind::Unknown => StoreError::Io(text),
    }
}
