//! Finding damage, and repairing it.

use std::collections::BTreeMap;

use epistemic_storage::{
    Durability, GraphStore, Mutation, Space, WriteBatch,
    audit::{Audit, FindingKind, Findings, Progress, audit, repair, repair_in_batches},
    backend::Direction,
    graph::{Graph, GraphCounters, GraphError, GraphType, Op, Write},
    keys::{self, GraphId},
    snapshot::content_digest,
};

use super::{
    fixture::{Pair, add_edge, add_node, create, remove_node, scan, typed, write_all},
    graph_moves::place,
};

const NAME: &str = "damaged";

/// Kinds of findings and how many there are of each.
pub(super) type Counts = &'static [(FindingKind, u64)];

/// A graph with labels, parallel edges, a loop, embeddings and traces of what was removed.
pub(super) fn fill(graphs: &GraphStore, name: &str) -> Result<(), GraphError> {
    create(graphs, name)?;
    let mut writes = Vec::new();
    for id in ["", "a", "a\0b", "b", "gone"] {
        writes.push(add_node(id, &typed("L")));
        writes.push(add_edge(id, "", b"to the first"));
        writes.push(add_edge(id, "", b"once more"));
        writes.push(Op::One(Mutation::AddEmbedding { node: id.into(), components: vec![0; 8] }));
    }
    writes.extend([add_node("plain", b"\xc1"), add_edge("plain", "b", b""), remove_node("gone")]);
    write_group(graphs, name, writes)
}

/// Commits mutations as one group.
fn write_group(graphs: &GraphStore, name: &str, ops: impl IntoIterator<Item = Op>) -> Result<(), GraphError> {
    let writes: Vec<_> = ops.into_iter().map(|op| Write { graph: name.into(), op }).collect();
    graphs.commit(&writes, Durability::Sync).into_iter().try_for_each(|result| result.map(drop))
}

pub(super) fn audited(graphs: &GraphStore) -> Result<Audit, GraphError> {
    audit(graphs.store(), &[], &mut |_| {})
}

pub(super) fn repaired(graphs: &GraphStore) -> Result<Audit, GraphError> {
    repair(graphs.store(), false, &mut |_| {})
}

#[track_caller]
pub(super) fn assert_found(found: &Findings, expected: Counts, told: &str) {
    let expected: BTreeMap<_, _> = expected.iter().copied().collect();
    assert_eq!(found.totals, expected, "{told}: {:#?}", found.shown);
}

pub(super) fn clean(graphs: &GraphStore) -> Result<(), GraphError> {
    fill(graphs, "g")?;
    write_all(graphs, "g", vec![Op::ClearLedger, add_node("c", &typed("M"))])?;
    let fork = graphs.fork(&*graphs.graph("g")?)?;
    graphs.install("fork", fork, GraphType::Agent, None, false)?;
    fill(graphs, "cleared")?;
    write_all(graphs, "cleared", vec![Op::Clear])?;
    fill(graphs, "deleted")?;
    write_all(graphs, "deleted", vec![Op::Delete])?;
    place(graphs, "arriving", "arriving", "")?;
    place(graphs, "moved", "signpost", ", moved")?;
    let mut progress = Progress::default();
    let before = graphs.store().stats()?.sequence;
    let found = audit(graphs.store(), &[], &mut |so_far| progress = so_far)?;
    assert_found(&found.found, &[], "as written");
    assert_eq!(found.records, progress.records);
    let names: Vec<_> = found.graphs.iter().map(|graph| graph.graph.as_str()).collect();
    assert_eq!(names, ["__commons__", "arriving", "cleared", "fork", "g", "moved"]);
    let (g, state) = (&found.graphs[4], graphs.graph("g")?.counters());
    assert_eq!((g.nodes, g.edges, g.labels, g.vectors), (6, 9, 5, 4));
    assert_eq!((g.sequence, g.ledger, state.ledger_lines), (state.sequence, 2, 1));
    assert_eq!(audit(graphs.store(), &["g".into()], &mut |_| {})?.graphs, std::slice::from_ref(g));
    let missing = audit(graphs.store(), &["nobody".into()], &mut |_| {});
    assert_eq!(missing, Err(GraphError::GraphNotFound("nobody".into())));
    assert_eq!(repaired(graphs)?, found, "nothing to repair");
    assert_eq!(graphs.store().stats()?.sequence, before, "nothing was written");
    Ok(())
}

/// Damages a new graph, and expects these findings; after a repair the second ones.
pub(super) fn check(
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
        assert_eq!(graphs.latest(&graph).counters()?, graph.counters(), "{told}: counters are as they were");
        assert_eq!(content_digest(graphs, &graph).expect("it is sound"), digest, "{told}");
    }
    write_all(graphs, NAME, vec![Op::Delete])?;
    drop(graph);
    graphs.reclaim()?;
    assert_found(&audited(graphs)?.found, &[], &format!("{told}, deleted"));
    Ok(())
}

/// The records that nothing can rebuild.
fn primary_records(graphs: &GraphStore, id: GraphId) -> Result<Vec<Pair>, GraphError> {
    let mut records = Vec::new();
    for space in [Space::Nodes, Space::OutEdges, Space::Vectors, Space::Ledger] {
        let range = keys::graph(id);
        records.extend(scan(graphs.store(), space, range, Direction::Forward)?);
    }
    Ok(records)
}

pub(super) fn put_state(batch: &mut WriteBatch, graph: &Graph, change: impl FnOnce(&mut GraphCounters)) {
    let mut state = graph.counters();
    change(&mut state);
    batch.put(Space::Catalog, keys::state(graph.id()), state.encode());
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
    assert_eq!(graphs.latest(&graph).counters()?, graph.counters());
    Ok(())
}
