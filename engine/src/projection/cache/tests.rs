//! What is kept, for how long, and who builds it.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use epistemic_storage::graph::Op;

use super::{
    super::testing::{add_edge, add_node, create, store},
    *,
};

const PLENTY: usize = 1 << 20;

fn get(projections: &Projections, graphs: &GraphStore, graph: &Arc<Graph>) -> Arc<Projection> {
    projections.get(graphs, graph, &Cancel::default()).unwrap()
}

/// Graphs of one size, and the bytes that each takes.
fn several(names: &[&str], nodes: usize) -> (GraphStore, Vec<Arc<Graph>>, usize) {
    let graphs = store();
    for name in names {
        create(&graphs, name);
        (0..nodes).for_each(|n| add_node(&graphs, name, &format!("{n:016}")));
    }
    let every: Vec<_> = names.iter().map(|name| graphs.graph(name).unwrap()).collect();
    let bytes = get(&Projections::new(PLENTY), &graphs, &every[0]).bytes();
    (graphs, every, bytes)
}

#[test]
fn a_projection_is_kept_until_nodes_or_edges_change() {
    let graphs = store();
    create(&graphs, "g");
    add_node(&graphs, "g", "a");
    let graph = graphs.graph("g").unwrap();
    let projections = Projections::new(PLENTY);
    assert!(projections.peek(&graph).is_none());
    let first = get(&projections, &graphs, &graph);
    assert!(Arc::ptr_eq(&first, &get(&projections, &graphs, &graph)));
    assert!(Arc::ptr_eq(&first, &projections.peek(&graph).unwrap()));
    graphs.write("g", Op::Touch { nodes: vec!["a".into()], now: 7 }).unwrap();
    add_node(&graphs, "g", "a");
    assert!(Arc::ptr_eq(&first, &get(&projections, &graphs, &graph)), "neither adds nor removes anything");
    add_edge(&graphs, "g", "a", "a");
    assert!(projections.peek(&graph).is_none(), "the edge is missing in it");
    assert_eq!(get(&projections, &graphs, &graph).topology.edges(), 1);
    assert_eq!((first.topology.edges(), projections.builds()), (0, 2));
}

#[test]
fn the_one_not_asked_for_the_longest_makes_room() {
    let (graphs, every, bytes) = several(&["a", "b", "c"], 100);
    let [a, b, c] = &every[..] else { panic!("three") };
    let projections = Projections::new(bytes * 5 / 2);
    for graph in [a, b, a, c] {
        get(&projections, &graphs, graph);
        assert!(projections.bytes() <= bytes * 5 / 2);
    }
    let kept = [a, b, c].map(|graph| projections.peek(graph).is_some());
    assert_eq!((kept, projections.bytes(), projections.builds()), ([true, false, true], 2 * bytes, 3));
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_the_others_alone() {
    let (graphs, every, bytes) = several(&["a"], 100);
    create(&graphs, "many");
    (0..300).for_each(|n| add_node(&graphs, "many", &format!("{n}")));
    create(&graphs, "long");
    ["x", "y"].iter().for_each(|id| add_node(&graphs, "long", &id.repeat(bytes)));
    let projections = Projections::new(bytes);
    get(&projections, &graphs, &every[0]);
    let many = graphs.graph("many").unwrap();
    let refused = projections.get(&graphs, &many, &Cancel::default());
    assert!(matches!(refused, Err(ProjectionError::OverMemory { .. })));
    assert!(projections.peek(&every[0]).is_some(), "there was no point in making room");
    let long = graphs.graph("long").unwrap();
    let refused = projections.get(&graphs, &long, &Cancel::default());
    assert!(matches!(refused, Err(ProjectionError::OverMemory { .. })));
    assert!(projections.bytes() <= bytes);
}

#[test]
fn deleted_graphs_are_forgotten_once_nobody_reads_them() {
    let (graphs, mut every, bytes) = several(&["a", "b"], 10);
    let projections = Projections::new(PLENTY);
    every.iter().for_each(|graph| drop(get(&projections, &graphs, graph)));
    graphs.write("a", Op::Delete).unwrap();
    create(&graphs, "a");
    assert_eq!(get(&Projections::new(PLENTY), &graphs, &every[0]).ids.len(), 10, "as it was last");
    every.remove(0);
    graphs.reclaim().unwrap();
    projections.forget_deleted();
    assert_eq!(projections.bytes(), bytes);
    assert!(projections.peek(&every[0]).is_some());
    assert_eq!(get(&projections, &graphs, &graphs.graph("a").unwrap()).ids.len(), 0);
}

#[test]
fn many_that_ask_at_once_read_the_graph_once() {
    const THREADS: usize = 8;
    let (graphs, every, _) = several(&["a"], 1_000);
    let projections = Projections::new(PLENTY);
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                assert_eq!(get(&projections, &graphs, &every[0]).ids.len(), 1_000);
            });
        }
    });
    assert_eq!(projections.builds(), 1);
}
