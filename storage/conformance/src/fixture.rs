//! Short forms for the cases.

use epistemic_storage::{
    Durability, GraphStore, Mutation, Space, Store, StoreError, WriteBatch,
    backend::{Direction, KeyRange, Read},
    graph::{GraphError, GraphType, Op, Outcome},
};

/// Result of a byte-level operation, if nothing else is said.
pub(super) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Owned key and value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

pub(super) fn pair(key: &[u8], value: &[u8]) -> Pair {
    (key.to_vec(), value.to_vec())
}

/// Stores entries in one batch.
pub(super) fn put_all(store: &dyn Store, space: Space, entries: &[Pair]) -> Result<()> {
    let mut batch = WriteBatch::new();
    for (key, value) in entries {
        batch.put(space, key.clone(), value.clone());
    }
    store.commit(batch, Durability::Buffered)
}

pub(super) fn put(store: &dyn Store, space: Space, key: &[u8], value: &[u8]) -> Result<()> {
    put_all(store, space, &[pair(key, value)])
}

/// Everything a scan gives.
pub(super) fn scan(
    read: &dyn Read,
    space: Space,
    range: KeyRange,
    direction: Direction,
) -> Result<Vec<Pair>> {
    let mut found = Vec::new();
    let mut cursor = read.scan(space, range, direction.into())?;
    while let Some((key, value)) = cursor.next()? {
        found.push(pair(key, value));
    }
    Ok(found)
}

pub(super) fn scan_all(read: &dyn Read, space: Space) -> Result<Vec<Pair>> {
    scan(read, space, KeyRange::all(), Direction::Forward)
}

pub(super) fn range(start: &[u8], end: &[u8]) -> KeyRange {
    KeyRange { start: start.to_vec(), end: Some(end.to_vec()) }
}

pub(super) fn create(graphs: &GraphStore, name: &str) -> Result<(), GraphError> {
    graphs.write(name, Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).map(|_| ())
}

pub(super) fn add_node(id: &str, properties: &[u8]) -> Op {
    Op::One(Mutation::AddNode { id: id.into(), properties: properties.to_vec() })
}

pub(super) fn remove_node(id: &str) -> Op {
    Op::One(Mutation::RemoveNode { id: id.into() })
}

pub(super) fn add_edge(source: &str, target: &str, properties: &[u8]) -> Op {
    Op::One(Mutation::AddEdge {
        source: source.into(),
        target: target.into(),
        properties: properties.to_vec(),
    })
}

pub(super) fn remove_edge(source: &str, target: &str) -> Op {
    Op::One(Mutation::RemoveEdge { source: source.into(), target: target.into() })
}

/// The MessagePack map `{"type": label}`; `label` is shorter than 32 bytes.
pub(super) fn typed(label: &str) -> Vec<u8> {
    let mut bytes = b"\x81\xa4type".to_vec();
    bytes.push(0xa0 | label.len() as u8);
    bytes.extend_from_slice(label.as_bytes());
    bytes
}

/// Commits one mutation after the other and expects each to be done.
pub(super) fn write_all(graphs: &GraphStore, name: &str, ops: Vec<Op>) -> Result<(), GraphError> {
    for op in ops {
        let told = format!("{op:?}");
        assert_eq!(graphs.write(name, op)?, Outcome::Done, "{told}");
    }
    Ok(())
}

/// Nodes and edges as counted.
pub(super) fn counts(graphs: &GraphStore, name: &str) -> Result<(u64, u64), GraphError> {
    let graph = graphs.graph(name)?;
    let state = graph.counters();
    assert_eq!(graphs.latest(&graph).counters()?, state, "stored and published counters of '{name}'");
    Ok((state.nodes, state.edges))
}
