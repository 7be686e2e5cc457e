//! Copies of graphs.

use std::cell::Cell;

use epistemic_storage::{
    GraphStore, Space, StoreError,
    graph::{Graph, GraphError, GraphType, Op},
    snapshot,
};

use super::fixture::{add_edge, add_node, counts, create, remove_node, scan_all, typed, write_all};

/// A graph with labels, parallel edges, removed records, hidden ledger records and embeddings.
fn source(graphs: &GraphStore, nodes: u64, property_bytes: usize) -> Result<(), GraphError> {
    let mut loader = graphs.load();
    for number in 0..nodes {
        let id = format!("n{number}");
        loader.node(&id, 3 * number + 1, &[&typed("L")[..], &vec![7; property_bytes]].concat())?;
        loader.edge(&id, "n0", 3 * number + 2, b"1")?;
        loader.edge(&id, "n0", 3 * number + 3, b"2")?;
        loader.embedding(&id, &[number as u8; 8])?;
    }
    graphs.install("source", loader.finish()?, GraphType::Team, Some("o".into()), false)?;
    let ops =
        vec![add_node("a", &typed("M")), add_edge("a", "n0", b""), add_node("b", b"\x80"), remove_node("n1")];
    write_all(graphs, "source", ops)?;
    graphs.write("source", Op::Touch { nodes: vec!["b".into()], now: 5 })?;
    Ok(())
}

fn records(graphs: &GraphStore) -> Result<usize, StoreError> {
    Space::ALL.iter().map(|&space| Ok(scan_all(graphs.store(), space)?.len())).sum()
}

fn assert_copy(graphs: &GraphStore, source: &Graph, name: &str) -> Result<(), GraphError> {
    let copy = graphs.graph(name)?;
    assert_eq!(copy.counters(), source.counters(), "counters and sequence of '{name}'");
    counts(graphs, name)?;
    let content = |graph: &Graph| {
        snapshot::content_digest(graphs, graph).unwrap_or_else(|error| panic!("'{}': {error}", graph.name()))
    };
    assert_eq!(content(&copy), content(source), "content of '{name}'");
    let (ours, theirs) = (graphs.latest(&copy), graphs.latest(source));
    for label in ["L", "M", ""] {
        assert_eq!(
            ours.ids_by_label(label, 0)?,
            theirs.ids_by_label(label, 0)?,
            "label {label:?} of '{name}'"
        );
    }
    assert_eq!(ours.predecessors("n0")?, theirs.predecessors("n0")?);
    Ok(())
}

pub(super) fn small(graphs: &GraphStore) -> Result<(), GraphError> {
    source(graphs, 5, 0)?;
    let graph = graphs.graph("source")?;
    let before = records(graphs)?;
    let loaded = graphs.fork(&graph)?;
    assert_eq!(
        (loaded.counters(), records(graphs)?),
        (&graph.counters(), before),
        "nothing is there before the install"
    );
    graphs.install("copy", loaded, GraphType::Agent, None, false)?;
    assert_copy(graphs, &graph, "copy")?;

    write_all(graphs, "copy", vec![add_node("new", b""), remove_node("n0")])?;
    assert_eq!((counts(graphs, "copy")?, counts(graphs, "source")?), ((6 - 1 + 1, 0), (6, 9)));
    graphs.write("copy", Op::Delete)?;
    graphs.reclaim()?;
    graphs.give_back_room()?;
    assert_eq!(records(graphs)?, before, "a copy shares nothing");
    create(graphs, "taken")?;
    let taken = records(graphs)?;
    let refused = graphs.install("taken", graphs.fork(&graph)?, GraphType::Agent, None, false);
    assert_eq!(refused, Err(GraphError::GraphExists("taken".into())));
    graphs.reclaim()?;
    graphs.give_back_room()?;
    assert_eq!(records(graphs)?, taken);
    create(graphs, "empty")?;
    let empty = graphs.graph("empty")?;
    graphs.install("copy", graphs.fork(&empty)?, GraphType::Agent, None, false)?;
    assert_copy(graphs, &empty, "copy")
}

/// Past the size up to which records travel in the commit itself.
pub(super) fn large(graphs: &GraphStore) -> Result<(), GraphError> {
    source(graphs, 3000, 2000)?;
    graphs.reclaim()?;
    graphs.give_back_room()?;
    let graph = graphs.graph("source")?;
    let before = records(graphs)?;
    let (catalog, reserved) = (scan_all(graphs.store(), Space::Catalog)?.len(), Cell::new(false));
    let asked = Cell::new(0_u64);
    let watch = || {
        asked.set(asked.get() + 1);
        if asked.get().is_multiple_of(1000) {
            let now = scan_all(graphs.store(), Space::Catalog).expect("the catalog can be read").len();
            reserved.set(reserved.get() || now > catalog);
        }
        Ok::<_, StoreError>(())
    };
    let loaded = graphs.fork_while(&graph, watch)?;
    let state = graph.counters();
    assert!(asked.get() > state.nodes + state.edges + state.vectors, "asked for every record");
    assert!(reserved.get(), "a bulk load reserves its id");
    graphs.install("copy", loaded, GraphType::Agent, None, false)?;
    assert_copy(graphs, &graph, "copy")?;
    graphs.reclaim()?;
    graphs.give_back_room()?;
    assert_copy(graphs, &graph, "copy")?;
    graphs.write("copy", Op::Delete)?;
    graphs.reclaim()?;
    graphs.give_back_room()?;
    assert_eq!(records(graphs)?, before);
    Ok(())
}

pub(super) fn stopped(graphs: &GraphStore) -> Result<(), GraphError> {
    source(graphs, 3000, 2000)?;
    graphs.reclaim()?;
    graphs.give_back_room()?;
    let graph = graphs.graph("source")?;
    let before = records(graphs)?;
    let (state, mut ledger) = (graph.counters(), 0);
    graphs.latest(&graph).for_each_ledger(0, |_, _| {
        ledger += 1;
        Ok::<_, GraphError>(())
    })?;
    let last = state.nodes + state.edges + ledger + state.vectors - 1;
    for stop_after in [0, 1, 100, 2900, 6000, 11_000, last] {
        let asked = Cell::new(0_u64);
        let stop = || GraphError::KeyReused("stop".into());
        let go_on = || {
            asked.set(asked.get() + 1);
            if asked.get() <= stop_after { Ok(()) } else { Err(stop()) }
        };
        assert_eq!(graphs.fork_while(&graph, go_on).err(), Some(stop()));
        assert_eq!(asked.get(), stop_after + 1, "it stops at once");
        graphs.reclaim()?;
        graphs.give_back_room()?;
        assert_eq!(records(graphs)?, before, "a copy stopped after {stop_after} records leaves nothing");
    }
    Ok(())
}

/// What is written meanwhile is in no copy, not even in part.
pub(super) fn one_state(graphs: &GraphStore) -> Result<(), GraphError> {
    source(graphs, 50, 0)?;
    let graph = graphs.graph("source")?;
    graphs.install("expected", graphs.fork(&graph)?, GraphType::Agent, None, false)?;
    let expected = graphs.graph("expected")?;
    let written = Cell::new(0);
    let write = || {
        written.set(written.get() + 1);
        let ops =
            [add_node(&format!("z{}", written.get()), b""), add_edge("n49", "n48", b""), remove_node("n30")];
        ops.into_iter().try_for_each(|op| graphs.write("source", op).map(drop))
    };
    graphs.install("copy", graphs.fork_while(&graph, write)?, GraphType::Agent, None, false)?;
    assert!(written.get() > 200);
    assert_copy(graphs, &expected, "copy")?;
    graphs.install("expected", graphs.fork(&graph)?, GraphType::Agent, None, true)?;
    graphs.write("source", Op::Delete)?;
    graphs.install("late", graphs.fork(&graph)?, GraphType::Agent, None, false)?;
    let last = graphs.graph("late")?.counters();
    assert_eq!(
        (last.nodes, last.edges),
        counts(graphs, "expected")?,
        "whoever holds it copies its last state"
    );
    Ok(())
}
