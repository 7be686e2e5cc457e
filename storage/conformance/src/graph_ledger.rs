//! Ledgers that are trimmed.

use epistemic_storage::{
    GraphStore,
    graph::{Graph, GraphCounters, GraphError, GraphType, LedgerKeep, Op},
};

use super::fixture::{add_node, create, write_all};

fn keep(records: u64) -> LedgerKeep {
    LedgerKeep { records: Some(records), ..LedgerKeep::ALL }
}

/// The sequence numbers of the records that are there.
fn records(graphs: &GraphStore, graph: &Graph) -> Result<Vec<u64>, GraphError> {
    let mut found = Vec::new();
    graphs.latest(graph).for_each_ledger(0, |sequence, _| {
        found.push(sequence);
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    Ok(found)
}

pub(super) fn trimmed(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", (2..=100).map(|number: u32| add_node(&number.to_string(), &[7; 100])).collect())?;
    let graph = graphs.graph("g")?;
    for enough in [LedgerKeep::ALL, keep(100), keep(91)] {
        assert_eq!(graphs.trim_ledger(&graph, &enough)?, 0, "{enough}: no more than a tenth too many");
    }
    assert_eq!(graphs.trim_ledger(&graph, &keep(20))?, 80);
    let state = graph.counters();
    assert_eq!((state.sequence, state.complete_from, state.ledger_lines, state.nodes), (100, 81, 20, 99));
    assert_eq!(records(graphs, &graph)?, (81..=100).collect::<Vec<_>>());
    assert_eq!(graphs.trim_ledger(&graph, &keep(20))?, 0);
    let behind = |after| graphs.changes(&graph, after, usize::MAX).map(|changes| changes.records.len());
    assert_eq!(
        behind(79),
        Err(GraphError::LedgerTruncated { graph: "g".into(), after: 79, complete_from: 81, sequence: 100 })
    );
    assert_eq!(behind(90)?, 10);
    assert_eq!(graphs.trim_ledger(&graph, &keep(1))?, 9, "what somebody may go on from stays");
    assert_eq!((behind(90)?, records(graphs, &graph)?[0]), (10, 90));

    write_all(graphs, "g", vec![Op::Clear, add_node("a", b"")])?;
    let graph = graphs.graph("g")?;
    assert_eq!(graphs.trim_ledger(&graph, &keep(1))?, 1);
    assert_eq!(records(graphs, &graph)?, [102], "the newest record stays");
    Ok(())
}

pub(super) fn by_bytes_and_age(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", (0..100).map(|number: u32| add_node(&number.to_string(), &[7; 100])).collect())?;
    let graph = graphs.graph("g")?;
    let bytes = LedgerKeep { bytes: Some(5000), ..LedgerKeep::ALL };
    assert!((60..66).contains(&graphs.trim_ledger(&graph, &bytes)?), "{:?}", graph.counters());
    assert_eq!(graphs.trim_ledger(&graph, &bytes)?, 0);
    let age = LedgerKeep { seconds: Some(3600), ..LedgerKeep::ALL };
    assert_eq!(graphs.trim_ledger(&graph, &age)?, 0);
    Ok(())
}

/// The rule of a graph stays with it, and a trimmed copy is told from no other.
pub(super) fn rules(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let rule = || graphs.graph("g").map(|graph| graph.ledger_keep());
    assert_eq!(rule()?, None);
    graphs.write("g", Op::KeepLedger(Some(keep(7))))?;
    assert_eq!(rule()?, Some(keep(7)));
    write_all(graphs, "g", vec![add_node("a", b""), Op::Clear, add_node("b", b"")])?;
    assert_eq!(rule()?, Some(keep(7)), "cleared");
    let loaded = graphs.load().finish()?;
    graphs.install("g", loaded, GraphType::Agent, None, true)?;
    assert_eq!(rule()?, Some(keep(7)), "replaced by one without a rule");
    let mut loaded = graphs.load().finish()?;
    loaded.set_ledger_keep(Some(keep(9)));
    graphs.install("g", loaded, GraphType::Agent, None, true)?;
    assert_eq!(rule()?, Some(keep(9)), "replaced by one with a rule");
    graphs.write("g", Op::KeepLedger(None))?;
    assert_eq!(rule()?, None);
    assert_eq!(
        graphs.write("missing", Op::KeepLedger(None)),
        Err(GraphError::GraphNotFound("missing".into()))
    );
    let graph = graphs.graph("g")?;
    let before = graphs.tail_digest(&graph, graph.counters().sequence)?;
    write_all(graphs, "g", (0..9).map(|number: u32| add_node(&number.to_string(), b"")).collect())?;
    let digest = graphs.tail_digest(&graph, graph.counters().sequence)?;
    assert_ne!(before.digest, digest.digest);
    let GraphCounters { sequence, .. } = graph.counters();
    graphs.trim_ledger(&graph, &keep(3))?;
    assert_eq!(graphs.tail_digest(&graph, sequence)?.digest, digest.digest, "trimmed, it is the same graph");
    Ok(())
}
