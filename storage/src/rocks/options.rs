//! Tuning of RocksDB, with the reason for each setting.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, DataBlockIndexType,
    Options, statistics::StatsLevel,
};

use crate::space::Space;

const MIB: usize = 1 << 20;

/// Version of the form of tables, which [`super::table`] reads.
pub(super) const TABLE_FORMAT: u32 = 6;

/// User-settable options.
#[derive(Debug, Clone)]
pub struct RocksOptions {
    /// Bytes of decompressed blocks kept in memory.
    pub block_cache_bytes: usize,
    /// Bytes of writes that are not in tables yet: beyond, they are written out. While that is done new ones come beside.
    pub write_buffer_bytes: usize,
    /// Commits are refused while the file system has fewer free bytes than this.
    pub min_free_bytes: u64,
    /// Whether each commit is synced before the next one starts, so that a damaged log record with whole
    /// records behind it can only be corruption. False for relaxed durability, where a power cut may do that.
    pub strict_wal: bool,
    /// Opens without changing a byte; every write is refused.
    pub read_only: bool,
    /// When there is no room to replay the log, opens for reading all the same; writes are refused until there is room
    /// ([`crate::Store::recover`]). Otherwise it does not open then.
    pub serve_without_room: bool,
    /// Room that is held for a start or a deletion on a full file system, at most; a hundredth of what is free. 0 holds none.
    pub ballast_bytes: u64,
    /// Tables open at a time; none keeps all of them open.
    pub max_open_tables: Option<u32>,
    /// Merges tables in the background. A repair goes without: a merge that meets a damaged block stops all writes.
    pub merge_tables: bool,
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self {
            block_cache_bytes: 256 * MIB,
            write_buffer_bytes: 96 * MIB,
            min_free_bytes: 64 * MIB as u64,
            strict_wal: true,
            read_only: false,
            serve_without_room: false,
            ballast_bytes: 0,
            max_open_tables: None,
            merge_tables: true,
        }
    }
}

/// Options of the whole database, with statistics of their own, which their clones share.
pub(super) fn database(choices: &RocksOptions) -> Options {
    let mut options = Options::default();
    if let Some(tables) = choices.max_open_tables {
        // RocksDB takes ten of them for other files.
        options.set_max_open_files(i32::try_from(tables.saturating_add(10)).unwrap_or(i32::MAX));
    }
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(2);
    // Bounds the log that a restart after a crash must replay.
    options.set_max_total_wal_size((choices.write_buffer_bytes / 3 * 2) as u64);
    options.set_db_write_buffer_size(choices.write_buffer_bytes);
    // After an ENOSPC at a sync RocksDB writes the memtables out by itself and gives the log up, in which there is a group that
    // they do not have. Cut short between two families, that would leave the group to some of them.
    options.set_atomic_flush(true);
    // Everything up to the first damaged record; `wal::check_wals` has proved before that nothing acknowledged follows it.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_paranoid_checks(true);
    options.set_skip_stats_update_on_db_open(true);
    options.set_keep_log_file_num(2);
    // Counters only: a timer would cost each read two looks at the clock.
    options.enable_statistics();
    options.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_bytes_per_sync(MIB as u64);
    // One thread writes (group commit), so the cheaper single-writer memtable is enough.
    options.set_allow_concurrent_memtable_write(false);
    options
}

/// Options of one column family.
pub(super) fn family(space: Space, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(8 * 1024);
    table.set_format_version(TABLE_FORMAT as i32);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut options = Options::default();
    match space {
        Space::Catalog | Space::Nodes | Space::Vectors => {
            table.set_bloom_filter(10.0, false);
            table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
        }
        // Read by range only: a filter over whole keys would never be asked.
        Space::OutEdges | Space::InEdges | Space::Labels | Space::Ledger | Space::Channels => {}
    }
    if space == Space::Nodes {
        // Every AddNode asks whether the node is there: mostly not, which the filter answers without a search.
        options.set_memtable_prefix_bloom_ratio(0.1);
        options.set_memtable_whole_key_filtering(true);
    }
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}

/// All column families; RocksDB's own `default` family stays empty.
pub(super) fn families(choices: &RocksOptions, cache: &Cache, compact: bool) -> Vec<ColumnFamilyDescriptor> {
    let descriptor = |space: Space| {
        let mut options = family(space, cache);
        options.set_write_buffer_size(choices.write_buffer_bytes / 3);
        options.set_disable_auto_compactions(!compact);
        ColumnFamilyDescriptor::new(space.name(), options)
    };
    Space::ALL.map(descriptor).into()
}
