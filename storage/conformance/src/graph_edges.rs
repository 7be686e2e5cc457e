//! Edges.

use epistemic_storage::{
    GraphStore,
    graph::{GraphError, GraphReader},
};

use super::fixture::{add_edge, add_node, counts, create, remove_edge, remove_node, write_all};

fn with_nodes(graphs: &GraphStore, ids: &[&str]) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", ids.iter().map(|id| add_node(id, b"")).collect())
}

fn properties(reader: &GraphReader<'_>, source: &str, target: &str) -> Result<Vec<Vec<u8>>, GraphError> {
    Ok(reader.edges_between(source, target)?.into_iter().map(|edge| edge.properties).collect())
}

pub(super) fn parallel(graphs: &GraphStore) -> Result<(), GraphError> {
    with_nodes(graphs, &["a", "b", "c"])?;
    let ops = vec![
        add_edge("a", "b", b"1"),
        add_edge("a", "c", b"2"),
        add_edge("a", "b", b"3"),
        add_edge("b", "a", b"4"),
    ];
    write_all(graphs, "g", ops)?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    assert_eq!(properties(&reader, "a", "b")?, [b"1", b"3"], "oldest first");
    assert_eq!(reader.successors("a")?, ["b", "c", "b"], "newest first, one each");
    assert_eq!(reader.predecessors("b")?, ["a", "a"]);
    assert_eq!((reader.out_degree("a")?, reader.in_degree("a")?), (3, 1));
    let mut seen = Vec::new();
    reader.for_each_edge(|source, target, _, value| {
        seen.push(format!("{source}{target}{}", String::from_utf8_lossy(value)));
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    assert_eq!(seen, ["ab1", "ab3", "ac2", "ba4"]);
    seen.clear();
    reader.for_each_edge_from("a", |target, _, value| {
        seen.push(format!("{target}{}", String::from_utf8_lossy(value)));
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    assert_eq!(seen, ["b1", "b3", "c2"]);
    write_all(graphs, "g", vec![remove_edge("a", "b"), remove_edge("a", "b"), remove_edge("x", "b")])?;
    assert_eq!(counts(graphs, "g")?, (3, 2));
    assert!(!reader.has_edge("a", "b")? && reader.has_edge("b", "a")? && reader.has_edge("a", "c")?);
    assert!(reader.predecessors("b")?.is_empty());
    Ok(())
}

pub(super) fn missing_ends(graphs: &GraphStore) -> Result<(), GraphError> {
    with_nodes(graphs, &["a"])?;
    let graph = graphs.graph("g")?;
    let before = graph.counters();
    let refused = [
        (add_edge("x", "a", b""), GraphError::SourceNotFound("x".into())),
        (add_edge("a", "x", b""), GraphError::TargetNotFound("x".into())),
        (add_edge("x", "y", b""), GraphError::SourceNotFound("x".into())),
    ];
    for (op, error) in refused {
        assert_eq!(graphs.write("g", op), Err(error));
    }
    assert_eq!(graph.counters(), before);
    Ok(())
}

pub(super) fn self_loops(graphs: &GraphStore) -> Result<(), GraphError> {
    with_nodes(graphs, &["a", "b"])?;
    let loops = || vec![add_edge("a", "a", b"1"), add_edge("a", "a", b"2"), add_edge("a", "b", b"3")];
    write_all(graphs, "g", loops())?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    assert_eq!((reader.out_degree("a")?, reader.in_degree("a")?), (3, 2));
    assert_eq!(counts(graphs, "g")?, (2, 3));
    write_all(graphs, "g", vec![remove_edge("a", "a")])?;
    assert_eq!(counts(graphs, "g")?, (2, 1));
    assert_eq!(reader.in_degree("a")?, 0);
    write_all(graphs, "g", loops())?;
    write_all(graphs, "g", vec![remove_node("a")])?;
    assert_eq!(counts(graphs, "g")?, (1, 0));
    assert!(reader.successors("a")?.is_empty() && reader.predecessors("b")?.is_empty());
    Ok(())
}

pub(super) fn cascade(graphs: &GraphStore) -> Result<(), GraphError> {
    with_nodes(graphs, &["a", "ab", "b", "hub"])?;
    for node in ["a", "ab", "b"] {
        write_all(
            graphs,
            "g",
            vec![add_edge("hub", node, b""), add_edge(node, "hub", b""), add_edge(node, "hub", b"")],
        )?;
    }
    write_all(graphs, "g", vec![add_edge("a", "b", b"stays"), remove_node("hub")])?;
    assert_eq!(counts(graphs, "g")?, (3, 1));
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    for node in ["a", "ab", "b", "hub"] {
        assert!(!reader.has_edge("hub", node)? && !reader.has_edge(node, "hub")?, "{node}");
        assert_eq!(reader.out_degree(node)?, u64::from(node == "a"), "{node}");
        assert_eq!(reader.in_degree(node)?, u64::from(node == "b"), "{node}");
    }
    write_all(graphs, "g", vec![add_node("hub", b"")])?;
    assert_eq!(
        (reader.out_degree("hub")?, reader.in_degree("hub")?),
        (0, 0),
        "a node added again has no edges"
    );
    Ok(())
}
