//! Finding damage, and repairing it.

use std::collections::BTreeMap;

use super::fixture::{add_edge, add_node, create, remove_node, typed, write_all};
use crate::{
    audit::{Audit, FindingKind, Findings, audit, repair, repair_in_batches},
    batch::WriteBatch,
    graph::{Graph, GraphError, GraphState, GraphStore, GraphType, Op, Write},
    keys::{self, GraphId},
    snapshot::content_digest,
    space::Space,
    store::Durability,
};

const NAME: &str = "damaged";

/// Kinds of findings and how many there are of each.
type Counts = &'static [(FindingKind, u64)];

/// A graph with labels, parallel edges, a loop, embeddings and traces of what was removed.
fn fill(graphs: &GraphStore, name: &str) -> Result<(), GraphError> {
    create(graphs, name)?;
    let mut writes = Vec::new();
    for id in ["", "a", "a\0b", "b", "gone"] {
        writes.push(add_node(id, &typed("L")));
        writes.push(add_edge(id, "", b"to the first"));
        writes.push(add_edge(id, "", b"once more"));
        writes.push(Op::AddVector { node: id.into(), components: vec![0; 8] });
    }
    writes.extend([add_node("plain", b"\xc1"), add_edge("plain", "b", b""), remove_node("gone")]);
    write_group(graphs, name, writes)
}

/// Commits mutations as one group.
fn write_group(graphs: &GraphStore, name: &str, ops: impl IntoIterator<Item = Op>) -> Result<(), GraphError> {
    let writes: Vec<_> = ops.into_iter().map(|op| Write { graph: name.into(), op }).collect();
    graphs.commit(&writes, Durability::Sync).into_iter().try_for_each(|result| result.map(drop))
}

fn audited(graphs: &GraphStore) -> Result<Audit, GraphError> {
    audit(graphs.store(), &[], &mut |_| {})
}

fn repaired(graphs: &GraphStore) -> Result<Audit, GraphError> {
    repair(graphs.store(), false, &mut |_| {})
}

#[track_caller]
fn assert_found(found: &Findings, expected: Counts, told: &str) {
    let expected: BTreeMap<_, _> = expected.iter().copied().collect();
    assert_eq!(found.totals, expected, "{told}: {:#?}", found.shown);
}

pub(super) fn clean(graphs: &GraphStore) -> Result<(), GraphError> {
    fill(graphs, "g")?;
    write_all(graphs, "g", vec![Op::ClearLedger, add_node("c", &typed("M"))])?;
    let fork = graphs.fork(&*graphs.graph("g")?, &|| true)?;
    graphs.install("fork", fork, GraphType::Agent, None, false)?;
    fill(graphs, "cleared")?;
    write_all(graphs, "cleared", vec![Op::Clear])?;
    fill(graphs, "deleted")?;
    write_all(graphs, "deleted", vec![Op::Delete])?;
    let mut progress = crate::audit::Progress::default();
    let before = graphs.store().stats()?.sequence;
    let found = audit(graphs.store(), &[], &mut |so_far| progress = so_far)?;
    assert_found(&found.found, &[], "as written");
    assert_eq!(found.records, progress.records);
    let names: Vec<_> = found.graphs.iter().map(|graph| graph.graph.as_str()).collect();
    assert_eq!(names, ["__commons__", "cleared", "fork", "g"]);
    let (g, state) = (&found.graphs[3], graphs.graph("g")?.state());
    assert_eq!((g.nodes, g.edges, g.labels, g.vectors), (6, 9, 5, 4));
    assert_eq!((g.sequence, g.ledger, state.ledger_lines), (state.sequence, 2, 1));
    assert_eq!(audit(graphs.store(), &["g".into()], &mut |_| {})?.graphs, [g.clone()]);
    let missing = audit(graphs.store(), &["nobody".into()], &mut |_| {});
    assert_eq!(missing, Err(GraphError::GraphNotFound("nobody".into())));
    assert_eq!(repaired(graphs)?, found, "nothing to repair");
    assert_eq!(graphs.store().stats()?.sequence, before, "nothing was written");
    Ok(())
}

/// Damages a new graph, and expects these findings; after a repair the second ones.
fn check(
    graphs: &GraphStore,
    told: &str,
    damage: impl FnOnce(&mut WriteBatch, &Graph),
    expected: Counts,
    left: Counts,
) -> Result<(), GraphError> {
    fill(graphs, NAME)?;
    let graph = graphs.graph(NAME)?;
    let primary = primary_records(graphs, graph.id())?;
    let digest = content_digest(graphs, &graph).expect("it is sound");
    let mut batch = WriteBatch::new();
    damage(&mut batch, &graph);
    graphs.store().commit(batch, Durability::Sync)?;
    let damaged = primary_records(graphs, graph.id())?;

    let found = audited(graphs)?;
    assert_found(&found.found, expected, told);
    assert!(found.found.shown.iter().all(|finding| !finding.detail.is_empty()), "{told}");
    let dry = repair(graphs.store(), true, &mut |_| {})?;
    let repaired = repaired(graphs)?;
    assert_eq!(dry, repaired, "{told}: what it does is what it would do");
    assert_eq!(repaired.found.count() + repaired.repaired.count(), found.found.count(), "{told}");
    assert_eq!(repaired.repaired.count(), found.found.repairable, "{told}");
    assert_found(&audited(graphs)?.found, left, &format!("{told}, repaired"));
    assert_eq!(primary_records(graphs, graph.id())?, damaged, "{told}: primary records stay");
    if damaged == primary && left.is_empty() {
        assert_eq!(
            graphs.state_in(graphs.store(), &graph)?,
            graph.state(),
            "{told}: counters are as they were"
        );
        assert_eq!(content_digest(graphs, &graph).expect("it is sound"), digest, "{told}");
    }
    write_all(graphs, NAME, vec![Op::Delete])?;
    drop(graph);
    graphs.reclaim()?;
    assert_found(&audited(graphs)?.found, &[], &format!("{told}, deleted"));
    Ok(())
}

/// The records that nothing can rebuild.
fn primary_records(graphs: &GraphStore, id: GraphId) -> Result<Vec<super::fixture::Pair>, GraphError> {
    let mut records = Vec::new();
    for space in [Space::Nodes, Space::OutEdges, Space::Vectors, Space::Ledger] {
        let range = keys::graph(id);
        records.extend(super::fixture::scan(graphs.store(), space, range, crate::store::Direction::Forward)?);
    }
    Ok(records)
}

fn put_state(batch: &mut WriteBatch, graph: &Graph, change: impl FnOnce(&mut GraphState)) {
    let mut state = graph.state();
    change(&mut state);
    batch.put(Space::Catalog, keys::state(graph.id()), state.encode());
}

/// The sequence number of the first edge of the sample; its node has the number before.
const EDGE: u64 = 3;

pub(super) fn damage(graphs: &GraphStore) -> Result<(), GraphError> {
    use FindingKind::*;
    check(
        graphs,
        "an edge is not found from its target",
        |batch, graph| batch.delete(Space::InEdges, keys::edge(graph.id(), "", "", EDGE)),
        &[(MissingInEdge, 1)],
        &[],
    )?;
    check(
        graphs,
        "an edge that is not there is found from its target",
        |batch, graph| batch.put(Space::InEdges, keys::edge(graph.id(), "a", "b", EDGE), b""),
        &[(StaleInEdge, 1)],
        &[],
    )?;
    check(
        graphs,
        "all that is derived is gone",
        |batch, graph| {
            let range = keys::graph(graph.id());
            let end = range.end.expect("small ids");
            batch.delete_range(Space::InEdges, &range.start, &end);
            batch.delete_range(Space::Labels, &range.start, &end);
            batch.delete(Space::Catalog, keys::state(graph.id()));
        },
        &[(MissingInEdge, 9), (MissingLabel, 4), (MissingState, 1)],
        &[],
    )?;
    check(
        graphs,
        "foreign keys among the derived records",
        |batch, graph| {
            for space in [Space::InEdges, Space::Labels] {
                batch.put(space, keys::node(graph.id(), "no key"), b"");
            }
            batch.put(Space::Labels, keys::label(graph.id(), "L", 9), b"\xff");
        },
        &[(BadRecord, 3)],
        &[],
    )?;
    check(
        graphs,
        "a label is not in the index",
        |batch, graph| batch.delete(Space::Labels, keys::label(graph.id(), "L", EDGE - 1)),
        &[(MissingLabel, 1)],
        &[],
    )?;
    check(
        graphs,
        "a label that no node carries",
        |batch, graph| {
            batch.put(Space::Labels, keys::label(graph.id(), "M", EDGE - 1), b"");
            batch.put(Space::Labels, keys::label(graph.id(), "L", 99), b"gone");
        },
        &[(StaleLabel, 2)],
        &[],
    )?;
    check(
        graphs,
        "a label of another node",
        |batch, graph| batch.put(Space::Labels, keys::label(graph.id(), "L", EDGE - 1), b"a"),
        &[(MissingLabel, 1), (StaleLabel, 1)],
        &[],
    )?;
    check(
        graphs,
        "counters",
        |batch, graph| {
            put_state(batch, graph, |state| {
                state.nodes += 1;
                state.edges -= 1;
                state.sequence -= 1;
                state.ledger_lines = u64::MAX;
                state.vectors = 0;
                state.dimension = 3;
            });
        },
        &[(Counters, 1)],
        &[],
    )?;
    check(
        graphs,
        "counters of unknown form",
        |batch, graph| batch.put(Space::Catalog, keys::state(graph.id()), b"short"),
        &[(BadRecord, 1)],
        &[],
    )?;
    check(
        graphs,
        "ledger records are gone",
        |batch, graph| batch.delete(Space::Ledger, keys::ledger(graph.id(), 1)),
        &[(LedgerGap, 1)],
        &[],
    )?;
    check(
        graphs,
        "the newest ledger record is gone",
        |batch, graph| batch.delete(Space::Ledger, keys::ledger(graph.id(), graph.state().sequence)),
        &[(LedgerGap, 1), (Counters, 1)],
        &[],
    )?;
    check(
        graphs,
        "a ledger record that is none",
        |batch, graph| {
            batch.put(Space::Ledger, keys::ledger(graph.id(), 2), b"\x63");
            batch.put(Space::Ledger, keys::node(graph.id(), "no key"), b"");
        },
        &[(BadRecord, 2), (LedgerGap, 1), (Counters, 1)],
        &[(BadRecord, 2)],
    )?;
    check(
        graphs,
        "a node is gone",
        |batch, graph| batch.delete(Space::Nodes, keys::node(graph.id(), "b")),
        &[(MissingEnd, 3), (StaleLabel, 1), (VectorWithoutNode, 1), (Counters, 1)],
        &[(MissingEnd, 3), (VectorWithoutNode, 1)],
    )?;
    check(
        graphs,
        "an edge to a missing node that is not found from there",
        |batch, graph| batch.put(Space::OutEdges, keys::edge(graph.id(), "a", "x", EDGE), b""),
        &[(MissingEnd, 1), (MissingInEdge, 1), (Counters, 1)],
        &[(MissingEnd, 1)],
    )?;
    check(
        graphs,
        "nodes, edges and embeddings that are none",
        |batch, graph| {
            batch.put(Space::Nodes, keys::node(graph.id(), "plain"), b"short");
            batch.put(Space::OutEdges, keys::node(graph.id(), "no key"), b"");
            batch.put(Space::Vectors, [&keys::node(graph.id(), "")[..], b"\xff"].concat(), b"");
        },
        &[(BadRecord, 3), (Counters, 1)],
        &[(BadRecord, 3)],
    )?;
    check(
        graphs,
        "two nodes with one sequence number",
        |batch, graph| {
            let value = [&(EDGE - 1).to_be_bytes()[..], &typed("L")].concat();
            batch.put(Space::Nodes, keys::node(graph.id(), "twin"), value);
        },
        &[(RepeatedSequence, 1), (MissingLabel, 1), (Counters, 1)],
        &[(RepeatedSequence, 1), (MissingLabel, 1)],
    )?;
    check(
        graphs,
        "an embedding of another length",
        |batch, graph| batch.put(Space::Vectors, keys::node(graph.id(), "a"), [0; 12]),
        &[(VectorLength, 1)],
        &[(VectorLength, 1)],
    )
}

pub(super) fn store_damage(graphs: &GraphStore) -> Result<(), GraphError> {
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

    let cases: [(&str, &dyn Fn(&mut WriteBatch), Counts); 3] = [
        (
            "the name of a graph is lost",
            &|batch| {
                batch.put(Space::Catalog, keys::state(stranger), GraphState::default().encode());
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

/// More findings than are told one by one, and repairs in batches of a few records.
pub(super) fn many_batches(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let node = |number: u64| add_node(&number.to_string(), &typed("L"));
    let edge = |number: u64| add_edge(&number.to_string(), &(number / 2).to_string(), b"");
    write_group(graphs, "g", (0..600).map(node).chain((0..600).map(edge)))?;
    let graph = graphs.graph("g")?;
    let mut batch = WriteBatch::new();
    for space in [Space::InEdges, Space::Labels] {
        let range = keys::graph(graph.id());
        batch.delete_range(space, range.start, range.end.expect("a small id"));
    }
    put_state(&mut batch, &graph, |state| state.edges = 0);
    for number in 0..600u64 {
        batch.put(Space::InEdges, keys::edge(graph.id(), "0", "599", number), b"");
    }
    graphs.store().commit(batch, Durability::Sync)?;
    let before = graphs.store().stats()?.sequence;
    let found = repair_in_batches(graphs.store(), false, 10_000, &mut |_| {})?;
    use FindingKind::*;
    let expected = &[(Counters, 1), (MissingInEdge, 600), (MissingLabel, 600), (StaleInEdge, 600)];
    assert_found(&found.repaired, expected, "repaired");
    let shown = |kind| found.repaired.shown.iter().filter(|finding| finding.kind == kind).count();
    assert_eq!((shown(Counters), shown(MissingLabel)), (1, 50), "the first of each kind are shown");
    assert!(graphs.store().stats()?.sequence > before);
    assert_found(&audited(graphs)?.found, &[], "after the repair");
    assert_eq!(graphs.state_in(graphs.store(), &graph)?, graph.state());
    Ok(())
}
