//! Embeddings.

use epistemic_storage::{
    Durability, GraphStore, Mutation,
    graph::{GraphError, GraphType, LedgerRecord, Op, Write},
};

use super::fixture::{add_node, create, remove_node, write_all};

fn bytes(components: &[f32]) -> Vec<u8> {
    components.iter().flat_map(|component| component.to_le_bytes()).collect()
}

fn add_embedding(node: &str, components: &[f32]) -> Op {
    Op::One(Mutation::AddEmbedding { node: node.into(), components: bytes(components) })
}

/// Embeddings as they are read, and their counters: number and components.
type Stored = (Vec<(String, Vec<u8>)>, u64, u64);

fn stored(graphs: &GraphStore, name: &str) -> Result<Stored, GraphError> {
    let graph = graphs.graph(name)?;
    let mut found = Vec::new();
    graphs.latest(&graph).for_each_embedding(|id, components| {
        found.push((id.to_owned(), components.to_vec()));
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    let state = graph.counters();
    assert_eq!(graphs.latest(&graph).counters()?, state);
    assert_eq!(state.vectors, found.len() as u64);
    Ok((found, state.vectors, state.components))
}

pub(super) fn lifecycle(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let graph = graphs.graph("g")?;
    assert_eq!(graphs.write("g", add_embedding("a", &[1.0])), Err(GraphError::NodeNotFound("a".into())));
    write_all(graphs, "g", vec![add_node("b", b""), add_node("a", b"")])?;
    let before = graph.versions();
    let vectors = vec![
        add_embedding("b", &[1.0, 2.0]),
        add_embedding("a", &[3.0, 4.0]),
        add_embedding("b", &[5.0, 6.0]),
    ];
    write_all(graphs, "g", vectors)?;
    let (a, b) = (("a".to_owned(), bytes(&[3.0, 4.0])), ("b".to_owned(), bytes(&[5.0, 6.0])));
    assert_eq!(stored(graphs, "g")?, (vec![a.clone(), b.clone()], 2, 4), "by id, replaced");
    let versions = graph.versions();
    assert_eq!((versions.topology, versions.vectors), (before.topology, graph.counters().sequence));

    write_all(graphs, "g", vec![add_node("b", b"x"), remove_node("missing")])?;
    assert_eq!(graph.versions(), versions, "only an embedding changes the version of the embeddings");
    assert_eq!(stored(graphs, "g")?.1, 2, "a replaced node keeps its embedding");
    write_all(graphs, "g", vec![remove_node("a"), add_node("a", b"")])?;
    assert_eq!(stored(graphs, "g")?, (vec![b], 1, 2), "a node takes its embedding along");
    assert!(graph.versions().vectors > versions.vectors);

    let reader = graphs.latest(&graph);
    assert!(reader.ledger_lines()?.iter().all(|line| line.contains("_NODE|")), "embeddings are not shown");
    let mut logged = Vec::new();
    reader.for_each_ledger(0, |_, record| {
        if let (LedgerRecord::AddEmbedding { node, components }, _) = LedgerRecord::decode(record)? {
            logged.push((node.to_owned(), components.to_vec()));
        }
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    assert_eq!((logged.len(), &logged[1]), (3, &a), "but they are in the ledger");
    graphs.write("g", Op::Clear)?;
    assert_eq!(stored(graphs, "g")?, (Vec::new(), 0, 0));
    Ok(())
}

pub(super) fn lengths(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", b""), add_node("b", b"")])?;
    assert_eq!(graphs.write("g", add_embedding("a", &[])), Err(GraphError::EmptyEmbedding("a".into())));
    for (node, components, expected) in [
        ("a", &[1.0; 3][..], (1, 3)),
        ("a", &[1.0; 2], (1, 2)),
        ("b", &[1.0; 3], (2, 5)),
        ("b", &[1.0; 2], (2, 4)),
        ("a", &[1.0; 768], (2, 770)),
    ] {
        write_all(graphs, "g", vec![add_embedding(node, components)])?;
        let (found, vectors, total) = stored(graphs, "g")?;
        assert_eq!((vectors, total), expected, "{node} with {} components", components.len());
        assert!(found.contains(&(node.to_owned(), bytes(components))));
    }
    write_all(graphs, "g", vec![remove_node("b")])?;
    assert_eq!(
        (stored(graphs, "g")?.1, stored(graphs, "g")?.2),
        (1, 768),
        "what goes is not counted any more"
    );

    let mut loader = graphs.load();
    for (node, sequence) in [("n", 1), ("o", 2)] {
        loader.node(node, sequence, b"")?;
    }
    loader.embedding("n", &bytes(&[1.0, 2.0]))?;
    loader.embedding("o", &bytes(&[1.0]))?;
    graphs.install("loaded", loader.finish()?, GraphType::Agent, None, false)?;
    write_all(graphs, "loaded", vec![add_node("m", b""), add_embedding("m", &[1.0; 4])])?;
    assert_eq!((stored(graphs, "loaded")?.1, stored(graphs, "loaded")?.2), (3, 7));
    Ok(())
}

pub(super) fn within_a_group(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let ops = [
        add_embedding("a", &[1.0]),
        add_node("a", b""),
        add_embedding("a", &[1.0]),
        add_embedding("a", &[1.0, 2.0]),
        add_node("b", b""),
        add_embedding("b", &[1.0]),
        add_embedding("b", &[3.0, 4.0]),
        add_embedding("missing", &[1.0]),
        remove_node("a"),
        add_embedding("b", &[5.0]),
        remove_node("b"),
        add_node("b", b""),
        add_embedding("b", &[6.0, 7.0, 8.0]),
    ];
    let writes: Vec<Write> = ops.into_iter().map(|op| Write { graph: "g".into(), op }).collect();
    let results = graphs.commit(&writes, Durability::Sync);
    let failed: Vec<usize> = (0..results.len()).filter(|&index| results[index].is_err()).collect();
    assert_eq!(failed, [0, 7], "{results:?}");
    assert_eq!(stored(graphs, "g")?, (vec![("b".into(), bytes(&[6.0, 7.0, 8.0]))], 1, 3));
    Ok(())
}
