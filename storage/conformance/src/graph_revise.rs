//! Conditional changes, and the refreshing of nodes.

use super::fixture::{add_edge, add_node, counts, create, remove_edge, remove_node, typed, write_all};
use epistemic_storage::{
    Durability, GraphStore,
    graph::{
        ChangeSummary, ConditionalChange, Graph, GraphError, GraphReader, GraphType, LedgerRecord, Op,
        Outcome, Versions, Write,
    },
    properties,
};

fn node(id: &str, expected: &[u8], properties: Option<&[u8]>) -> ConditionalChange {
    ConditionalChange::Node {
        id: id.into(),
        expected: expected.to_vec(),
        properties: properties.map(<[u8]>::to_vec),
    }
}

/// The edge from `a` to `b` that was inserted at `sequence`.
fn edge(sequence: u64, expected: &[u8], properties: Option<&[u8]>) -> ConditionalChange {
    let properties = properties.map(<[u8]>::to_vec);
    ConditionalChange::Edge {
        source: "a".into(),
        target: "b".into(),
        sequence,
        expected: expected.to_vec(),
        properties,
    }
}

fn revise(graphs: &GraphStore, revisions: Vec<ConditionalChange>) -> Result<ChangeSummary, GraphError> {
    let graph = graphs.graph("g")?;
    let (of, since) = (graph.id(), graph.counters().sequence);
    let Outcome::Conditional(revised) =
        graphs.write("g", Op::Conditional { of, since, changes: revisions, in_parts: false })?
    else {
        panic!("a revision answers with what was revised");
    };
    Ok(revised)
}

/// Ledger records behind `sequence`, each as its line, or in brackets as what it is when it is not shown.
fn records(reader: &GraphReader<'_>, sequence: u64) -> Result<Vec<String>, GraphError> {
    let mut records = Vec::new();
    reader.for_each_ledger(sequence + 1, |_, record| {
        let record = LedgerRecord::decode(record)?.0;
        records.push(record.line().unwrap_or_else(|| format!("[{record:?}]")));
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    Ok(records)
}

/// Whether topology and embeddings changed since.
fn changed(graph: &Graph, since: &mut Versions) -> (bool, bool) {
    let now = graph.versions();
    let changed = (now.topology != since.topology, now.vectors != since.vectors);
    *since = now;
    changed
}

pub(super) fn touch(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let zeta = b"\x83\xa4zeta\x01\xa4type\xa1L\xaaconfidence\xcb\x3f\xc9\x99\x99\x99\x99\x99\x9a";
    let nodes = [
        ("a", &zeta[..]),
        ("b", b"\x80"),
        ("scalar", b"\x05"),
        ("raw", b"\xc1"),
        ("bin", b"\x81\xa1k\xc4\x01\xff"),
    ];
    write_all(graphs, "g", nodes.iter().map(|(id, properties)| add_node(id, properties)).collect())?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    let (before, versions, place) =
        (graph.counters(), graph.versions(), reader.node("a")?.map(|node| node.sequence));
    let touch = |nodes: &[&str], now| {
        graphs.write("g", Op::Touch { nodes: nodes.iter().map(|&node| node.to_owned()).collect(), now })
    };
    let all = ["a", "missing", "b", "a", "scalar", "raw", "bin"];
    assert_eq!(touch(&all, 77)?, Outcome::Touched(4), "repeats count, what is no map does not");
    for (id, properties) in nodes {
        let expected =
            properties::with_confidence(properties, 1.0, 77).unwrap_or_else(|| properties.to_vec());
        assert_eq!(reader.node(id)?.map(|node| node.properties), Some(expected), "{id}");
    }
    let state = graph.counters();
    assert_eq!(state.sequence, before.sequence + 3, "one record for each node that changed");
    assert_eq!(state.ledger_lines, before.ledger_lines, "not shown");
    assert!(records(&reader, before.sequence)?.iter().all(|record| record.starts_with("[SetNode")));
    assert_eq!(reader.ids_by_label("L", 0)?, ["a"]);
    assert_eq!((graph.versions(), reader.node("a")?.map(|node| node.sequence)), (versions, place));
    let committed = graphs.store().stats()?.sequence;
    assert_eq!(touch(&all, 77)?, Outcome::Touched(4));
    assert_eq!((graph.counters(), graphs.store().stats()?.sequence), (state, committed), "nothing to commit");
    assert_eq!(touch(&[], 78)?, Outcome::Touched(0));
    let missing = graphs.write("missing", Op::Touch { nodes: Vec::new(), now: 1 });
    assert_eq!(missing, Err(GraphError::GraphNotFound("missing".into())));
    Ok(())
}

pub(super) fn nodes(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let before = ["a", "b", "c"].map(|id| add_node(id, &typed("L")));
    write_all(graphs, "g", before.into())?;
    write_all(graphs, "g", vec![add_edge("a", "b", b""), add_edge("b", "b", b""), add_edge("c", "a", b"")])?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    let (state, mut versions) = (graph.counters(), graph.versions());
    let (l, m) = (typed("L"), typed("M"));
    let revised = revise(
        graphs,
        vec![
            node("a", &l, Some(&m)),
            node("a", &l, None),
            node("a", &m, Some(b"\x80")),
            node("b", b"", None),
            node("b", &l[1..], Some(b"")),
            node("missing", b"", Some(b"new")),
        ],
    )?;
    assert_eq!(revised, ChangeSummary { nodes_set: 2, ..ChangeSummary::default() });
    assert_eq!(counts(graphs, "g")?, (3, 3));
    assert_eq!(reader.ids_by_label("L", 0)?, ["b", "c"]);
    assert!(reader.ids_by_label("M", 0)?.is_empty() && !reader.has_node("missing")?);
    assert_eq!(
        (graph.counters().sequence, changed(&graph, &mut versions)),
        (state.sequence + 2, (false, false))
    );

    let revised = revise(graphs, vec![node("b", &l, None), node("b", &l, None), node("c", &m, None)])?;
    let expected =
        ChangeSummary { nodes_removed: vec!["b".into()], edges_cascaded: 2, ..ChangeSummary::default() };
    assert_eq!(revised, expected);
    assert_eq!(counts(graphs, "g")?, (2, 1));
    assert!(
        reader.has_edge("c", "a")? && !reader.has_edge("a", "b")? && reader.predecessors("b")?.is_empty()
    );
    assert_eq!(records(&reader, state.sequence + 2)?, ["REMOVE_NODE|b"]);
    assert_eq!(changed(&graph, &mut versions), (true, false));

    let (committed, state) = (graphs.store().stats()?.sequence, graph.counters());
    assert_eq!(revise(graphs, vec![node("b", &l, None)])?, ChangeSummary::default());
    assert_eq!(revise(graphs, Vec::new())?, ChangeSummary::default());
    assert_eq!((graphs.store().stats()?.sequence, graph.counters()), (committed, state), "nothing to commit");
    Ok(())
}

/// A graph that is another one by now is left alone, also one of the same name and content.
pub(super) fn other_graph(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", b"1")])?;
    let of = graphs.graph("g")?.id();
    let since = 100;
    graphs.write("g", Op::Clear)?;
    write_all(graphs, "g", vec![add_node("a", b"1")])?;
    let revised = graphs
        .write("g", Op::Conditional { of, since, changes: vec![node("a", b"1", None)], in_parts: false });
    assert_eq!(revised, Err(GraphError::GraphReplaced("g".into())));
    assert_eq!(graphs.graph("g")?.counters().nodes, 1);
    Ok(())
}

/// A node that was removed and added again behind the state that a revision was worked out from is another one.
pub(super) fn added_again(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", ["a", "b", "c"].map(|id| add_node(id, b"1")).into())?;
    let graph = graphs.graph("g")?;
    let (of, since) = (graph.id(), graph.counters().sequence);
    let add = |source: &str, target: &str| ConditionalChange::AddEdge {
        source: source.into(),
        target: target.into(),
        properties: b"p".to_vec(),
    };
    let again = vec![remove_node("a"), add_node("a", b"1"), add_node("b", b"1")];
    write_all(graphs, "g", again)?;
    let changes =
        || vec![node("a", b"1", None), add("a", "b"), add("b", "a"), add("c", "b"), node("b", b"1", None)];
    let revised = graphs.write("g", Op::Conditional { of, since, changes: changes(), in_parts: false })?;
    let expected = ChangeSummary {
        edges_added: 1,
        edges_cascaded: 1,
        nodes_removed: vec!["b".into()],
        ..ChangeSummary::default()
    };
    assert_eq!(revised, Outcome::Conditional(expected), "b was there all the time, a was not");
    assert_eq!(counts(graphs, "g")?, (2, 0));
    let since = graph.counters().sequence;
    let revised = graphs.write("g", Op::Conditional { of, since, changes: changes(), in_parts: false })?;
    let expected = ChangeSummary { nodes_removed: vec!["a".into()], ..ChangeSummary::default() };
    assert_eq!(revised, Outcome::Conditional(expected), "seen again, a is as the others");
    Ok(())
}

/// What a revision expects is compared with what the group did before it.
pub(super) fn groups(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", b"1"), add_node("b", b"1"), add_edge("a", "b", b"old")])?;
    let graph = graphs.graph("g")?;
    let old = graph.counters().sequence;
    let (of, since) = (graph.id(), old);
    let ops = vec![
        add_node("a", b"2"),
        Op::Conditional {
            of,
            since,
            changes: vec![node("a", b"1", Some(b"lost")), node("a", b"2", Some(b"3"))],
            in_parts: false,
        },
        add_edge("a", "b", b"new"),
        Op::Conditional {
            of,
            since,
            changes: vec![edge(old + 3, b"new", Some(b"newer")), edge(old, b"old", None)],
            in_parts: false,
        },
        Op::Conditional {
            of,
            since,
            changes: vec![edge(old, b"old", Some(b"lost")), edge(old + 3, b"newer", None)],
            in_parts: false,
        },
        remove_node("b"),
        Op::Conditional { of, since, changes: vec![node("b", b"1", Some(b"lost"))], in_parts: false },
    ];
    let writes: Vec<_> = ops.into_iter().map(|op| Write { graph: "g".into(), op }).collect();
    let results = graphs.commit(&writes, Durability::Sync);
    let revised = |nodes_set, edges_set, edges_removed| {
        Ok(Outcome::Conditional(ChangeSummary {
            nodes_set,
            edges_set,
            edges_removed,
            ..ChangeSummary::default()
        }))
    };
    let (done, nothing) = (Ok(Outcome::Done), revised(0, 0, 0));
    let expected =
        [done.clone(), revised(1, 0, 0), done.clone(), revised(0, 1, 1), revised(0, 0, 1), done, nothing];
    assert_eq!(results, expected);
    let reader = graphs.latest(&graph);
    assert_eq!(reader.node("a")?.map(|node| node.properties).as_deref(), Some(&b"3"[..]));
    assert_eq!(counts(graphs, "g")?, (1, 0));
    let records: Vec<_> =
        records(&reader, old + 3)?.into_iter().filter(|line| !line.starts_with('[')).collect();
    assert_eq!(
        records,
        ["REMOVE_EDGE|a|b", "REMOVE_NODE|b"],
        "of the edges only the last of the pair is shown"
    );
    Ok(())
}

pub(super) fn parallel_edges(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", ["a", "b", "b\0", "c"].map(|id| add_node(id, b"")).into())?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    let mut versions = graph.versions();
    for newest_first in [false, true] {
        write_all(
            graphs,
            "g",
            vec![add_edge("a", "b\0", b"x"), add_edge("a", "c", b"x"), add_edge("b", "a", b"x")],
        )?;
        write_all(graphs, "g", [b"1", b"2", b"1"].map(|bytes| add_edge("a", "b", bytes)).into())?;
        let (around, state) = (counts(graphs, "g")?.1 - 3, graph.counters());
        let mut sequences: Vec<_> =
            reader.edges_between("a", "b")?.iter().map(|edge| edge.sequence).collect();
        assert_eq!(changed(&graph, &mut versions), (true, false));

        let set =
            vec![edge(sequences[1], b"2", Some(b"1")), edge(sequences[0], b"2", None), edge(1, b"1", None)];
        assert_eq!(revise(graphs, set)?, ChangeSummary { edges_set: 1, ..ChangeSummary::default() });
        assert_eq!(changed(&graph, &mut versions), (false, false));
        assert_eq!(
            (graph.counters().sequence, graph.counters().ledger_lines),
            (state.sequence + 1, state.ledger_lines)
        );
        assert!(reader.edges_between("a", "b")?.iter().all(|edge| edge.properties == b"1"), "in its place");

        if newest_first {
            sequences.reverse();
        }
        assert_eq!(revise(graphs, vec![edge(sequences[0], b"1", None)])?.edges_removed, 1);
        let left: Vec<_> = reader.edges_between("a", "b")?.iter().map(|edge| edge.sequence).collect();
        assert!(left.len() == 2 && !left.contains(&sequences[0]), "removes the one that was named: {left:?}");
        assert_eq!((reader.out_degree("a")?, reader.in_degree("b")?), (around + 1, 2));
        assert_eq!(changed(&graph, &mut versions), (true, false));
        assert_eq!(
            graph.counters().ledger_lines,
            state.ledger_lines,
            "shown only when the last of a pair goes"
        );

        let all: Vec<_> = sequences.iter().map(|&sequence| edge(sequence, b"1", None)).collect();
        assert_eq!(revise(graphs, all)?, ChangeSummary { edges_removed: 2, ..ChangeSummary::default() });
        assert_eq!(counts(graphs, "g")?.1, around);
        assert!(!reader.has_edge("a", "b")? && reader.predecessors("b")?.is_empty());
        assert!(reader.has_edge("a", "b\0")? && reader.has_edge("b", "a")?);
        let records = records(&reader, state.sequence)?;
        assert_eq!(
            records.iter().filter(|line| !line.starts_with('[')).collect::<Vec<_>>(),
            ["REMOVE_EDGE|a|b"]
        );
        assert!(records[1].starts_with("[RemoveParallel") && records.len() == 4, "{records:?}");
        write_all(graphs, "g", vec![remove_edge("a", "b\0"), remove_edge("a", "c"), remove_edge("b", "a")])?;
        changed(&graph, &mut versions);
    }
    Ok(())
}

pub(super) fn added_edges(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", b""), add_node("b", b"")])?;
    let graph = graphs.graph("g")?;
    let before = graph.counters();
    let add = |source: &str, target: &str| ConditionalChange::AddEdge {
        source: source.into(),
        target: target.into(),
        properties: b"p".to_vec(),
    };
    let revisions =
        vec![add("a", "b"), add("a", "x"), add("x", "a"), node("b", b"", None), add("a", "b"), add("a", "a")];
    let expected = ChangeSummary {
        edges_added: 2,
        edges_cascaded: 1,
        nodes_removed: vec!["b".into()],
        ..ChangeSummary::default()
    };
    assert_eq!(revise(graphs, revisions)?, expected);
    assert_eq!(counts(graphs, "g")?, (1, 1));
    let lines = records(&graphs.latest(&graph), before.sequence)?;
    assert_eq!(lines, ["ADD_EDGE|a|b|70", "REMOVE_NODE|b", "ADD_EDGE|a|a|70"], "skipped ones take no number");
    Ok(())
}

/// A node takes its embedding along, and only then embeddings change.
pub(super) fn embeddings(graphs: &GraphStore) -> Result<(), GraphError> {
    let mut loader = graphs.load();
    loader.node("a", 1, b"\x80")?;
    loader.node("b", 2, b"\x80")?;
    loader.embedding("a", &[0; 8])?;
    graphs.install("g", loader.finish()?, GraphType::Agent, None, false)?;
    let graph = graphs.graph("g")?;
    let mut versions = graph.versions();
    revise(graphs, vec![node("a", b"\x80", Some(b"\x81\xa1k\x01"))])?;
    assert_eq!(changed(&graph, &mut versions), (false, false));
    write_all(graphs, "g", vec![add_node("a", b"\x80"), remove_edge("a", "b")])?;
    assert_eq!(changed(&graph, &mut versions), (false, false), "nothing came or went");
    revise(graphs, vec![node("b", b"\x80", None)])?;
    assert_eq!((changed(&graph, &mut versions), graph.counters().vectors), ((true, false), 1));
    revise(graphs, vec![node("a", b"\x80", None)])?;
    assert_eq!((changed(&graph, &mut versions), graph.counters().vectors), ((true, true), 0));
    let mut left = 0;
    graphs.latest(&graph).for_each_embedding(|_, _| {
        left += 1;
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    assert_eq!(left, 0);
    Ok(())
}
