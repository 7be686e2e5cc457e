//! Writes that are made once.

use epistemic_storage::{
    Durability, GraphStore,
    graph::{GraphError, Once, Op, Outcome, Write},
};

use super::fixture::{add_edge, add_node, create, remove_node, write_all};

fn once(key: u8, request: u8, op: Op) -> Op {
    Op::Once(Once { key: [key; 16], request: [request; 16] }, Box::new(op))
}

pub(super) fn made_once(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let sequence = || Ok::<_, GraphError>(graphs.graph("g")?.counters().sequence);
    let first = || once(1, 1, add_node("a", b"1"));
    graphs.write("g", first())?;
    write_all(graphs, "g", vec![remove_node("a")])?;
    let before = sequence()?;
    assert_eq!(graphs.write("g", first()), Ok(Outcome::Done));
    let other = graphs.write("g", once(1, 2, add_node("b", b"1")));
    assert_eq!(other, Err(GraphError::KeyReused("g".into())));
    assert_eq!(sequence()?, before, "nothing is done again");

    let touch = || once(2, 1, Op::Touch { nodes: vec!["n".into(), "m".into()], now: 1 });
    write_all(graphs, "g", vec![add_node("n", b"\x80")])?;
    let ops = [touch(), touch(), once(3, 1, add_missing()), once(3, 1, add_missing())];
    let writes = ops.map(|op| Write { graph: "g".into(), op });
    let told = graphs.commit(&writes, Durability::Sync);
    assert_eq!(told[0], told[1], "the first outcome, also within a group");
    assert_eq!(told[2..], [Ok(Outcome::Decided(true)), Ok(Outcome::Decided(true))]);

    let refused = || once(4, 1, add_edge("n", "later", b""));
    assert!(graphs.write("g", refused()).is_err());
    write_all(graphs, "g", vec![add_node("later", b"")])?;
    let before = sequence()?;
    graphs.write("g", refused())?;
    assert_eq!(sequence()?, before + 1, "what was refused is tried again");

    graphs.write("g", once(5, 1, Op::Delete))?;
    assert_eq!(
        graphs.write("g", once(5, 1, Op::Delete)),
        Ok(Outcome::Done),
        "the graph is gone, the key is not"
    );
    create(graphs, "g")?;
    graphs.forget_made_once(0)?;
    assert_eq!(graphs.write("g", first()), Ok(Outcome::Done));
    assert_eq!(graphs.graph("g")?.counters().nodes, 0);
    graphs.forget_made_once(u64::MAX)?;
    graphs.write("g", first())?;
    assert_eq!(graphs.graph("g")?.counters().nodes, 1, "a key that was forgotten is new");
    Ok(())
}

fn add_missing() -> Op {
    Op::AddMissingNode { id: "x".into(), properties: Vec::new() }
}
