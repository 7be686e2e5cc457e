//! Changes that depend on what a node is.

use epistemic_storage::{
    Durability, GraphStore, Mutation,
    graph::{GraphError, Op, Outcome, Write},
    properties::encode,
};

use super::fixture::{add_node, create, remove_node, typed, write_all};

fn field(name: &str, value: &str) -> Vec<u8> {
    let mut map = Vec::new();
    encode::map(&mut map, 1);
    encode::str(&mut map, name);
    encode::str(&mut map, value);
    map
}

fn claim(node: &str, from: &str, to: &str) -> Op {
    Op::One(Mutation::CompareAndSet {
        node: node.into(),
        conditions: field("status", from),
        updates: field("status", to),
    })
}

pub(super) fn compare_and_set(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("n", &field("status", "pending")), add_node("odd", b"\x90")])?;
    let decided = |op: Op| graphs.write("g", op).map(|outcome| outcome == Outcome::Decided(true));
    assert!(!decided(claim("missing", "pending", "a"))?);
    assert!(!decided(claim("odd", "pending", "a"))?);
    let before = graphs.graph("g")?.counters().sequence;
    assert!(!decided(claim("n", "other", "a"))?);
    assert_eq!(graphs.graph("g")?.counters().sequence, before, "what was not changed is not logged");

    // In one commit: only the first of them finds it pending.
    let ops = ["a", "b", "c"].map(|to| Write { graph: "g".into(), op: claim("n", "pending", to) });
    let outcomes = graphs.commit(&ops, Durability::Sync);
    let won: Vec<bool> = outcomes.into_iter().map(|outcome| outcome == Ok(Outcome::Decided(true))).collect();
    assert_eq!(won, [true, false, false]);
    let graph = graphs.graph("g")?;
    let node = graphs.latest(&graph).node("n")?.map(|node| node.properties);
    assert_eq!(node, Some(field("status", "a")));

    let labelled = Op::One(Mutation::CompareAndSet {
        node: "n".into(),
        conditions: field("status", "a"),
        updates: typed("L"),
    });
    assert!(decided(labelled)?);
    let found = graphs.latest(&graph).by_label("L", 0)?;
    assert_eq!(found.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), ["n"], "labels follow");
    Ok(())
}

pub(super) fn add_missing(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let add = |value: &[u8]| Op::AddMissingNode { id: "n".into(), properties: value.to_vec() };
    let ops = [add(b"1"), add(b"2"), remove_node("n"), add(b"3"), add(b"4")];
    let writes: Vec<Write> = ops.into_iter().map(|op| Write { graph: "g".into(), op }).collect();
    let outcomes = graphs.commit(&writes, Durability::Sync);
    let added: Vec<bool> =
        outcomes.into_iter().map(|outcome| outcome == Ok(Outcome::Decided(true))).collect();
    assert_eq!(added, [true, false, false, true, false]);
    let graph = graphs.graph("g")?;
    let node = graphs.latest(&graph).node("n")?.map(|node| node.properties);
    assert_eq!((node, graph.counters().nodes), (Some(b"3".to_vec()), 1));
    Ok(())
}
