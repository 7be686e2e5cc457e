//! The storage boundary: what a backend has to do.
//!
//! Byte-level, synchronous and object-safe. Nothing above it may assume local files, except through
//! [`Store::checkpoint`], which says so.

use std::{path::Path, time::Duration};

use crate::{
    batch::WriteBatch,
    error::Result,
    restore_points::RestorePoints,
    scrub::{Table, TableCheck},
    space::Space,
};

/// When a commit may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After the change is on stable storage (fsync).
    Sync,
    /// After the operating system has it. A crash of the process loses nothing, a power cut may lose the
    /// last commits, always a suffix of them. A backend without an operating system below it treats it as `Sync`.
    Buffered,
}

/// Direction of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Reverse,
}

/// How a range is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanOptions {
    /// From which end.
    pub direction: Direction,
    /// Whether the blocks that are read stay in a backend's caches. Not for scans that pass over much data once: they would
    /// push out what others use.
    pub fill_cache: bool,
}

impl ScanOptions {
    /// Ascending keys, which others may ask for soon.
    pub const FORWARD: Self = Self { direction: Direction::Forward, fill_cache: true };
    /// Ascending keys, once over much data.
    pub const SWEEP: Self = Self { direction: Direction::Forward, fill_cache: false };
    /// Descending keys, which others may ask for soon.
    pub const REVERSE: Self = Self { direction: Direction::Reverse, fill_cache: true };
    /// Descending keys, once over much data.
    pub const REVERSE_SWEEP: Self = Self { direction: Direction::Reverse, fill_cache: false };
}

impl From<Direction> for ScanOptions {
    fn from(direction: Direction) -> Self {
        Self { direction, fill_cache: true }
    }
}

/// Keys `>= start` and `< end`; `end` of `None` is unbounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// First key included.
    pub start: Vec<u8>,
    /// First key excluded.
    pub end: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys.
    pub fn all() -> Self {
        Self { start: Vec::new(), end: None }
    }

    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { start: prefix.to_vec(), end: successor(prefix) }
    }
}

/// The smallest key above every key that begins with `prefix`; `None` when there is none.
pub(crate) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// A key and its value.
pub type Entry<'c> = (&'c [u8], &'c [u8]);

/// A running scan. Entries are borrowed from it until the next step.
pub trait Cursor {
    /// The next entry, or `None` at the end. After an error the cursor is finished.
    fn next(&mut self) -> Result<Option<Entry<'_>>>;
}

/// Bytes of all keys and values that a scan has left.
pub(crate) fn bytes_left(cursor: &mut dyn Cursor) -> Result<u64> {
    let mut bytes = 0;
    while let Some((key, value)) = cursor.next()? {
        bytes += (key.len() + value.len()) as u64;
    }
    Ok(bytes)
}

/// Reads. On a [`Store`] each call sees the newest committed state; on a view all calls see one state.
/// All calls may block on disk.
pub trait Read: Send + Sync {
    /// The value of a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Whether a key exists, without copying its value.
    fn contains(&self, space: Space, key: &[u8]) -> Result<bool>;

    /// The values of many keys, in the order asked for.
    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>>;

    /// Whether many keys exist, in the order asked for, without copying values. Cheaper than asking one by one.
    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>>;

    /// The entries of a range in key order. The scan sees one state from its first to its last entry.
    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>>;
}

/// Loads many records past the log. Nothing is visible before [`BulkLoad::finish`], and dropping it leaves nothing; but what
/// a backend without disk does not hold at once is there before, and after a drop: use keys that nobody reads yet, and remove
/// them when the load is given up.
pub trait BulkLoad {
    /// Adds a record. Any order; of two records with one key the later wins.
    fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) -> Result<()>;

    /// Makes everything visible. Durable on return, but not atomic across a crash: use keys nobody reads yet.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Sizes of a store, for operators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes on disk, or in memory for the memory backend; an estimate.
    pub bytes: u64,
    /// Number of the last committed change of the backend; grows with every commit.
    pub sequence: u64,
    /// Bytes that its file system has left for it; none for a backend without files.
    pub free_bytes: Option<u64>,
    /// Bytes of the whole file system; none for a backend without files.
    pub disk_bytes: Option<u64>,
    /// Of the free ones, those that are kept: the store takes no writes that would leave fewer.
    pub reserve_bytes: Option<u64>,
    /// Inodes that its file system has left for it, where it has a number of them.
    pub free_inodes: Option<u64>,
    /// Memory of blocks that were read.
    pub cache_bytes: u64,
    /// Memory of writes that are not in tables yet.
    pub write_buffer_bytes: u64,
}

/// What a backend with files has done beside its commits since it was opened, and what it is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreActivity {
    /// Blocks that reads found in memory.
    pub block_hits: u64,
    /// Blocks that reads had to get from files.
    pub block_misses: u64,
    /// Bytes appended to the log.
    pub log_bytes: u64,
    /// Bytes of write buffers that were written to tables.
    pub flushed_bytes: u64,
    /// Bytes of tables that merges have read.
    pub merge_read_bytes: u64,
    /// Bytes of tables that merges have written.
    pub merge_written_bytes: u64,
    /// Bytes that merges have yet to read until the tables are as they should be; an estimate.
    pub merge_pending_bytes: u64,
    /// Merges that run now.
    pub merges_running: u64,
    /// Write buffers that are being written to tables now.
    pub flushes_running: u64,
    /// Tables that are not sorted among each other, of the space that has most: when there are too many, commits are slowed
    /// down, then stopped.
    pub unsorted_tables: u64,
    /// Time that commits were slowed down or stopped until merges had caught up.
    pub stalled: Duration,
    /// Commits are stopped now until merges have caught up.
    pub is_stopped: bool,
}

/// What a store on an object store has asked of it since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteActivity {
    /// Requests by their kind.
    pub requests: Vec<RemoteRequests>,
    /// Commits whose objects no table holds yet: a start replays them.
    pub log_objects: u64,
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteRequests {
    /// `get`, `put`, `list`, ...
    pub kind: &'static str,
    /// All, those that failed and were repeated included.
    pub requests: u64,
    /// Those that failed, but for the refusals that conditional requests are made for and objects that are not there.
    pub errors: u64,
    /// Bytes of objects that were sent or received.
    pub bytes: u64,
}

/// Records that one group changes, but for a write that changes more.
const GROUP_CHANGES: usize = 20_000;
/// Bytes that the writes of one group cost, about.
const GROUP_BYTES: u64 = 3 << 20;

/// How much is committed together: what a commit costs is told by the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimits {
    /// Writes of one group at most.
    pub writes: usize,
    /// A group is closed when it costs about so many bytes: nobody waits for more than one that has begun.
    pub bytes: u64,
    /// And when it changes so many records.
    pub changes: usize,
    /// Writes of one tenant in a group while others write too: whoever comes next waits for no more.
    pub writes_of_one: usize,
    /// And about so many bytes of one tenant, unless its first write is more.
    pub bytes_of_one: u64,
    /// How long the writers of the last group are waited for, to come back before the next one is committed without them.
    pub gather: Duration,
}

impl Default for GroupLimits {
    /// For a store whose commits take an fsync, some hundred microseconds.
    fn default() -> Self {
        Self {
            writes: 1024,
            bytes: GROUP_BYTES,
            changes: GROUP_CHANGES,
            writes_of_one: 128,
            bytes_of_one: 512 << 10,
            gather: Duration::from_micros(40),
        }
    }
}

/// An ordered key-value store with atomic batches: a backend.
pub trait Store: Read {
    /// A consistent, immutable view of all spaces as of now. Holding it keeps overwritten data on disk.
    fn read_view(&self) -> Box<dyn Read + '_>;

    /// Applies a batch atomically. When it fails nothing of it is visible.
    ///
    /// # Errors
    /// [`crate::StoreError::DiskFull`] when there is no room and [`crate::StoreError::OutOfDescriptors`] when no file can
    /// be opened: nothing was written and a later commit may succeed. A batch that [frees room](WriteBatch::frees_room)
    /// may use what is kept in reserve. Any other error leaves it open whether the batch survives a restart: the caller must stop writing.
    fn commit(&self, batch: WriteBatch, durability: Durability) -> Result<()>;

    /// How many writes should share a commit.
    fn group_limits(&self) -> GroupLimits {
        GroupLimits::default()
    }

    /// Checks, without writing, whether a small commit would currently be accepted. Where reads wait it answers at once, also
    /// while a commit waits for the store.
    ///
    /// # Errors
    /// What such a commit would be refused with, [`crate::StoreError::DiskFull`] for example.
    fn accepts_writes(&self) -> Result<()>;

    /// Looks after a backend that stopped taking writes for want of room or of descriptors, and sets it going again once
    /// there are. Cheap while all is well; blocks when there is something to do. Call it every second or so.
    ///
    /// # Errors
    /// What a small commit would be refused with, as [`Store::accepts_writes`]. An error that is neither
    /// [`crate::StoreError::DiskFull`] nor [`crate::StoreError::OutOfDescriptors`] does not go away by itself.
    fn recover(&self) -> Result<()> {
        self.accepts_writes()
    }

    /// Makes every earlier [`Durability::Buffered`] commit durable.
    ///
    /// # Errors
    /// As [`Store::commit`], but never [`crate::StoreError::DiskFull`]: it is open which of these commits are durable.
    fn sync(&self) -> Result<()>;

    /// Brings everything into its final place, so that nothing depends on a log any more. Durable on return. Dropping a
    /// store does it too, but cannot tell of an error.
    fn flush(&self) -> Result<()>;

    /// Starts a bulk load.
    fn bulk_load(&self) -> Result<Box<dyn BulkLoad + '_>>;

    /// Writes a complete, openable copy of the store to the local directory `dir`, which must not exist.
    /// Durable on return; files are shared by hard link where they can be. A backend without files has
    /// [`Store::restore_points`] instead.
    fn checkpoint(&self, dir: &Path) -> Result<()>;

    /// The states that it keeps by itself; none for a backend that writes its copies to directories, or keeps none.
    fn restore_points(&self) -> Option<&dyn RestorePoints> {
        None
    }

    /// Sizes.
    fn stats(&self) -> Result<StoreStats>;

    /// What it does beside its commits; none for a backend without files.
    fn activity(&self) -> Option<StoreActivity> {
        None
    }

    /// What it has asked of an object store; none for a backend without one.
    fn remote_activity(&self) -> Option<RemoteActivity> {
        None
    }

    /// Time that commits have spent until now on appending to the log and on its fsyncs. Cheap; zero for a backend without a
    /// log.
    fn log_time(&self) -> Duration {
        Duration::ZERO
    }

    /// Bytes that the entries of a range take, keys and values. An estimate, cheap where there is much: a backend may count
    /// large ranges as they lie on disk, compressed and with what has been overwritten, and leave out what is only in its
    /// write buffers. Ranges of a few blocks are counted exactly.
    fn size_of(&self, space: Space, range: KeyRange) -> Result<u64>;

    /// Drops what holds nothing but entries of a range that nobody reads any more; entries of it may stay. Needs hardly any
    /// room and ignores views. Of entries that were overwritten older ones may come to light: remove the range again
    /// afterwards.
    fn drop_whole(&self, _space: Space, _range: &KeyRange) -> Result<()> {
        Ok(())
    }

    /// Has entries of these ranges that were removed or overwritten leave the tables and the log of a backend that keeps
    /// them until then. Needs room for what remains, for which it may use what is kept in reserve; blocks. False when that
    /// is not possible for now.
    ///
    /// # Errors
    /// [`crate::StoreError::DiskFull`] when the room is not there; a part was done then.
    fn compact(&self, _ranges: &[(Space, KeyRange)]) -> Result<bool> {
        Ok(true)
    }

    /// When the oldest view was taken that is still held, Unix seconds: what was removed since stays until it is dropped.
    fn oldest_view(&self) -> Option<u64> {
        None
    }

    /// Reads every stored block and checks its checksum. Takes as long as reading the whole store.
    fn verify(&self) -> Result<()>;

    /// The files that it keeps records in; none for a backend without any.
    fn tables(&self) -> Result<Vec<Table>> {
        Ok(Vec::new())
    }

    /// Begins to read a table from end to end, past all caches; nothing when it is gone meanwhile. The check does not keep it.
    fn check_table(&self, _table: &Table) -> Result<Option<Box<dyn TableCheck>>> {
        Ok(None)
    }

    /// How many records a commit should remove by range at most, for a backend that removes them one by one: who may remove a
    /// range in parts does so.
    fn range_removal_limit(&self) -> Option<usize> {
        None
    }

    /// Whether a read may wait for a network, for tens of milliseconds: not to be called where others wait meanwhile.
    fn reads_wait(&self) -> bool {
        false
    }

    /// The first damage that was found in what it stores, in this run or an earlier one, until [`Store::forget_damage`].
    fn damage(&self) -> Option<String> {
        None
    }

    /// How often damage was met since it was opened.
    fn damage_met(&self) -> u64 {
        0
    }

    /// Notes damage that was found by another way than a read. Durable on return, as far as the disk allows.
    fn note_damage(&self, _error: &crate::StoreError) {}

    /// Takes it for sound again: call it when all tables were read and nothing was damaged. Durable on return.
    fn forget_damage(&self) -> Result<()> {
        Ok(())
    }

    /// Backend name: `memory`, `rocksdb`, `slatedb`.
    fn backend(&self) -> &'static str;
}

impl<S: Store + 'static> From<S> for Box<dyn Store> {
    fn from(store: S) -> Self {
        Box::new(store)
    }
}
