//! Batches as SlateDB takes them.

use std::collections::BTreeSet;

use epistemic_storage::{
    Space, WriteBatch,
    backend::{Change, KeyRange, Read, ScanOptions},
};

use crate::{Result, keys};

/// The changes of a batch. SlateDB cannot remove a range: each key that `before` has in it gets a tombstone, so that removing a
/// range costs as much as what it holds.
pub(crate) fn changes(batch: &WriteBatch, before: &dyn Read) -> Result<slatedb::WriteBatch> {
    let mut changes = slatedb::WriteBatch::new();
    let removes_ranges = batch.changes().any(|change| matches!(change, Change::DeleteRange(..)));
    // What the batch itself has put so far, where a range that it removes later may cover it.
    let mut put: BTreeSet<(Space, &[u8])> = BTreeSet::new();
    for change in batch.changes() {
        match change {
            Change::Put(space, key, value) => {
                changes.put(keys::stored(space, key), value);
                if removes_ranges {
                    put.insert((space, key));
                }
            }
            Change::Delete(space, key) => changes.delete(keys::stored(space, key)),
            Change::DeleteRange(space, start, end) => {
                if start >= end {
                    continue;
                }
                for (_, key) in put.range((space, start)..(space, end)) {
                    changes.delete(keys::stored(space, key));
                }
                let range = KeyRange { start: start.to_vec(), end: Some(end.to_vec()) };
                let mut cursor = before.scan(space, range, ScanOptions::SWEEP)?;
                while let Some((key, _)) = cursor.next()? {
                    changes.delete(keys::stored(space, key));
                }
            }
        }
    }
    Ok(changes)
}
