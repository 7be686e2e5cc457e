//! Ordered scans.

use epistemic_storage::{
    Durability, Space, Store, WriteBatch,
    backend::{Direction, KeyRange, Read},
};

use super::fixture::{Pair, Result, pair, put, put_all, range, scan, scan_all};

const SPACE: Space = Space::OutEdges;

/// Forward and reverse give `expected`, on the newest state and on a view.
fn expect(store: &dyn Store, asked: &KeyRange, expected: &[Pair]) -> Result<()> {
    let reversed: Vec<Pair> = expected.iter().rev().cloned().collect();
    let view = store.read_view();
    for read in [store as &dyn Read, &*view] {
        assert_eq!(scan(read, SPACE, asked.clone(), Direction::Forward)?, expected, "{asked:?}");
        assert_eq!(scan(read, SPACE, asked.clone(), Direction::Reverse)?, reversed, "{asked:?} reversed");
    }
    Ok(())
}

pub(super) fn bounds(store: &dyn Store) -> Result<()> {
    let entries = [pair(b"b", b"1"), pair(b"b\0", b"2"), pair(b"c", b"3"), pair(b"d", b"4")];
    put_all(store, SPACE, &entries)?;
    put(store, Space::InEdges, b"bb", b"of another space")?;
    expect(store, &KeyRange::all(), &entries)?;
    expect(store, &range(b"b", b"d"), &entries[..3])?;
    expect(store, &range(b"", b"b"), &[])?;
    expect(store, &range(b"", b"b\0"), &entries[..1])?;
    expect(store, &range(b"a", b"z"), &entries)?;
    expect(store, &range(b"bz", b"cz"), &entries[2..3])?;
    expect(store, &KeyRange { start: b"c".to_vec(), end: None }, &entries[2..])?;
    expect(store, &KeyRange { start: b"e".to_vec(), end: None }, &[])
}

pub(super) fn empty_ranges(store: &dyn Store) -> Result<()> {
    expect(store, &KeyRange::all(), &[])?;
    put_all(store, SPACE, &[pair(b"", b"0"), pair(b"a", b"1"), pair(b"b", b"2"), pair(b"c", b"3")])?;
    expect(store, &range(b"b", b"b"), &[])?;
    expect(store, &range(b"c", b"a"), &[])?;
    expect(store, &range(b"z", b"a"), &[])?;
    expect(store, &range(b"", b""), &[])?;
    expect(store, &range(b"a\0", b"b"), &[])
}

pub(super) fn prefixes(store: &dyn Store) -> Result<()> {
    let entries = [
        pair(b"a", b"1"),
        pair(b"a\0", b"2"),
        pair(b"a\xff", b"3"),
        pair(b"a\xff\xff\xff", b"4"),
        pair(b"b", b"5"),
        pair(b"\xff", b"6"),
        pair(b"\xff\xff", b"7"),
        pair(b"\xff\xff\0", b"8"),
    ];
    put_all(store, SPACE, &entries)?;
    expect(store, &KeyRange::prefix(b"a"), &entries[..4])?;
    expect(store, &KeyRange::prefix(b"a\xff"), &entries[2..4])?;
    expect(store, &KeyRange::prefix(b"\xff"), &entries[5..])?;
    expect(store, &KeyRange::prefix(b"\xff\xff"), &entries[6..])?;
    expect(store, &KeyRange::prefix(b""), &entries)?;
    expect(store, &KeyRange::prefix(b"c"), &[])
}

pub(super) fn the_end_stays(store: &dyn Store) -> Result<()> {
    put_all(store, SPACE, &[pair(b"a", b"1"), pair(b"b", b"2")])?;
    for direction in [Direction::Forward, Direction::Reverse] {
        let mut cursor = store.scan(SPACE, KeyRange::all(), direction.into())?;
        while cursor.next()?.is_some() {}
        for _ in 0..3 {
            assert_eq!(cursor.next()?, None, "{direction:?} after the end");
        }
    }
    Ok(())
}

pub(super) fn one_state(store: &dyn Store) -> Result<()> {
    let entries: Vec<Pair> = (0..200u8).map(|number| pair(&[number], b"old")).collect();
    put_all(store, SPACE, &entries)?;
    for direction in [Direction::Forward, Direction::Reverse] {
        let mut cursor = store.scan(SPACE, KeyRange::all(), direction.into())?;
        let mut seen = 0;
        while let Some((key, value)) = cursor.next()? {
            assert_eq!(value, b"old", "key {key:?} after {seen} entries, {direction:?}");
            seen += 1;
            if seen == 50 {
                let mut batch = WriteBatch::new();
                batch.delete_range(SPACE, vec![0], vec![150]);
                batch.put(SPACE, vec![170], b"new");
                batch.put(SPACE, vec![99, 99], b"new");
                store.commit(batch, Durability::Buffered)?;
            }
        }
        assert_eq!(seen, entries.len(), "{direction:?}");
        drop(cursor);
        assert_eq!(scan_all(store, SPACE)?.len(), 51);
        put_all(store, SPACE, &entries)?;
        let mut batch = WriteBatch::new();
        batch.delete(SPACE, vec![99, 99]);
        store.commit(batch, Durability::Buffered)?;
    }
    Ok(())
}
