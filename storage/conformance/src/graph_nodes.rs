//! Nodes and the label index.

use epistemic_storage::{GraphStore, graph::GraphError};

use super::fixture::{add_node, counts, create, remove_node, typed, write_all};

pub(super) fn lifecycle(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("b", b"1"), add_node("a", b"2"), add_node("c", b"")])?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    let before = reader.node("b")?.map(|node| node.sequence);
    write_all(graphs, "g", vec![add_node("b", b"3"), remove_node("missing")])?;
    let found = reader.nodes(&["c", "missing", "b", "c"])?;
    let found: Vec<_> =
        found.iter().map(|node| node.as_ref().map(|node| node.properties.as_slice())).collect();
    assert_eq!(found, [Some(&b""[..]), None, Some(b"3"), Some(b"")]);
    assert_eq!(reader.node("b")?.map(|node| node.sequence), before, "a replaced node keeps its place");
    assert!(reader.has_node("a")? && !reader.has_node("missing")?);
    assert_eq!(counts(graphs, "g")?, (3, 0));
    write_all(graphs, "g", vec![remove_node("a"), remove_node("a")])?;
    assert_eq!(counts(graphs, "g")?, (2, 0));
    assert_eq!(reader.node("a")?, None);
    let mut ids = Vec::new();
    reader.for_each_node(|id, _, _| {
        ids.push(id.to_owned());
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    assert_eq!(ids, ["b", "c"]);
    Ok(())
}

pub(super) fn any_id(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let long = "x".repeat(4096);
    let longer = "x".repeat(4097);
    let ids = [
        "",
        "\0",
        "\0\0",
        "a",
        "a\0",
        "a\0b",
        "a/b",
        "a:b",
        "a|b",
        "..",
        "é",
        "🦀",
        "\u{10ffff}",
        &long,
        &longer,
    ];
    for id in ids {
        write_all(graphs, "g", vec![add_node(id, id.as_bytes())])?;
    }
    for source in ids {
        for target in ids {
            write_all(graphs, "g", vec![super::fixture::add_edge(source, target, b"")])?;
        }
    }
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    let newest_first: Vec<&str> = ids.iter().rev().copied().collect();
    for id in ids {
        assert_eq!(reader.node(id)?.map(|node| node.properties).as_deref(), Some(id.as_bytes()), "{id:?}");
        assert_eq!(reader.successors(id)?, newest_first, "{id:?}");
        assert_eq!(reader.predecessors(id)?, newest_first, "{id:?}");
    }
    for (removed, id) in ids.iter().enumerate() {
        write_all(graphs, "g", vec![remove_node(id)])?;
        let left = (ids.len() - removed - 1) as u64;
        assert_eq!(counts(graphs, "g")?, (left, left * left), "without {id:?}");
    }
    Ok(())
}

pub(super) fn labels_follow(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    let ids = |label: &str, limit| -> Result<Vec<String>, GraphError> {
        Ok(reader.by_label(label, limit)?.into_iter().map(|(id, _)| id).collect())
    };
    let many = b"\x83\xa4type\xa1A\xa5label\xa1B\xa6labels\x92\xa1A\xa1C";
    let ops = vec![
        add_node("z", &typed("A")),
        add_node("m", &typed("A")),
        add_node("a", many),
        add_node("raw", b"\xc1"),
    ];
    write_all(graphs, "g", ops)?;
    assert_eq!(ids("A", 0)?, ["z", "m", "a"], "oldest first");
    assert_eq!(ids("A", 2)?, ["z", "m"]);
    assert_eq!((ids("B", 0)?, ids("C", 9)?), (vec!["a".to_owned()], vec!["a".to_owned()]));
    assert!(ids("", 0)?.is_empty() && ids("missing", 0)?.is_empty());
    write_all(graphs, "g", vec![add_node("z", &typed("B")), add_node("z", &typed("B"))])?;
    assert_eq!((ids("A", 0)?, ids("B", 0)?), (vec!["m".into(), "a".into()], vec!["z".into(), "a".into()]));
    write_all(graphs, "g", vec![add_node("a", b"\xc1"), remove_node("m"), add_node("n", &typed(""))])?;
    assert_eq!((ids("A", 0)?, ids("C", 0)?, ids("", 0)?), (vec![], vec![], vec!["n".to_owned()]));
    let weird = ["A\0", "A", "A\0\0", "\u{1}A"];
    for label in weird {
        write_all(graphs, "g", vec![add_node(label, &typed(label))])?;
    }
    for label in weird {
        assert_eq!(ids(label, 0)?, [label], "{label:?}");
    }
    Ok(())
}
