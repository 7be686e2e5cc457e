//! Nodes and edges one at a time, and ids by label.

use epistemic_storage::{
    GraphStore,
    graph::{Graph, GraphError},
};

use super::fixture::{add_edge, add_node, create, remove_node, typed, write_all};

fn nodes(graphs: &GraphStore, graph: &Graph) -> Result<Vec<(String, Vec<u8>)>, GraphError> {
    let mut cursor = graphs.latest(graph).node_cursor()?;
    let mut found = Vec::new();
    while let Some((id, properties)) = cursor.advance()? {
        found.push((id.to_owned(), properties.to_vec()));
    }
    assert_eq!(cursor.advance()?, None, "the end stays");
    Ok(found)
}

fn edges(graphs: &GraphStore, graph: &Graph) -> Result<Vec<(String, String)>, GraphError> {
    let mut cursor = graphs.latest(graph).edge_cursor()?;
    let mut found = Vec::new();
    while let Some(pair) = cursor.advance()? {
        found.push(pair);
    }
    assert_eq!(cursor.advance()?, None, "the end stays");
    Ok(found)
}

pub(super) fn cursors(graphs: &GraphStore) -> Result<(), GraphError> {
    let ids = ["", "\0", "a", "a\0", "a\0b", "ab", "é", "🦀"];
    // The neighbours in the store must not show up.
    for name in ["before", "g", "behind"] {
        create(graphs, name)?;
        write_all(graphs, name, ids.iter().rev().map(|id| add_node(id, name.as_bytes())).collect())?;
    }
    let graph = graphs.graph("g")?;
    assert!(edges(graphs, &graph)?.is_empty());
    let mut expected = Vec::new();
    for source in ids {
        for target in ids {
            write_all(graphs, "g", vec![add_edge(target, source, b"1"), add_edge(target, source, b"2")])?;
            expected.extend([(source.to_owned(), target.to_owned()), (source.to_owned(), target.to_owned())]);
        }
    }
    assert_eq!(edges(graphs, &graph)?, expected, "by source and target, one for each parallel edge");
    let all: Vec<_> = ids.iter().map(|&id| (id.to_owned(), b"g".to_vec())).collect();
    assert_eq!(nodes(graphs, &graph)?, all, "by id");

    let reader = graphs.latest(&graph);
    let (mut node_cursor, mut edge_cursor) = (reader.node_cursor()?, reader.edge_cursor()?);
    write_all(graphs, "g", ids.map(remove_node).into())?;
    let (mut seen_nodes, mut seen_edges) = (0, 0);
    while node_cursor.advance()?.is_some() {
        seen_nodes += 1;
    }
    while edge_cursor.advance()?.is_some() {
        seen_edges += 1;
    }
    assert_eq!((seen_nodes, seen_edges), (ids.len(), expected.len()), "a cursor sees one state");
    assert!(nodes(graphs, &graph)?.is_empty() && edges(graphs, &graph)?.is_empty());
    Ok(())
}

pub(super) fn ids_by_label(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    create(graphs, "other")?;
    write_all(graphs, "other", vec![add_node("other", &typed("L"))])?;
    let order = ["z", "", "m", "a\0", "b"];
    write_all(graphs, "g", order.iter().map(|id| add_node(id, &typed("L"))).collect())?;
    write_all(graphs, "g", vec![add_node("x", &typed("L\0")), add_node("z", &typed("L"))])?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    assert_eq!(reader.ids_by_label("L", 0)?, order, "oldest first; what is replaced keeps its place");
    for limit in 1..=order.len() + 1 {
        let expected = &order[..limit.min(order.len())];
        assert_eq!(reader.ids_by_label("L", limit)?, expected, "at most {limit}");
        let nodes: Vec<_> = reader.by_label("L", limit)?.into_iter().map(|(id, _)| id).collect();
        assert_eq!(nodes, expected, "at most {limit}");
    }
    write_all(graphs, "g", vec![remove_node("z"), add_node("z", &typed("L")), add_node("m", b"\x80")])?;
    assert_eq!(reader.ids_by_label("L", 0)?, ["", "a\0", "b", "z"], "removed and added again is newest");
    assert!(reader.ids_by_label("", 0)?.is_empty() && reader.ids_by_label("missing", 3)?.is_empty());
    Ok(())
}
