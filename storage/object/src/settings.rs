//! How SlateDB is run. Each value that is not its default has its reason here.

use std::{sync::Arc, time::Duration};

use epistemic_storage::backend::{Direction, ScanOptions};
use slatedb::{
    IterationOrder, Settings,
    config::{
        CompactorOptions, CompressionCodec, GarbageCollectorDirectoryOptions, GarbageCollectorOptions,
        ScanOptions as SlateScan,
    },
    db_cache::{
        DbCache, SplitCache,
        moka::{MokaCache, MokaCacheOptions},
    },
};

/// A read that takes longer may find its objects gone.
pub(crate) const READ_HOURS: u64 = 2;
/// Bytes of changes that are collected before they become a table. The default of 64 MiB, with four times as much in flight,
/// takes 600 MiB of memory while much is written.
const TABLE_BYTES: usize = 32 << 20;
/// Bytes of changes in memory; beyond, commits wait for tables to be written.
const UNWRITTEN_BYTES: usize = 96 << 20;
/// Tables that wait for compaction. We write small ones often, to keep the log short.
const NEW_TABLES: usize = 16;

pub(crate) fn settings(replaces: bool) -> Settings {
    Settings {
        // Each commit flushes itself: a timer would only add to the time that it takes.
        flush_interval: None,
        l0_sst_size_bytes: TABLE_BYTES,
        max_unflushed_bytes: UNWRITTEN_BYTES,
        l0_max_ssts: 2 * NEW_TABLES,
        l0_max_ssts_per_key: NEW_TABLES,
        compression_codec: Some(CompressionCodec::Lz4),
        // With a limit the database closes after an outage, for reads too. Without one it heals.
        object_store_max_retries: None,
        compactor_options: Some(CompactorOptions {
            max_concurrent_compactions: 1,
            checkpoint_lifetime: Duration::from_secs(READ_HOURS * 60 * 60),
            ..CompactorOptions::default()
        }),
        garbage_collector_options: Some(GarbageCollectorOptions {
            // Never. An owner that was frozen when it was deposed goes on where it stopped: if the fence before it was
            // deleted meanwhile, its write is accepted and lost (docs/decisions/0052-a-shard-on-an-object-store.md).
            wal_fence_options: None,
            // A deposed owner that comes back could make a manifest anew that was deleted, and take it for its own. What keeps
            // it from that needs objects that are replaced on a condition, which files cannot: manifests stay there.
            boundary_files_enabled: replaces,
            manifest_options: replaces.then(GarbageCollectorDirectoryOptions::default),
            compactions_options: replaces.then(GarbageCollectorDirectoryOptions::default),
            ..GarbageCollectorOptions::default()
        }),
        ..Settings::default()
    }
}

/// A cache of `bytes`: three quarters for blocks, the rest for indexes and filters, which blocks must not push out.
pub(crate) fn cache(bytes: usize) -> Arc<dyn DbCache> {
    let part = |bytes: usize| -> Option<Arc<dyn DbCache>> {
        let options = MokaCacheOptions { max_capacity: bytes as u64, time_to_live: None, time_to_idle: None };
        Some(Arc::new(MokaCache::new_with_opts(options)))
    };
    Arc::new(SplitCache::new().with_block_cache(part(bytes / 4 * 3)).with_meta_cache(part(bytes / 4)).build())
}

/// Scans read ahead, by default block by block: 20 times slower over a network.
pub(crate) fn scan(options: ScanOptions) -> SlateScan {
    let (read_ahead_bytes, max_fetch_tasks) = if options.fill_cache { (128 << 10, 2) } else { (1 << 20, 4) };
    SlateScan {
        read_ahead_bytes,
        max_fetch_tasks,
        cache_blocks: options.fill_cache,
        order: match options.direction {
            Direction::Forward => IterationOrder::Ascending,
            Direction::Reverse => IterationOrder::Descending,
        },
        ..SlateScan::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A start reads them before anything else; what they must not be is told in the decision.
    #[test]
    fn fences_are_never_deleted_and_retries_never_end() {
        for replaces in [false, true] {
            let settings = settings(replaces);
            let garbage = settings.garbage_collector_options.unwrap();
            assert!(garbage.wal_fence_options.is_none());
            assert_eq!(
                (garbage.boundary_files_enabled, garbage.manifest_options.is_some()),
                (replaces, replaces)
            );
            assert_eq!((settings.object_store_max_retries, settings.flush_interval), (None, None));
        }
    }
}
