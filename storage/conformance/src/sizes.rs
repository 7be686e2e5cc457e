//! How much room ranges and graphs take.

use epistemic_storage::{
    GraphStore, Space, Store,
    backend::KeyRange,
    graph::{GraphError, GraphSizes, Op},
};

use super::fixture::{Result, add_edge, add_node, create, put_all, range, write_all};

pub(super) fn small(store: &dyn Store) -> Result<()> {
    assert_eq!(store.size_of(Space::Nodes, KeyRange::all())?, 0);
    let entries = [(b"a".to_vec(), vec![1; 10]), (b"ab".to_vec(), Vec::new()), (b"b".to_vec(), vec![2; 100])];
    put_all(store, Space::Nodes, &entries)?;
    for (asked, bytes) in [
        (KeyRange::all(), 114),
        (KeyRange::prefix(b"a"), 13),
        (range(b"ab", b"b"), 2),
        (range(b"b", b"a"), 0),
        (KeyRange::prefix(b"c"), 0),
    ] {
        assert_eq!(store.size_of(Space::Nodes, asked.clone())?, bytes, "{asked:?}");
    }
    assert_eq!(store.size_of(Space::Ledger, KeyRange::all())?, 0);
    Ok(())
}

/// 4 MiB that no compression makes smaller, in tables, and as much again elsewhere.
pub(super) fn large(store: &dyn Store) -> Result<()> {
    const HALF: u32 = 1 << 14;
    let mut state = 1_u64;
    let mut load = store.bulk_load()?;
    for number in 0..2 * HALF {
        let mut value = Vec::with_capacity(256);
        while value.len() < 256 {
            // The generator of Knuth's MMIX; the upper half of its state passes for random.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            value.extend_from_slice(&((state >> 32) as u32).to_be_bytes());
        }
        load.put(Space::Nodes, number.to_be_bytes().to_vec(), value)?;
    }
    load.finish()?;
    let exact = f64::from(HALF) * 260.0;
    for (start, end) in [(0, HALF), (HALF / 2, HALF / 2 + HALF), (HALF, 2 * HALF)] {
        let asked = range(&start.to_be_bytes(), &end.to_be_bytes());
        let ratio = store.size_of(Space::Nodes, asked)? as f64 / exact;
        assert!((0.8..1.25).contains(&ratio), "{start} to {end}: {ratio} of what was stored");
    }
    Ok(())
}

pub(super) fn graphs(graphs: &GraphStore) -> Result<(), GraphError> {
    let sizes = |name: &str| graphs.sizes_of(&*graphs.graph(name)?);
    let size = |name: &str| Ok::<_, GraphError>(sizes(name)?.total());
    create(graphs, "a")?;
    create(graphs, "b")?;
    let (empty, other) = (size("a")?, size("b")?);
    write_all(graphs, "a", vec![add_node("n", &[7; 5000]), add_node("m", b""), add_edge("n", "m", b"")])?;
    let full = size("a")?;
    // The ledger has the properties as well.
    assert!(full > empty + 10_000 && full < empty + 11_000, "{empty}, then {full}");
    let GraphSizes { nodes, edges, labels, ledger, vectors } = sizes("a")?;
    assert!(nodes > 5000 && ledger > nodes && (1..100).contains(&edges), "{nodes}, {edges}, {ledger}");
    assert_eq!((labels, vectors), (0, 0));
    assert_eq!(size("b")?, other, "the size of another graph");
    write_all(graphs, "a", vec![Op::Clear])?;
    assert!(size("a")? < full, "cleared");
    Ok(())
}
