//! Reads of one graph.

use std::cell::Cell;

use crate::{
    error::{Result, StoreError},
    graph::{
        catalog::{counters::GraphState, graph::Graph},
        ledger::record::LedgerRecord,
        read::{
            node_record::{bad_key, decode_node},
            rows::{EdgeCursor, EdgeRef, Neighbors, NodeCursor, NodeRef},
        },
    },
    keys::{self, GraphId},
    space::Space,
    store::{Direction, KeyRange, Read},
};

/// Nodes that a read by label has in memory at a time.
const SLICE: usize = 256;

/// Reads of one graph on the newest state or on a view. Every call may block on disk.
pub struct GraphReader<'r> {
    read: &'r dyn Read,
    graph: &'r Graph,
    id: GraphId,
    budget: Option<usize>,
    /// Bytes of records that may still be read.
    bytes: Option<Cell<usize>>,
    watch: Option<&'r dyn Fn() -> Result<()>>,
}

impl<'r> GraphReader<'r> {
    /// Reads `graph` in the state of `read`.
    pub fn new(read: &'r dyn Read, graph: &'r Graph) -> Self {
        Self { read, graph, id: graph.id(), budget: None, bytes: None, watch: None }
    }

    /// The same reads, each failing with [`StoreError::OverBudget`] when a scan of it passes over more than `entries`.
    pub fn with_budget(self, entries: usize) -> Self {
        Self { budget: Some(entries), ..self }
    }

    /// The same reads, which fail with [`StoreError::OverBudget`] when they have seen more than so many bytes of records
    /// together.
    pub fn with_byte_budget(self, bytes: usize) -> Self {
        Self { bytes: Some(Cell::new(bytes)), ..self }
    }

    /// The same reads, which ask `watch` at each record that they pass and end with its error.
    pub fn watched(self, watch: &'r dyn Fn() -> Result<()>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Counts a record of so many bytes.
    fn pass(&self, bytes: usize) -> Result<()> {
        self.graph.was_read(bytes);
        if let Some(left) = &self.bytes {
            let over = StoreError::OverBudget { entries: left.get() };
            left.set(left.get().checked_sub(bytes).ok_or(over)?);
        }
        self.watch.map_or(Ok(()), |watch| watch())
    }

    /// The graph's counters.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when they are missing: they stay as long as the graph is held.
    pub fn state(&self) -> Result<GraphState> {
        match self.read.get(Space::Catalog, &keys::state(self.id))? {
            Some(bytes) => GraphState::decode(&bytes),
            None => {
                Err(StoreError::corrupt(Space::Catalog, format!("no counters of graph number {}", self.id)))
            }
        }
    }

    /// Whether a node exists.
    pub fn has_node(&self, node: &str) -> Result<bool> {
        self.read.contains(Space::Nodes, &keys::node(self.id, node))
    }

    /// A node.
    pub fn node(&self, node: &str) -> Result<Option<NodeRef>> {
        let found = self.read.get(Space::Nodes, &keys::node(self.id, node))?;
        found.map(|value| self.node_ref(value)).transpose()
    }

    fn node_ref(&self, value: Vec<u8>) -> Result<NodeRef> {
        self.pass(value.len())?;
        node_ref(value)
    }

    /// Which of many nodes exist, in the order asked for.
    pub fn have_nodes(&self, nodes: &[impl AsRef<str>]) -> Result<Vec<bool>> {
        let keys: Vec<_> = nodes.iter().map(|node| keys::node(self.id, node.as_ref())).collect();
        self.read.multi_contains(Space::Nodes, &keys)
    }

    /// Many nodes, in the order asked for.
    pub fn nodes(&self, nodes: &[impl AsRef<str>]) -> Result<Vec<Option<NodeRef>>> {
        let keys: Vec<_> = nodes.iter().map(|node| keys::node(self.id, node.as_ref())).collect();
        let values = self.read.multi_get(Space::Nodes, &keys)?;
        values.into_iter().map(|value| value.map(|value| self.node_ref(value)).transpose()).collect()
    }

    /// All nodes, one at a time.
    pub fn node_cursor(&self) -> Result<NodeCursor<'r>> {
        self.read.scan(Space::Nodes, keys::graph(self.id), Direction::Forward).map(NodeCursor)
    }

    /// All edges, one at a time.
    pub fn edge_cursor(&self) -> Result<EdgeCursor<'r>> {
        self.read.scan(Space::OutEdges, keys::graph(self.id), Direction::Forward).map(EdgeCursor)
    }

    /// Calls `each` with id, sequence and property bytes of every node, by id.
    pub fn for_each_node(&self, mut each: impl FnMut(&str, u64, &[u8]) -> Result<()>) -> Result<()> {
        self.for_each(Space::Nodes, keys::graph(self.id), |key, value| {
            let id = keys::node_of(key).ok_or_else(|| bad_key(Space::Nodes, key))?;
            let (sequence, properties) = decode_node(value)?;
            each(id, sequence, properties)
        })
    }

    /// Calls `each` with source, target, sequence and property bytes of every edge, by source, target and sequence.
    pub fn for_each_edge(&self, mut each: impl FnMut(&str, &str, u64, &[u8]) -> Result<()>) -> Result<()> {
        self.for_each(Space::OutEdges, keys::graph(self.id), |key, value| {
            let (source, target, sequence) =
                keys::edge_parts(key).ok_or_else(|| bad_key(Space::OutEdges, key))?;
            each(&source, &target, sequence, value)
        })
    }

    /// Calls `each` with target, sequence and property bytes of every edge leaving `node`.
    pub fn for_each_edge_from(
        &self,
        node: &str,
        mut each: impl FnMut(&str, u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let prefix = keys::edges_at(self.id, node);
        self.for_each(Space::OutEdges, KeyRange::prefix(&prefix), |key, value| {
            let (target, sequence) =
                keys::edge_tail(key, &prefix).ok_or_else(|| bad_key(Space::OutEdges, key))?;
            each(&target, sequence, value)
        })
    }

    /// Calls `each` with sequence and stored form of every ledger record from `sequence` on, oldest first.
    pub fn for_each_ledger(
        &self,
        sequence: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.for_each(Space::Ledger, keys::ledger_from(self.id, sequence), |key, value| {
            let sequence = keys::sequence_of(key).ok_or_else(|| bad_key(Space::Ledger, key))?;
            each(sequence, value)
        })
    }

    /// Calls `each` with id and little-endian float32 components of every embedding, by id.
    pub fn for_each_vector(&self, mut each: impl FnMut(&str, &[u8]) -> Result<()>) -> Result<()> {
        self.for_each(Space::Vectors, keys::graph(self.id), |key, value| {
            each(keys::node_of(key).ok_or_else(|| bad_key(Space::Vectors, key))?, value)
        })
    }

    /// The lines the ledger shows, oldest first.
    pub fn ledger_lines(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        self.for_each_ledger(0, |_, value| {
            lines.extend(LedgerRecord::decode(value)?.0.line());
            Ok(())
        })?;
        Ok(lines)
    }

    /// Ids of the nodes that carry `label`, oldest first; at most `limit` unless it is 0.
    pub fn ids_by_label(&self, label: &str, limit: usize) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        let mut cursor = self.read.scan(Space::Labels, keys::labels(self.id, label), Direction::Forward)?;
        while let Some((key, value)) = cursor.next()? {
            ids.push(label_id(key, value)?);
            if ids.len() == limit {
                break;
            }
        }
        Ok(ids)
    }

    /// Calls `each` with id and property bytes of the nodes that carry `label`, oldest first, from behind that
    /// sequence number on; at most `limit` unless it is 0. A slice of them is in memory at a time.
    pub fn for_each_by_label(
        &self,
        label: &str,
        behind: u64,
        limit: usize,
        mut each: impl FnMut(&str, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut range = keys::labels(self.id, label);
        if behind > 0 {
            range.start = keys::label(self.id, label, behind.saturating_add(1));
        }
        let mut cursor = self.read.scan(Space::Labels, range, Direction::Forward)?;
        let mut left = if limit == 0 { usize::MAX } else { limit };
        loop {
            let mut ids = Vec::new();
            while ids.len() < SLICE.min(left)
                && let Some((key, value)) = cursor.next()?
            {
                self.pass(value.len())?;
                ids.push(label_id(key, value)?);
            }
            if ids.is_empty() {
                return Ok(());
            }
            left -= ids.len();
            for (id, node) in ids.iter().zip(self.nodes(&ids)?) {
                if let Some(node) = node {
                    each(id, &node.properties)?;
                }
            }
        }
    }

    /// Nodes that carry `label`, oldest first; at most `limit` unless it is 0.
    pub fn by_label(&self, label: &str, limit: usize) -> Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        self.for_each_by_label(label, 0, limit, |id, properties| {
            found.push((id.to_owned(), properties.to_vec()));
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls `each` with the property bytes of every parallel edge of an ordered pair, oldest first.
    pub fn for_each_edge_between(
        &self,
        source: &str,
        target: &str,
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let range = KeyRange::prefix(&keys::pair(self.id, source, target));
        self.for_each(Space::OutEdges, range, |_, value| each(value))
    }

    /// All parallel edges of an ordered pair, oldest first.
    pub fn edges_between(&self, source: &str, target: &str) -> Result<Vec<EdgeRef>> {
        let mut edges = Vec::new();
        self.for_each(
            Space::OutEdges,
            KeyRange::prefix(&keys::pair(self.id, source, target)),
            |key, value| {
                let sequence = keys::sequence_of(key).ok_or_else(|| bad_key(Space::OutEdges, key))?;
                edges.push(EdgeRef { sequence, properties: value.to_vec() });
                Ok(())
            },
        )?;
        Ok(edges)
    }

    /// Whether at least one edge leads from `source` to `target`.
    pub fn has_edge(&self, source: &str, target: &str) -> Result<bool> {
        let range = KeyRange::prefix(&keys::pair(self.id, source, target));
        Ok(self.read.scan(Space::OutEdges, range, Direction::Forward)?.next()?.is_some())
    }

    /// Targets of the edges leaving `node`, newest edge first, one entry per edge.
    pub fn successors(&self, node: &str) -> Result<Vec<String>> {
        self.far_ends(Space::OutEdges, node)
    }

    /// Sources of the edges reaching `node`, newest edge first, one entry per edge.
    pub fn predecessors(&self, node: &str) -> Result<Vec<String>> {
        self.far_ends(Space::InEdges, node)
    }

    /// The distinct nodes at the other ends of the edges leaving and reaching `node`, by id.
    pub fn neighbors(&self, node: &str) -> Result<Neighbors> {
        let prefix = keys::edges_at(self.id, node);
        let mut found = Neighbors::default();
        for space in [Space::OutEdges, Space::InEdges] {
            self.for_each(space, KeyRange::prefix(&prefix), |key, _| {
                let start = found.bytes.len();
                keys::push_edge_end(key, &prefix, &mut found.bytes).ok_or_else(|| bad_key(space, key))?;
                std::str::from_utf8(&found.bytes[start..]).map_err(|_| bad_key(space, key))?;
                found.spans.push((start, found.bytes.len()));
                Ok(())
            })?;
        }
        let Neighbors { bytes, spans } = &mut found;
        spans.sort_unstable_by(|a, b| bytes[a.0..a.1].cmp(&bytes[b.0..b.1]));
        spans.dedup_by(|a, b| bytes[a.0..a.1] == bytes[b.0..b.1]);
        Ok(found)
    }

    fn far_ends(&self, space: Space, node: &str) -> Result<Vec<String>> {
        let prefix = keys::edges_at(self.id, node);
        let mut ends = Vec::new();
        self.for_each(space, KeyRange::prefix(&prefix), |key, _| {
            let (end, sequence) = keys::edge_tail(key, &prefix).ok_or_else(|| bad_key(space, key))?;
            ends.push((end.into_owned(), sequence));
            Ok(())
        })?;
        ends.sort_by_key(|(_, sequence)| std::cmp::Reverse(*sequence));
        Ok(ends.into_iter().map(|(end, _)| end).collect())
    }

    /// Number of edges leaving `node`.
    pub fn out_degree(&self, node: &str) -> Result<u64> {
        self.degree(Space::OutEdges, node)
    }

    /// Number of edges reaching `node`.
    pub fn in_degree(&self, node: &str) -> Result<u64> {
        self.degree(Space::InEdges, node)
    }

    fn degree(&self, space: Space, node: &str) -> Result<u64> {
        let mut count = 0;
        self.for_each(space, KeyRange::prefix(&keys::edges_at(self.id, node)), |_, _| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    fn for_each(
        &self,
        space: Space,
        range: KeyRange,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut left = self.budget.unwrap_or(usize::MAX);
        let mut cursor = self.read.scan(space, range, Direction::Forward)?;
        while let Some((key, value)) = cursor.next()? {
            left = left.checked_sub(1).ok_or(StoreError::OverBudget { entries: self.budget.unwrap_or(0) })?;
            self.pass(value.len())?;
            each(key, value)?;
        }
        Ok(())
    }
}

/// The id in an entry of the label index.
fn label_id(key: &[u8], value: &[u8]) -> Result<String> {
    String::from_utf8(value.to_vec()).map_err(|_| bad_key(Space::Labels, key))
}

fn node_ref(value: Vec<u8>) -> Result<NodeRef> {
    let (sequence, _) = decode_node(&value)?;
    let mut properties = value;
    properties.drain(..8);
    Ok(NodeRef { sequence, properties })
}
