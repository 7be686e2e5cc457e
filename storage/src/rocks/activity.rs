//! What RocksDB does beside commits, and how long they wait for its log.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rocksdb::{
    DB,
    perf::{PerfContext, PerfMetric, PerfStatsLevel, set_perf_stats},
    properties,
    statistics::Ticker,
};

use super::{database::Database, read::handle};
use crate::{error::Result, space::Space, store::StoreActivity};

/// Times but those of mutexes. The binding counts one level less than RocksDB has since it has `kEnableWait`: what it calls
/// `EnableTimeExceptForMutex` measures no times at all. A test notices when that changes.
const TIMES: PerfStatsLevel = PerfStatsLevel::EnableTimeAndCPUTimeExceptForMutex;

/// Time spent on the log.
#[derive(Default)]
pub(super) struct LogTime(AtomicU64);

impl LogTime {
    /// Runs a write and adds the time that RocksDB takes to append to the log and to sync it. On this thread RocksDB looks
    /// at the clock meanwhile, which is some ten times for a group of writes.
    pub(super) fn of<T>(&self, write: impl FnOnce() -> T) -> T {
        set_perf_stats(TIMES);
        let mut context = PerfContext::default();
        context.reset();
        let written = write();
        self.0.fetch_add(context.metric(PerfMetric::WriteWalTime), Ordering::Relaxed);
        set_perf_stats(PerfStatsLevel::Disable);
        written
    }

    /// All of it until now.
    pub(super) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// What it has done since it was opened first, and does now.
pub(super) fn activity(database: &Database) -> Result<StoreActivity> {
    let db = database.get()?;
    let of_families = |property| Space::ALL.map(|space| value(&db, space, property));
    let whole = |property| value(&db, Space::Catalog, property);
    let counted = |ticker| database.counted(ticker);
    Ok(StoreActivity {
        block_hits: counted(Ticker::BlockCacheHit),
        block_misses: counted(Ticker::BlockCacheMiss),
        log_bytes: counted(Ticker::WalFileBytes),
        flushed_bytes: counted(Ticker::FlushWriteBytes),
        merge_read_bytes: counted(Ticker::CompactReadBytes),
        merge_written_bytes: counted(Ticker::CompactWriteBytes),
        merge_pending_bytes: of_families(properties::ESTIMATE_PENDING_COMPACTION_BYTES).into_iter().sum(),
        merges_running: whole(properties::NUM_RUNNING_COMPACTIONS),
        flushes_running: whole(properties::NUM_RUNNING_FLUSHES),
        unsorted_tables: of_families(&properties::num_files_at_level(0)).into_iter().max().unwrap_or(0),
        stalled: Duration::from_micros(counted(Ticker::StallMicros)),
        is_stopped: whole(properties::IS_WRITE_STOPPED) > 0,
    })
}

/// A property of a family, some of which are of the whole database; 0 where it has none.
fn value(db: &DB, space: Space, property: &properties::PropName) -> u64 {
    db.property_int_value_cf(handle(db, space), property).ok().flatten().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::{
        batch::WriteBatch,
        rocks::{RocksOptions, RocksStore},
        space::Space,
        store::{Durability, Store},
    };

    #[test]
    fn the_time_of_the_log_and_what_was_written_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let store = RocksStore::open(&dir.path().join("db"), &RocksOptions::default()).unwrap();
        let before = (store.log_time(), store.activity().unwrap());
        let mut batch = WriteBatch::default();
        batch.put(Space::Nodes, b"key", vec![7_u8; 10_000]);
        store.commit(batch, Durability::Sync).unwrap();
        assert!(store.log_time() > before.0, "{:?}", store.log_time());
        store.flush().unwrap();
        let after = store.activity().unwrap();
        assert!(after.log_bytes >= before.1.log_bytes + 10_000, "{after:?}");
        assert!(after.flushed_bytes > before.1.flushed_bytes && after.unsorted_tables == 1, "{after:?}");
        assert!(!after.is_stopped);
    }
}
