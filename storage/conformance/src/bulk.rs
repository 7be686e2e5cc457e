//! Bulk loads.

use epistemic_storage::{
    Space, Store,
    backend::{Direction, KeyRange},
};

use super::fixture::{Result, pair, put, scan_all};

pub(super) fn any_order(store: &dyn Store) -> Result<()> {
    put(store, Space::Nodes, b"b", b"before")?;
    let mut bulk = store.bulk_load()?;
    for (key, value) in [(b"c", b"1"), (b"a", b"2"), (b"c", b"3"), (b"b", b"4"), (b"a", b"5")] {
        bulk.put(Space::Nodes, key.to_vec(), value.to_vec())?;
    }
    bulk.put(Space::Labels, b"a".to_vec(), b"6".to_vec())?;
    bulk.finish()?;
    assert_eq!(scan_all(store, Space::Nodes)?, [pair(b"a", b"5"), pair(b"b", b"4"), pair(b"c", b"3")]);
    assert_eq!(scan_all(store, Space::Labels)?, [pair(b"a", b"6")]);
    put(store, Space::Nodes, b"b", b"after")?;
    assert_eq!(store.get(Space::Nodes, b"b")?.as_deref(), Some(&b"after"[..]));
    store.bulk_load()?.finish()?;
    Ok(())
}

pub(super) fn invisible_before_its_end(store: &dyn Store) -> Result<()> {
    let before = store.read_view();
    let mut bulk = store.bulk_load()?;
    bulk.put(Space::Nodes, b"a".to_vec(), b"1".to_vec())?;
    assert!(!store.contains(Space::Nodes, b"a")?);
    put(store, Space::Nodes, b"b", b"2")?;
    assert_eq!(scan_all(store, Space::Nodes)?, [pair(b"b", b"2")]);
    bulk.finish()?;
    assert_eq!(scan_all(store, Space::Nodes)?, [pair(b"a", b"1"), pair(b"b", b"2")]);
    assert!(scan_all(&*before, Space::Nodes)?.is_empty(), "a view from before the load");
    Ok(())
}

pub(super) fn dropped(store: &dyn Store) -> Result<()> {
    let mut bulk = store.bulk_load()?;
    for number in 0..1000u32 {
        bulk.put(Space::Nodes, number.to_be_bytes().to_vec(), vec![7; 100])?;
    }
    drop(bulk);
    for space in Space::ALL {
        assert!(scan_all(store, space)?.is_empty(), "{space}");
    }
    store.bulk_load()?.finish()?;
    Ok(())
}

/// More than a backend may want to hold at once, unsorted, with every key twice.
pub(super) fn many_runs(store: &dyn Store) -> Result<()> {
    const KEYS: u32 = 40_000;
    let mut bulk = store.bulk_load()?;
    for number in 0..2 * KEYS {
        let key = (number.wrapping_mul(7919) % KEYS).to_be_bytes();
        bulk.put(Space::OutEdges, key.to_vec(), [&number.to_be_bytes()[..], &[0; 300]].concat())?;
    }
    bulk.finish()?;
    let mut cursor = store.scan(Space::OutEdges, KeyRange::all(), Direction::Forward.into())?;
    let mut count = 0u32;
    while let Some((key, value)) = cursor.next()? {
        assert_eq!(key, count.to_be_bytes());
        let number = value.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        assert!(
            number.is_some_and(|number| number >= KEYS),
            "key {count}: the later record must win, not {number:?}"
        );
        count += 1;
    }
    assert_eq!(count, KEYS);
    Ok(())
}
