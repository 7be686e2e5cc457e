//! Whole graphs and their ledger.

use epistemic_storage::{
    GraphStore,
    graph::{COMMONS, GraphError, GraphType, LedgerRecord, Op},
};

use super::fixture::{add_edge, add_node, counts, create, remove_edge, remove_node, typed, write_all};

pub(super) fn lifecycle(graphs: &GraphStore) -> Result<(), GraphError> {
    let names = || graphs.graphs().iter().map(|graph| graph.name().to_string()).collect::<Vec<_>>();
    assert_eq!(names(), [COMMONS]);
    assert_eq!(graphs.graph(COMMONS)?.kind(), GraphType::Commons);
    graphs.write("g", Op::Create { kind: GraphType::Team, owner: Some("me".into()), tenant: None })?;
    let graph = graphs.graph("g")?;
    assert_eq!((graph.kind(), graph.owner().as_deref()), (GraphType::Team, Some("me")));
    assert_eq!((names(), graphs.graph_count()), (vec![COMMONS.to_owned(), "g".to_owned()], 2));
    let exists = GraphError::GraphExists("g".into());
    assert_eq!(
        graphs.write("g", Op::Create { kind: GraphType::Agent, owner: None, tenant: None }),
        Err(exists)
    );
    graphs.write("g", Op::Delete)?;
    assert_eq!(names(), [COMMONS]);
    let missing = GraphError::GraphNotFound("g".into());
    assert_eq!(graphs.graph("g").err(), Some(missing.clone()));
    for op in [
        Op::Delete,
        Op::Clear,
        Op::ClearLedger,
        Op::Batch(Vec::new()),
        add_node("a", b""),
        remove_edge("a", "b"),
    ] {
        assert_eq!(graphs.write("g", op), Err(missing.clone()));
    }
    assert_eq!(graphs.write(COMMONS, Op::Delete), Err(GraphError::CannotDeleteCommons));
    Ok(())
}

pub(super) fn owners(graphs: &GraphStore) -> Result<(), GraphError> {
    let give = |graph: &str, owner: Option<&str>| graphs.write(graph, Op::SetOwner(owner.map(str::to_owned)));
    let tenant =
        |graph: &epistemic_storage::graph::Graph| graph.with_tenant(|tenant| tenant.map(str::to_owned));
    graphs.write("g", Op::Create { kind: GraphType::Agent, owner: Some("a".into()), tenant: None })?;
    let graph = graphs.graph("g")?;
    give("g", Some("b"))?;
    assert_eq!(graph.owner().as_deref(), Some("b"), "also for who has the graph already");
    assert_eq!(tenant(&graph).as_deref(), Some("b"));
    let sequence = graph.counters().sequence;
    give("g", Some("b"))?;
    assert_eq!(graph.counters().sequence, sequence, "it is his already");
    // A change like any other, which the protocol's ledger does not show.
    let changes = graphs.changes(&graph, sequence - 1, usize::MAX)?;
    let (record, _) = LedgerRecord::decode(&changes.records[0].1)?;
    assert_eq!((record.clone(), record.line()), (LedgerRecord::Owned { owner: "b" }, None));
    assert!(record.can_be_replayed());
    write_all(graphs, "g", vec![add_node("n", b""), Op::Clear])?;
    assert_eq!(graphs.graph("g")?.owner().as_deref(), Some("b"), "cleared");
    give("g", None)?;
    let cleared = graphs.graph("g")?;
    assert_eq!((cleared.owner(), tenant(&cleared)), (None, None));
    assert_eq!(graph.owner().as_deref(), Some("b"), "as it was when it was cleared");
    let missing = GraphError::GraphNotFound("missing".into());
    assert_eq!(give("missing", Some("b")), Err(missing));
    let long = "o".repeat(epistemic_storage::limits::MAX_NAME_BYTES + 1);
    assert!(matches!(give("g", Some(&long)), Err(GraphError::Limit(_))));
    Ok(())
}

pub(super) fn any_name(graphs: &GraphStore) -> Result<(), GraphError> {
    let long = "n".repeat(4096);
    let names = ["", ".", "..", "t:a", "t/a", "t_a", "T:A", "\0", "t\0", "🦀", "e\u{301}", "é", &long];
    for name in names {
        create(graphs, name)?;
        write_all(graphs, name, vec![add_node(name, name.as_bytes())])?;
    }
    assert_eq!(graphs.graph_count(), names.len() + 1);
    for name in names {
        let graph = graphs.graph(name)?;
        assert_eq!(
            graphs.latest(&graph).node(name)?.map(|node| node.properties).as_deref(),
            Some(name.as_bytes())
        );
        assert_eq!(counts(graphs, name)?, (1, 0), "{name:?}");
    }
    Ok(())
}

pub(super) fn recreated_is_empty(graphs: &GraphStore) -> Result<(), GraphError> {
    let mut ids = Vec::new();
    for round in 0..5 {
        create(graphs, "g")?;
        let graph = graphs.graph("g")?;
        let reader = graphs.latest(&graph);
        assert!(!ids.contains(&graph.id()), "id {} is used again", graph.id());
        ids.push(graph.id());
        assert_eq!(
            (counts(graphs, "g")?, reader.has_node("a")?, reader.has_edge("a", "a")?),
            ((0, 0), false, false)
        );
        assert!(reader.ledger_lines()?.is_empty() && reader.by_label("L", 0)?.is_empty());
        write_all(graphs, "g", vec![add_node("a", &typed("L")), add_edge("a", "a", b"")])?;
        graphs.write("g", Op::Delete)?;
        if round % 2 == 0 {
            graphs.reclaim()?;
        }
    }
    Ok(())
}

pub(super) fn clear(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", &typed("L")), add_edge("a", "a", b"")])?;
    let before = graphs.graph("g")?;
    graphs.write("g", Op::Clear)?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    assert_eq!(counts(graphs, "g")?, (0, 0));
    assert!(!reader.has_node("a")? && !reader.has_edge("a", "a")? && reader.by_label("L", 0)?.is_empty());
    assert!(reader.ledger_lines()?.is_empty());
    assert!(graph.counters().sequence > before.counters().sequence, "the sequence goes on");
    assert_eq!(graph.created_ms(), before.created_ms());
    assert!(graphs.latest(&before).has_node("a")?, "who held the graph still reads it");
    write_all(graphs, "g", vec![add_node("a", b"")])?;
    assert_eq!((counts(graphs, "g")?, reader.ledger_lines()?.len()), ((1, 0), 1));
    Ok(())
}

pub(super) fn replace_and_install(graphs: &GraphStore) -> Result<(), GraphError> {
    let load = |sequence| {
        let mut loader = graphs.load();
        loader.node("b", sequence, &typed("L"))?;
        loader.node("a", sequence + 1, b"")?;
        loader.edge("a", "b", sequence + 2, b"e")?;
        loader.ledger(sequence + 3, LedgerRecord::Text("kept").encode(1))?;
        loader.embedding("a", &[0, 0, 128, 63])?;
        loader.finish()
    };
    let refused = graphs.write("g", Op::Replace(load(10)?));
    assert_eq!(refused, Err(GraphError::GraphNotFound("g".into())));
    graphs.install("g", load(10)?, GraphType::Global, Some("o".into()), false)?;
    let graph = graphs.graph("g")?;
    let state = graph.counters();
    assert_eq!((state.nodes, state.edges, state.ledger_lines, state.sequence), (2, 1, 1, 13));
    assert_eq!((state.vectors, state.components), (1, 1));
    assert_eq!((graph.kind(), graph.owner().as_deref()), (GraphType::Global, Some("o")));
    let refused = graphs.install("g", load(10)?, GraphType::Agent, None, false);
    assert_eq!(refused, Err(GraphError::GraphExists("g".into())));
    write_all(graphs, "g", vec![add_node("c", b""), add_edge("a", "c", b"")])?;
    graphs.write("g", Op::Replace(load(3)?))?;
    let replaced = graphs.graph("g")?;
    let reader = graphs.latest(&replaced);
    assert_eq!(counts(graphs, "g")?, (2, 1));
    assert!(!reader.has_node("c")? && reader.has_edge("a", "b")? && reader.successors("a")? == ["b"]);
    assert_eq!(reader.by_label("L", 0)?.len(), 1);
    assert_eq!(reader.ledger_lines()?, ["kept"]);
    assert!(replaced.counters().sequence > 15, "never falls: {:?}", replaced.counters());
    assert_eq!(
        (replaced.kind(), replaced.owner().as_deref()),
        (GraphType::Global, Some("o")),
        "type and owner stay"
    );
    graphs.install("g", load(1)?, GraphType::Agent, None, true)?;
    assert_eq!((graphs.graph("g")?.kind(), counts(graphs, "g")?), (GraphType::Agent, (2, 1)));
    assert!(graphs.latest(&replaced).has_edge("a", "b")?, "who held the graph still reads it");
    Ok(())
}

/// Past the size up to which records travel in the commit itself.
pub(super) fn large_load(graphs: &GraphStore) -> Result<(), GraphError> {
    const NODES: u64 = 3000;
    let id = |number: u64| format!("node {}", number.wrapping_mul(7919) % NODES);
    let mut loader = graphs.load();
    for number in 0..NODES {
        loader.node(&id(number), number, &[&typed("L")[..], &[0; 2000]].concat())?;
        loader.edge(&id(number), &id(number + 1), number, b"e")?;
    }
    let loaded = loader.finish()?;
    assert!(graphs.graph("g").is_err(), "nothing is there before the install");
    graphs.install("g", loaded, GraphType::Agent, None, false)?;
    assert_eq!(counts(graphs, "g")?, (NODES, NODES));
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    for number in [0, 1, NODES - 1] {
        assert_eq!(reader.node(&id(number))?.map(|node| node.sequence), Some(number));
        assert_eq!(reader.successors(&id(number))?, [id(number + 1)]);
        assert_eq!(reader.in_degree(&id(number))?, 1);
    }
    assert_eq!(reader.by_label("L", 0)?.len() as u64, NODES);
    write_all(graphs, "g", vec![remove_node(&id(5))])?;
    assert_eq!(counts(graphs, "g")?, (NODES - 1, NODES - 2));
    graphs.reclaim()?;
    assert_eq!(reader.by_label("L", 0)?.len() as u64, NODES - 1, "an installed graph is not reclaimed");
    Ok(())
}

pub(super) fn ledger(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let ops = vec![
        add_node("a", b"\x80"),
        add_node("b|", b""),
        add_node("a", b"\x01"),
        add_edge("a", "b|", b"\xff"),
        remove_node("missing"),
        remove_edge("b|", "a"),
        remove_edge("missing", "a"),
        remove_node("a"),
    ];
    write_all(graphs, "g", ops)?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    let expected = [
        "ADD_NODE|a|80",
        "ADD_NODE|b||",
        "ADD_NODE|a|01",
        "ADD_EDGE|a|b||ff",
        "REMOVE_EDGE|b||a",
        "REMOVE_NODE|a",
    ];
    assert_eq!(reader.ledger_lines()?, expected);
    let mut sequences = Vec::new();
    reader.for_each_ledger(3, |sequence, record| {
        assert!(LedgerRecord::decode(record)?.1 > 0, "every record has its time");
        sequences.push(sequence);
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    assert_eq!(sequences, [3, 4, 5, 6, 7], "numbered from the creation, without gaps");
    let state = graph.counters();
    assert_eq!((state.sequence, state.ledger_lines, state.complete_from), (7, 6, 1));
    graphs.write("g", Op::ClearLedger)?;
    let state = graph.counters();
    assert_eq!((state.sequence, state.ledger_lines, state.complete_from), (8, 0, 8));
    assert!(reader.ledger_lines()?.is_empty());
    write_all(graphs, "g", vec![add_node("c", b"")])?;
    assert_eq!(reader.ledger_lines()?, ["ADD_NODE|c|"]);
    Ok(())
}
