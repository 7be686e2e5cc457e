//! Batches.

use epistemic_storage::{Durability, Space, Store, WriteBatch};

use super::fixture::{Pair, Result, pair, put, put_all, scan_all};

const SPACE: Space = Space::Ledger;

pub(super) fn order_within_a_batch(store: &dyn Store) -> Result<()> {
    put_all(store, SPACE, &[pair(b"a", b"old"), pair(b"b", b"old"), pair(b"c", b"old")])?;
    let mut batch = WriteBatch::new();
    batch.put(SPACE, b"k", b"1");
    batch.delete(SPACE, b"k");
    batch.put(SPACE, b"k", b"2");
    batch.put(SPACE, b"gone", b"1");
    batch.delete(SPACE, b"gone");
    batch.put(SPACE, b"b", b"covered");
    batch.delete_range(SPACE, b"a", b"c");
    batch.put(SPACE, b"a", b"new");
    let mut behind = WriteBatch::new();
    behind.put(SPACE, b"k", b"3");
    batch.append(&behind);
    store.commit(batch, Durability::Sync)?;
    assert_eq!(scan_all(store, SPACE)?, [pair(b"a", b"new"), pair(b"c", b"old"), pair(b"k", b"3")]);
    assert_eq!(store.get(SPACE, b"b")?, None);
    Ok(())
}

/// Readers that run beside a writer see both keys of each batch or neither.
pub(super) fn atomic(store: &dyn Store) -> Result<()> {
    let round = |number: u32| {
        let mut batch = WriteBatch::new();
        for space in [Space::Catalog, Space::Vectors] {
            batch.put(space, b"round", number.to_be_bytes());
        }
        batch
    };
    store.commit(round(0), Durability::Buffered)?;
    std::thread::scope(|scope| {
        let writer =
            scope.spawn(|| (1..500).try_for_each(|number| store.commit(round(number), Durability::Buffered)));
        while !writer.is_finished() {
            let view = store.read_view();
            assert_eq!(
                view.get(Space::Catalog, b"round")?,
                view.get(Space::Vectors, b"round")?,
                "half a batch"
            );
        }
        writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub(super) fn range_deletes(store: &dyn Store) -> Result<()> {
    let entries: Vec<Pair> =
        [&b"a"[..], b"b", b"b\0", b"c", b"\xff", b"\xff\xff"].iter().map(|k| pair(k, b"v")).collect();
    let cases: [(&[u8], &[u8], &[usize]); 7] = [
        (b"a", b"a", &[0, 1, 2, 3, 4, 5]),
        (b"c", b"a", &[0, 1, 2, 3, 4, 5]),
        (b"b", b"c", &[0, 3, 4, 5]),
        (b"", b"b", &[1, 2, 3, 4, 5]),
        (b"b\0", b"\xff\xff", &[0, 1, 5]),
        (b"x", b"y", &[0, 1, 2, 3, 4, 5]),
        (b"", b"\xff\xff\xff", &[]),
    ];
    for (start, end, left) in cases {
        put_all(store, SPACE, &entries)?;
        let mut batch = WriteBatch::new();
        batch.delete_range(SPACE, start, end);
        store.commit(batch, Durability::Buffered)?;
        let expected: Vec<Pair> = left.iter().map(|&index| entries[index].clone()).collect();
        assert_eq!(scan_all(store, SPACE)?, expected, "after deleting {start:?}..{end:?}");
        for (index, (key, _)) in entries.iter().enumerate() {
            assert_eq!(
                store.contains(SPACE, key)?,
                left.contains(&index),
                "{key:?} after {start:?}..{end:?}"
            );
        }
    }
    Ok(())
}

pub(super) fn sequence_and_sync(store: &dyn Store) -> Result<()> {
    let mut last = store.stats()?.sequence;
    for (number, durability) in
        [Durability::Sync, Durability::Buffered, Durability::Sync].into_iter().enumerate()
    {
        let mut batch = WriteBatch::new();
        batch.put(SPACE, b"k", vec![number as u8]);
        store.commit(batch, durability)?;
        let sequence = store.stats()?.sequence;
        assert!(sequence > last, "sequence {sequence} after {last}");
        last = sequence;
    }
    put(store, SPACE, b"big", &[1; 100_000])?;
    store.sync()?;
    assert!(store.stats()?.bytes >= 100_000, "{:?}", store.stats()?);
    store.commit(WriteBatch::new(), Durability::Sync)?;
    store.verify()?;
    assert!(!store.backend().is_empty());
    Ok(())
}
