//! Read views.

use epistemic_storage::{Durability, Space, Store, WriteBatch};

use super::fixture::{Result, pair, put, put_all, scan_all};

pub(super) fn consistent_across_spaces(store: &dyn Store) -> Result<()> {
    for space in Space::ALL {
        put_all(store, space, &[pair(b"a", b"old"), pair(b"b", b"old")])?;
    }
    let view = store.read_view();
    for space in Space::ALL {
        let mut batch = WriteBatch::new();
        batch.put(space, b"a", b"new");
        batch.delete_range(space, b"b", b"c");
        batch.put(space, b"d", b"new");
        store.commit(batch, Durability::Buffered)?;
    }
    for space in Space::ALL {
        assert_eq!(scan_all(&*view, space)?, [pair(b"a", b"old"), pair(b"b", b"old")], "{space} in the view");
        assert_eq!(view.get(space, b"a")?.as_deref(), Some(&b"old"[..]));
        assert!(!view.contains(space, b"d")?);
        let found = view.multi_get(space, &[b"d".to_vec(), b"b".to_vec()])?;
        assert_eq!(found, [None, Some(b"old".to_vec())]);
        assert_eq!(scan_all(store, space)?, [pair(b"a", b"new"), pair(b"d", b"new")], "{space} now");
    }
    Ok(())
}

pub(super) fn stays_under_writers(store: &dyn Store) -> Result<()> {
    let entries: Vec<_> = (0..100u8).map(|number| pair(&[number], &[number])).collect();
    put_all(store, Space::Nodes, &entries)?;
    let view = store.read_view();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            (0..300u32).try_for_each(|number| {
                put(store, Space::Nodes, &[(number % 150) as u8], &number.to_be_bytes())
            })
        });
        while !writer.is_finished() {
            assert_eq!(scan_all(&*view, Space::Nodes)?, entries);
        }
        writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    assert_eq!(scan_all(&*view, Space::Nodes)?, entries);
    assert_eq!(scan_all(&*store.read_view(), Space::Nodes)?.len(), 150);
    Ok(())
}
