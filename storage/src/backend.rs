//! What a backend has to do, and what it is asked with. Only those who write one, or read records past the graph layer, need
//! it.

#[cfg(feature = "rocksdb")]
pub use crate::rocks::{DamagedLog, LostWrites, WalReport, accept_lost_writes, check_wals, lost_writes};
pub use crate::{
    batch::Change,
    store::{
        BulkLoad, Cursor, Direction, Entry, GroupLimits, KeyRange, Read, RemoteActivity, RemoteRequests,
        ScanOptions, StoreStats,
    },
};
