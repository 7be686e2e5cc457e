//! What the tests of projections share.

use epistemic_storage::{
    GraphStore, MemoryStore, Mutation,
    graph::{GraphType, Op},
};

pub(super) const EMPTY_MAP: &[u8] = b"\x80";

pub(super) fn store() -> GraphStore {
    GraphStore::open(MemoryStore::new()).unwrap()
}

pub(super) fn create(graphs: &GraphStore, name: &str) {
    graphs.write(name, Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).unwrap();
}

pub(super) fn add_node(graphs: &GraphStore, graph: &str, id: &str) {
    graphs.write(graph, Op::One(Mutation::AddNode { id: id.into(), properties: EMPTY_MAP.into() })).unwrap();
}

pub(super) fn add_edge(graphs: &GraphStore, graph: &str, source: &str, target: &str) {
    let op = Op::One(Mutation::AddEdge {
        source: source.into(),
        target: target.into(),
        properties: EMPTY_MAP.into(),
    });
    graphs.write(graph, op).unwrap();
}
