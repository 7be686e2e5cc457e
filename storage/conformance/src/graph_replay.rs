//! The ledger read as a change log, and its changes made again on a copy.

use sha2::{Digest, Sha256};

use epistemic_storage::{
    Durability, GraphStore, Space, WriteBatch,
    graph::{GraphError, GraphType, LedgerRecord, Op},
    keys,
};

use super::{
    fixture::{add_node, create, write_all},
    graph_moves::{admit, arrive, everything, fill, replay, step},
};

/// A copy that turns out to be none is quarantined, is not served, and can be filled again.
pub(super) fn no_copy(graphs: &GraphStore) -> Result<(), GraphError> {
    let records: [LedgerRecord<'_>; 5] = [
        LedgerRecord::RemoveNode { id: "missing" },
        LedgerRecord::SetNode { id: "missing", properties: b"" },
        LedgerRecord::SetEdge { source: "n", target: "n", edge: 3, properties: b"" },
        LedgerRecord::RemoveParallel { source: "n", target: "n", edge: 3 },
        LedgerRecord::AddEmbedding { node: "missing", components: &[0; 4] },
    ];
    step(graphs, "g", arrive("m1"))?;
    for record in records {
        step(graphs, "g", fill(graphs, "m1")?)?;
        let before = everything(graphs)?;
        let added = LedgerRecord::AddNode { id: "added", properties: b"" };
        let slice = vec![(8, added.encode(1)), (9, record.encode(1))];
        let refused = step(graphs, "g", replay("m1", slice));
        assert!(matches!(refused, Err(GraphError::Corrupt { .. })), "{record:?}: {refused:?}");
        assert_eq!(everything(graphs)?, before, "{record:?}: nothing of the slice was done");
        for op in [replay("m1", vec![(8, added.encode(1))]), admit("m1", 7)] {
            let refused = step(graphs, "g", op);
            assert!(matches!(refused, Err(GraphError::Quarantined { .. })), "{record:?}: {refused:?}");
        }
    }
    for (record, sequence) in
        [(LedgerRecord::Text("as it came"), 8), (LedgerRecord::Cleared, 8), (LedgerRecord::Replaced, 8)]
    {
        step(graphs, "g", fill(graphs, "m1")?)?;
        let refused = step(graphs, "g", replay("m1", vec![(sequence, record.encode(1))]));
        assert_eq!(refused, Err(GraphError::NotReplayable { graph: "g".into(), sequence }));
    }
    for records in [vec![(9, LedgerRecord::Created.encode(1))], vec![(8, vec![77])], vec![(8, Vec::new())]] {
        let refused = step(graphs, "g", replay("m1", records));
        assert!(matches!(refused, Err(GraphError::MoveConflict { .. })), "{refused:?}");
    }
    step(graphs, "g", replay("m1", vec![(0, vec![77]), (7, vec![])]))?;
    step(graphs, "g", admit("m1", 7))
}

/// Another graph of the name, created since, is told from the one that was copied, whatever its number.
pub(super) fn created_anew(graphs: &GraphStore) -> Result<(), GraphError> {
    let begin = |node: &str| {
        create(graphs, "g")?;
        write_all(graphs, "g", vec![add_node(node, b"")])
    };
    begin("a")?;
    step(graphs, "copy", arrive("m1"))?;
    let old = graphs.graph("g")?;
    step(graphs, "copy", replay("m1", graphs.changes(&old, 0, usize::MAX)?.records))?;
    let copy = graphs.graph_in_any_state("copy")?;
    assert_eq!(graphs.tail_digest(&copy, 2)?, graphs.tail_digest(&old, 2)?);
    graphs.write("g", Op::Delete)?;
    begin("b")?;
    write_all(graphs, "g", vec![add_node("c", b"")])?;
    let new = graphs.graph("g")?;
    step(graphs, "copy", replay("m1", graphs.changes(&new, 2, usize::MAX)?.records))?;
    assert_eq!(copy.counters(), new.counters());
    assert_ne!(graphs.tail_digest(&copy, 2)?, graphs.tail_digest(&new, 2)?);
    Ok(())
}

/// What the ledger does not tell is refused, and no gap in it passes for an end.
pub(super) fn truncated(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(
        graphs,
        "g",
        vec![add_node("a", b""), add_node("b", b""), Op::ClearLedger, add_node("c", b"")],
    )?;
    let graph = graphs.graph("g")?;
    let refused =
        |after| GraphError::LedgerTruncated { graph: "g".into(), after, complete_from: 4, sequence: 5 };
    for after in [0, 2, 6, u64::MAX] {
        assert_eq!(graphs.changes(&graph, after, 1), Err(refused(after)));
        assert_eq!(graphs.tail_digest(&graph, after), Err(refused(after)));
    }
    for (after, max_bytes, count) in [(3, usize::MAX, 2), (3, 0, 1), (3, 1, 1), (4, usize::MAX, 1), (5, 9, 0)]
    {
        let changes = graphs.changes(&graph, after, max_bytes)?;
        let numbers: Vec<_> = changes.records.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(numbers, (after + 1..).take(count).collect::<Vec<_>>(), "{after}, {max_bytes}");
        assert_eq!(changes.sequence, 5);
        // The record that they follow: clearing the ledger took record 3.
        let stored = graphs.store().get(Space::Ledger, &keys::ledger(graph.id(), after))?;
        assert_eq!(changes.before, stored.map(|record| Sha256::digest(record).into()), "{after}");
        assert_eq!(changes.before.is_some(), after > 3, "{after}");
    }
    let mut loader = graphs.load();
    loader.node("a", 3, b"")?;
    loader.ledger(5, LedgerRecord::Text("x").encode(1))?;
    graphs.install("loaded", loader.finish()?, GraphType::Agent, None, false)?;
    let graph = graphs.graph("loaded")?;
    assert!(matches!(
        graphs.changes(&graph, 0, 1),
        Err(GraphError::LedgerTruncated { complete_from: 6, .. })
    ));
    assert_eq!(graphs.changes(&graph, 5, 1)?.records, []);
    for (record, detail) in [(7, "is the last one"), (6, "those between are missing")] {
        write_all(graphs, "loaded", vec![add_node("b", b""), add_node("b", b"")])?;
        let graph = graphs.graph("loaded")?;
        let mut batch = WriteBatch::new();
        batch.delete(Space::Ledger, keys::ledger(graph.id(), record));
        graphs.store().commit(batch, Durability::Sync)?;
        let error = graphs.changes(&graph, 5, usize::MAX).expect_err("a gap");
        assert!(error.to_string().contains(detail), "{error}");
    }
    Ok(())
}
