//! Damage of what no graph owns.

use epistemic_storage::{
    Durability, GraphStore, Space, WriteBatch,
    audit::FindingKind,
    graph::{Graph, GraphCounters, GraphError},
    keys::{self, GraphId},
};

use super::audit::{Counts, assert_found, audited, check, fill, repaired};

/// What it is, what does it, and what is found.
type Case<'c> = (&'c str, &'c dyn Fn(&mut WriteBatch), Counts);

pub(super) fn damage(graphs: &GraphStore) -> Result<(), GraphError> {
    use FindingKind::*;
    check(
        graphs,
        "a graph that is to be reclaimed",
        |batch, graph| batch.put(Space::Catalog, keys::reclaim(graph.id()), b""),
        &[(Doomed, 1)],
        &[],
    )?;
    let stranger = GraphId(1 << 40);
    let orphans = |batch: &mut WriteBatch, _: &Graph| {
        batch.put(Space::Nodes, keys::node(stranger, "a"), b"12345678");
        batch.put(Space::Ledger, keys::ledger(stranger, 1), b"");
    };
    check(graphs, "records that belong to nobody", orphans, &[(Orphans, 1)], &[])?;
    let reopened = |graphs: &GraphStore| {
        let mut batch = WriteBatch::new();
        let range = keys::graph(stranger);
        for space in Space::OF_GRAPHS {
            batch.delete_range(space, &range.start, range.end.as_ref().expect("a small id"));
        }
        for key in [keys::reclaim(stranger), keys::state(stranger), keys::name("lost"), keys::name("twin")] {
            batch.delete(Space::Catalog, key);
        }
        graphs.store().commit(batch, Durability::Sync)
    };
    reopened(graphs)?;

    let cases: [Case<'_>; 3] = [
        (
            "the name of a graph is lost",
            &|batch| {
                batch.put(Space::Catalog, keys::state(stranger), GraphCounters::default().encode());
                batch.put(Space::Nodes, keys::node(stranger, "a"), b"12345678");
            },
            &[(Orphans, 1), (StateWithoutGraph, 1)],
        ),
        (
            "the entry of a graph is none",
            &|batch| {
                batch.put(Space::Catalog, keys::name("lost"), b"\xc1");
                batch.put(Space::Nodes, keys::node(stranger, "a"), b"12345678");
            },
            &[(BadRecord, 1), (Orphans, 1)],
        ),
        (
            "a key without a graph",
            &|batch| {
                batch.put(Space::Labels, b"short", b"");
                batch.put(Space::Catalog, [&keys::name("")[..], b"\xff"].concat(), b"");
            },
            &[(BadRecord, 2)],
        ),
    ];
    for (told, damage, expected) in cases {
        let mut batch = WriteBatch::new();
        damage(&mut batch);
        graphs.store().commit(batch, Durability::Sync)?;
        assert_found(&audited(graphs)?.found, expected, told);
        let repaired = repaired(graphs)?;
        assert!(repaired.repaired.is_empty(), "{told}: nothing is given up while a graph may be lost");
        assert_found(&audited(graphs)?.found, expected, told);
        reopened(graphs)?;
        let mut batch = WriteBatch::new();
        batch.delete(Space::Labels, b"short");
        batch.delete(Space::Catalog, [&keys::name("")[..], b"\xff"].concat());
        graphs.store().commit(batch, Durability::Sync)?;
    }
    fill(graphs, "one")?;
    let entry = graphs.store().get(Space::Catalog, &keys::name("one"))?.expect("its entry");
    let mut batch = WriteBatch::new();
    batch.put(Space::Catalog, keys::name("twin"), entry);
    graphs.store().commit(batch, Durability::Sync)?;
    assert_found(&repaired(graphs)?.found, &[(SharedRecords, 1)], "two names");
    Ok(())
}
