//! Takes removed entries out of the tables.

use rocksdb::{BottommostLevelCompaction, CompactOptions, DB, Range};

use super::read::handle;
use crate::{space::Space, store::KeyRange};

/// Ranges with less than this between them are compacted together: the tables around them would be written twice else.
const GAP_BYTES: u64 = 64 << 20;

/// What a compaction of one range writes beside it, at most: the rest of the tables at its two ends.
const EDGES_BYTES: u64 = 2 * GAP_BYTES;

/// A range with both its ends.
type Span = (Vec<u8>, Vec<u8>);

/// Drops the tables of a space that hold keys of `range` only.
pub(super) fn drop_tables(db: &DB, space: Space, range: &KeyRange) -> Result<(), rocksdb::Error> {
    let Some(end) = &range.end else { return Ok(()) };
    db.delete_file_in_range_cf(handle(db, space), &range.start, end)
}

/// Bytes that are in write buffers only, at most.
pub(super) fn unwritten(db: &DB) -> u64 {
    let of = |space| db.property_int_value_cf(handle(db, space), "rocksdb.cur-size-all-mem-tables");
    Space::ALL.into_iter().filter_map(|space| of(space).ok().flatten()).sum()
}

/// Bytes that a compaction of these ranges, whose entries are removed, writes at most: what is between them and in the tables
/// at their ends, and never more than there is.
pub(super) fn cost(db: &DB, space: Space, ranges: &[KeyRange]) -> u64 {
    let inside = |(start, end): &Span| bytes_between(db, space, start, end);
    let removed: u64 = spans(ranges).iter().map(inside).sum();
    let joined = joined(db, space, ranges);
    let between = joined.iter().map(inside).sum::<u64>().saturating_sub(removed);
    let tables = db.property_int_value_cf(handle(db, space), "rocksdb.total-sst-files-size");
    let others = tables.ok().flatten().unwrap_or(u64::MAX).saturating_sub(removed);
    others.min(between.saturating_add(EDGES_BYTES * joined.len() as u64))
}

/// Writes all tables that overlap the ranges anew, without what was removed. Its errors show as background errors.
pub(super) fn compact(db: &DB, space: Space, ranges: &[KeyRange]) {
    let mut options = CompactOptions::default();
    options.set_exclusive_manual_compaction(false);
    options.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
    for (start, end) in joined(db, space, ranges) {
        db.compact_range_cf_opt(handle(db, space), Some(start), Some(end), &options);
    }
}

fn spans(ranges: &[KeyRange]) -> Vec<Span> {
    ranges.iter().filter_map(|range| Some((range.start.clone(), range.end.clone()?))).collect()
}

fn joined(db: &DB, space: Space, ranges: &[KeyRange]) -> Vec<Span> {
    let mut spans = spans(ranges);
    spans.sort();
    let mut joined: Vec<Span> = Vec::new();
    for (start, end) in spans {
        match joined.last_mut() {
            Some(last) if last.1 >= start || bytes_between(db, space, &last.1, &start) < GAP_BYTES => {
                last.1 = last.1.clone().max(end);
            }
            Some(_) | None => joined.push((start, end)),
        }
    }
    joined
}

fn bytes_between(db: &DB, space: Space, start: &[u8], end: &[u8]) -> u64 {
    let sizes = db.get_approximate_sizes_cf(handle(db, space), &[Range::new(start, end)]);
    sizes.into_iter().sum()
}
