//! Optimistic transactions: all or nothing, and only while what they saw is so.

use epistemic_storage::{
    Durability, GraphStore, Mutation as Change,
    graph::{BatchReport, GraphError, Once, Op, OptimisticTransaction, Outcome, Progress, Seen, Write},
    limits::RequestLimits,
};

use super::fixture::{add_edge, add_node, counts, create, remove_node, typed, write_all};

fn node(id: &str, properties: &[u8]) -> Change {
    Change::AddNode { id: id.into(), properties: properties.to_vec() }
}

fn edge(source: &str, target: &str) -> Change {
    Change::AddEdge { source: source.into(), target: target.into(), properties: b"e".to_vec() }
}

fn set(node: &str, from: &[u8], to: &[u8]) -> Change {
    Change::CompareAndSet { node: node.into(), conditions: from.to_vec(), updates: to.to_vec() }
}

fn transaction(reads: &[(&str, Option<&[u8]>)], changes: Vec<Change>) -> Op {
    let reads = reads.iter().map(|(node, seen)| ((*node).to_owned(), Seen::of(*seen))).collect();
    Op::Transaction(OptimisticTransaction { reads, changes, report: None })
}

const MADE: Result<Outcome, GraphError> = Ok(Outcome::Transaction { made: true, replayed: false });
const CONFLICT: Result<Outcome, GraphError> = Ok(Outcome::Transaction { made: false, replayed: false });

/// All that can be read of the graph.
fn content(graphs: &GraphStore) -> Result<impl PartialEq + std::fmt::Debug + use<>, GraphError> {
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    let labelled = [reader.by_label("L", 0)?, reader.by_label("M", 0)?];
    let degrees = (reader.out_degree("a")?, reader.in_degree("b")?);
    Ok((graph.counters(), graph.versions(), reader.ledger_lines()?, labelled, degrees))
}

pub(super) fn all_or_nothing(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let before = vec![
        add_node("a", &typed("L")),
        add_node("b", &typed("L")),
        add_node("c", b""),
        add_edge("a", "b", b"1"),
        add_edge("a", "b", b"2"),
        add_edge("b", "c", b"3"),
        Op::One(Change::AddEmbedding { node: "a".into(), components: vec![0; 8] }),
    ];
    write_all(graphs, "g", before)?;
    let first = content(graphs)?;
    let everything = || {
        vec![
            node("a", &typed("M")),
            node("new", &typed("M")),
            edge("new", "a"),
            Change::ReplaceEdges { source: "a".into(), target: "b".into(), properties: b"4".to_vec() },
            Change::RemoveEdge { source: "b".into(), target: "c".into() },
            Change::RemoveNode { id: "c".into() },
            Change::AddEmbedding { node: "a".into(), components: vec![0; 16] },
            Change::AddEmbedding { node: "b".into(), components: vec![0; 4] },
            Change::RemoveNode { id: "missing".into() },
            set("new", &typed("M"), &typed("L")),
        ]
    };
    let then = |last: Change| transaction(&[], everything().into_iter().chain([last]).collect());
    let refused = [
        (then(edge("a", "missing")), Err(GraphError::TargetNotFound("missing".into()))),
        (then(edge("c", "a")), Err(GraphError::SourceNotFound("c".into()))),
        (
            then(Change::AddEmbedding { node: "c".into(), components: vec![0; 4] }),
            Err(GraphError::NodeNotFound("c".into())),
        ),
        (then(set("new", &typed("M"), &typed("L"))), CONFLICT),
        (then(set("missing", b"\x80", &typed("L"))), CONFLICT),
    ];
    for (op, expected) in refused {
        assert_eq!(graphs.write("g", op), expected);
        assert_eq!(content(graphs)?, first, "nothing of it is there");
    }

    // Between others in one group: what was taken back is not in the way, and what was there before it stays.
    let failing = || then(edge("a", "missing"));
    let ops = [add_node("d", &typed("M")), failing(), add_edge("a", "d", b""), failing(), remove_node("d")];
    let writes: Vec<Write> = ops.into_iter().map(|op| Write { graph: "g".into(), op }).collect();
    let told: Vec<bool> = graphs.commit(&writes, Durability::Sync).iter().map(Result::is_ok).collect();
    assert_eq!(told, [true, false, true, false, true]);
    assert_eq!(counts(graphs, "g")?, (3, 3));

    assert_eq!(graphs.write("g", transaction(&[], everything())), MADE);
    assert_eq!(counts(graphs, "g")?, (3, 2));
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    assert_eq!((reader.by_label("L", 0)?.len(), reader.by_label("M", 0)?.len()), (2, 1));
    assert_eq!((graph.counters().vectors, graph.counters().components), (2, 5));
    assert_eq!(reader.out_degree("a")?, 1, "one edge took the place of two");
    Ok(())
}

pub(super) fn conflicts(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", b"1")])?;
    let change = || vec![node("b", b"")];
    let write = |reads: &[(&str, Option<&[u8]>)]| graphs.write("g", transaction(reads, change()));
    for reads in [[("a", Some(b"2".as_slice()))], [("a", None)], [("x", Some(b"1"))], [("x", Some(b""))]] {
        assert_eq!(write(&reads), CONFLICT, "{reads:?}");
    }
    assert_eq!(counts(graphs, "g")?, (1, 0));
    assert_eq!(write(&[("a", Some(b"1")), ("x", None)]), MADE);

    // Of two in one group that saw the same, one is made.
    let racing = |to: &[u8]| transaction(&[("a", Some(b"1"))], vec![node("a", to)]);
    let writes = [racing(b"2"), racing(b"3")].map(|op| Write { graph: "g".into(), op });
    assert_eq!(graphs.commit(&writes, Durability::Sync), [MADE, CONFLICT]);
    let graph = graphs.graph("g")?;
    assert_eq!(graphs.latest(&graph).node("a")?.map(|node| node.properties), Some(b"2".to_vec()));
    Ok(())
}

/// A batch that is made as a whole tells what was done.
pub(super) fn whole_batches(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let mut report = BatchReport::default();
    report.added_nodes = 1;
    let batch = |changes| {
        Op::Transaction(OptimisticTransaction { changes, report: Some(report.clone()), ..Default::default() })
    };
    assert!(graphs.write("g", batch(vec![node("a", b""), edge("a", "missing")])).is_err());
    assert_eq!(counts(graphs, "g")?, (0, 0));
    assert_eq!(graphs.write("g", batch(vec![node("a", b"")])), Ok(Outcome::Batch(report.clone())));
    Ok(())
}

/// A key stands for a transaction that was made, not for one that met a conflict.
pub(super) fn made_once(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let once = |op| Op::Once(Once { key: [1; 16], request: [1; 16] }, Box::new(op));
    let add = |seen: Option<&[u8]>| once(transaction(&[("a", seen)], vec![node("a", b"1"), edge("a", "a")]));
    assert_eq!(graphs.write("g", add(Some(b"0"))), CONFLICT);
    assert_eq!(graphs.write("g", add(None)), MADE);
    let again = Outcome::Transaction { made: true, replayed: true };
    assert_eq!(graphs.write("g", add(None)), Ok(again.clone()));
    assert_eq!(graphs.made_once_before([1; 16])?, Some((again, [1; 16])));
    assert_eq!(graphs.made_once_before([2; 16])?, None);
    assert_eq!(counts(graphs, "g")?, (1, 1));
    Ok(())
}

/// What a transaction writes is bounded as what a batch writes, also by the edges that it removes; the others of its group
/// are made.
pub(super) fn limited(graphs: &GraphStore) -> Result<(), GraphError> {
    graphs.limit_requests(RequestLimits { batch_bytes: 10_000, ..RequestLimits::default() });
    create(graphs, "g")?;
    let mut ops = vec![add_node("a", b""), add_node("b", b"")];
    ops.extend((0..500).map(|_| add_edge("a", "b", b"")));
    write_all(graphs, "g", ops)?;
    let before = content(graphs)?;
    let (source, target) = (|| "a".to_owned(), || "b".to_owned());
    let too_much = [
        node("large", &[0; 6000]),
        Change::RemoveNode { id: "b".into() },
        Change::RemoveEdge { source: source(), target: target() },
        Change::ReplaceEdges { source: source(), target: target(), properties: Vec::new() },
    ];
    for change in too_much {
        let op = transaction(&[], vec![node("first", b""), change.clone(), node("last", b"")]);
        let refused = graphs.write("g", op).expect_err("too much").to_string();
        assert!(refused.starts_with("LIMIT_EXCEEDED: the batch writes over 10000 bytes"), "{refused}");
        assert_eq!(content(graphs)?, before, "{change:?}");
    }
    let small = |id| transaction(&[], vec![node(id, b"")]);
    let large = transaction(&[], vec![node("large", &[0; 6000])]);
    let writes = [small("x"), large, small("y")].map(|op| Write { graph: "g".into(), op });
    let told: Vec<bool> = graphs.commit(&writes, Durability::Sync).iter().map(Result::is_ok).collect();
    assert_eq!(told, [true, false, true]);
    assert_eq!(counts(graphs, "g")?, (4, 500));
    Ok(())
}

/// However much a transaction removes, it does so in one group.
pub(super) fn undivided(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let mut ops = vec![add_node("hub", b""), add_node("b", b"")];
    ops.extend((0..5000).map(|_| add_edge("hub", "b", b"")));
    write_all(graphs, "g", ops)?;
    let removal = transaction(&[], vec![node("first", b""), Change::RemoveNode { id: "hub".into() }]);
    let writes = [Write { graph: "g".into(), op: removal }];
    let done = graphs.commit_in_parts(&writes, &[Progress::default()], Durability::Sync);
    assert_eq!(done, [MADE]);
    assert_eq!(counts(graphs, "g")?, (2, 0));
    Ok(())
}
