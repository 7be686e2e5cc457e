//! Ranges are removed record by record.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{location, open};
use epistemic_storage::{
    Durability, GraphStore, Mutation, Space,
    backend::{KeyRange, ScanOptions},
    graph::{GraphType, Op, Write},
};
use object_store::memory::InMemory;

const NODES: usize = 25_000;

fn records(graphs: &GraphStore, space: Space) -> usize {
    let mut cursor = graphs.store().scan(space, KeyRange::all(), ScanOptions::SWEEP).unwrap();
    let mut count = 0;
    while cursor.next().unwrap().is_some() {
        count += 1;
    }
    count
}

/// More records than one commit removes, of one graph between two others.
#[test]
fn a_large_graph_is_reclaimed_in_parts_and_others_stay() {
    let place = location(Arc::new(InMemory::new()));
    let graphs = GraphStore::open(open(&place)).unwrap();
    for name in ["before", "large", "behind"] {
        graphs.write(name, Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).unwrap();
    }
    let add = |graph: &str, number: usize| Write {
        graph: graph.into(),
        op: Op::One(Mutation::AddNode {
            id: format!("n{number}"),
            properties: b"\x81\xa4type\xa1A".to_vec(),
        }),
    };
    let small =
        ["before", "behind"].into_iter().flat_map(|graph| (0..3).map(move |number| add(graph, number)));
    let writes: Vec<Write> = small.chain((0..NODES).map(|number| add("large", number))).collect();
    for result in graphs.commit(&writes, Durability::Sync) {
        result.unwrap();
    }
    assert_eq!(records(&graphs, Space::Nodes), NODES + 6);
    graphs.write("large", Op::Delete).unwrap();
    let before = graphs.store().stats().unwrap().sequence;
    assert_eq!(graphs.reclaim().unwrap(), 1);
    assert!(graphs.store().stats().unwrap().sequence > before + 4, "in several commits");
    assert_eq!((records(&graphs, Space::Nodes), records(&graphs, Space::Labels)), (6, 6));
    drop(graphs);

    let graphs = GraphStore::open(open(&place)).unwrap();
    assert_eq!((records(&graphs, Space::Nodes), graphs.reclaim().unwrap()), (6, 0));
    assert_eq!(graphs.graph("before").unwrap().counters().nodes, 3);
}
