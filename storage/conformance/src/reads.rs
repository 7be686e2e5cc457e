//! Point reads.

use epistemic_storage::{Durability, Space, Store, WriteBatch, backend::Read};

use super::fixture::{Result, pair, put, put_all, scan_all};

pub(super) fn values_read_back(store: &dyn Store) -> Result<()> {
    assert_eq!(store.get(Space::Nodes, b"k")?, None);
    assert!(!store.contains(Space::Nodes, b"k")?);
    put(store, Space::Nodes, b"k", b"one")?;
    assert_eq!(store.get(Space::Nodes, b"k")?.as_deref(), Some(&b"one"[..]));
    put(store, Space::Nodes, b"k", b"two")?;
    assert_eq!(store.get(Space::Nodes, b"k")?.as_deref(), Some(&b"two"[..]));
    assert!(store.contains(Space::Nodes, b"k")?);
    for neighbour in [&b""[..], b"j", b"k\0", b"l"] {
        assert!(!store.contains(Space::Nodes, neighbour)?, "{neighbour:?}");
    }
    let mut batch = WriteBatch::new();
    batch.delete(Space::Nodes, b"k");
    batch.delete(Space::Nodes, b"missing");
    store.commit(batch, Durability::Sync)?;
    assert_eq!(store.get(Space::Nodes, b"k")?, None);
    assert!(!store.contains(Space::Nodes, b"k")?);
    Ok(())
}

pub(super) fn multi_get_keeps_the_order(store: &dyn Store) -> Result<()> {
    put_all(store, Space::Nodes, &[pair(b"a", b"1"), pair(b"b", b"2"), pair(b"c", b"")])?;
    let asked: Vec<Vec<u8>> =
        [&b"c"[..], b"missing", b"a", b"c", b"b", b"a", b""].iter().map(|k| k.to_vec()).collect();
    for read in [&*store.read_view(), store as &dyn Read] {
        let found = read.multi_get(Space::Nodes, &asked)?;
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        let expected = [Some(&b""[..]), None, Some(b"1"), Some(b""), Some(b"2"), Some(b"1"), None];
        assert_eq!(found, expected);
        assert!(read.multi_get(Space::Nodes, &[])?.is_empty());
        let exist = read.multi_contains(Space::Nodes, &asked)?;
        assert_eq!(exist, [true, false, true, true, true, true, false]);
        let many: Vec<Vec<u8>> =
            (0..1000).map(|n| if n % 3 == 0 { vec![b'a'] } else { vec![b'x'] }).collect();
        let exist = read.multi_contains(Space::Nodes, &many)?;
        assert!(
            exist.iter().enumerate().all(|(n, found)| *found == (n % 3 == 0)) && exist.len() == many.len()
        );
    }
    Ok(())
}

pub(super) fn spaces_are_independent(store: &dyn Store) -> Result<()> {
    for space in Space::ALL {
        put(store, space, b"k", space.name().as_bytes())?;
    }
    for space in Space::ALL {
        assert_eq!(store.get(space, b"k")?.as_deref(), Some(space.name().as_bytes()));
    }
    let mut batch = WriteBatch::new();
    batch.delete(Space::Nodes, b"k");
    batch.delete_range(Space::Ledger, Vec::new(), vec![0xff]);
    store.commit(batch, Durability::Buffered)?;
    for space in Space::ALL {
        let expected = usize::from(!matches!(space, Space::Nodes | Space::Ledger));
        assert_eq!(scan_all(store, space)?.len(), expected, "{space}");
    }
    Ok(())
}

pub(super) fn any_bytes(store: &dyn Store) -> Result<()> {
    let big = vec![0xab; 1 << 20];
    let entries = [
        pair(b"", b"empty key"),
        pair(b"\0", b""),
        pair(b"\0\0", b"\0"),
        pair(&[0x80; 4096], &big),
        pair(&[0xff], b"ff"),
        pair(&[0xff, 0xff], &[0xff; 3]),
    ];
    put_all(store, Space::Vectors, &entries)?;
    for (key, value) in &entries {
        assert!(store.get(Space::Vectors, key)?.as_ref() == Some(value), "value of {} byte key", key.len());
    }
    assert!(scan_all(store, Space::Vectors)? == entries, "all keys in byte order");
    Ok(())
}
