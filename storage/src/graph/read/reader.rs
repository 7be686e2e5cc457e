//! Reads of one graph.

use crate::{
    error::{Result, StoreError},
    graph::{
        catalog::{counters::GraphCounters, graph::Graph},
        ledger::record::LedgerRecord,
        read::{
            node_record::{bad_key, decode_node},
            rows::{EdgeCursor, Neighbors, NodeCursor, Record},
        },
    },
    keys::{self, GraphId},
    space::Space,
    store::{KeyRange, Read, ScanOptions},
};

/// Nodes that a read by label has in memory at a time.
const SLICE: usize = 256;

/// Reads of one graph on the newest state or on a view. Every call may block on disk.
///
/// Reads fail with `G`: an error of the store, unless the reader is [guarded](GraphReader::guarded). A scan ends with the
/// first error of the closure that it calls, in the closure's own type.
pub struct GraphReader<'r, G = StoreError> {
    pub(super) read: &'r dyn Read,
    graph: &'r Graph,
    pub(super) id: GraphId,
    guard: Option<&'r dyn Fn(usize) -> Result<(), G>>,
}

impl<'r> GraphReader<'r> {
    /// Reads `graph` in the state of `read`.
    pub fn new(read: &'r dyn Read, graph: &'r Graph) -> Self {
        Self { read, graph, id: graph.id(), guard: None }
    }

    /// The same reads, which ask `guard` at each record that they pass, with its bytes, and end with its error: for budgets and
    /// for readers whose client may go.
    pub fn guarded<G: From<StoreError>>(
        self,
        guard: &'r dyn Fn(usize) -> Result<(), G>,
    ) -> GraphReader<'r, G> {
        GraphReader { read: self.read, graph: self.graph, id: self.id, guard: Some(guard) }
    }
}

impl<'r, G: From<StoreError>> GraphReader<'r, G> {
    /// Counts a record of so many bytes.
    pub(super) fn pass(&self, bytes: usize) -> Result<(), G> {
        self.graph.was_read(bytes);
        self.guard.map_or(Ok(()), |guard| guard(bytes))
    }

    /// The graph's counters.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when they are missing: they stay as long as the graph is held.
    pub fn counters(&self) -> Result<GraphCounters, G> {
        let stored = self.read.get(Space::Catalog, &keys::state(self.id))?;
        let missing =
            || StoreError::corrupt(Space::Catalog, format!("no counters of graph number {}", self.id));
        Ok(GraphCounters::decode(&stored.ok_or_else(missing)?)?)
    }

    /// Whether a node exists.
    pub fn has_node(&self, node: &str) -> Result<bool, G> {
        Ok(self.read.contains(Space::Nodes, &keys::node(self.id, node))?)
    }

    /// A node.
    pub fn node(&self, node: &str) -> Result<Option<Record>, G> {
        let found = self.read.get(Space::Nodes, &keys::node(self.id, node))?;
        found.map(|value| self.record(value)).transpose()
    }

    fn record(&self, value: Vec<u8>) -> Result<Record, G> {
        self.pass(value.len())?;
        Ok(record_of(value)?)
    }

    /// Which of many nodes exist, in the order asked for.
    pub fn have_nodes(&self, nodes: &[impl AsRef<str>]) -> Result<Vec<bool>, G> {
        let keys: Vec<_> = nodes.iter().map(|node| keys::node(self.id, node.as_ref())).collect();
        Ok(self.read.multi_contains(Space::Nodes, &keys)?)
    }

    /// Many nodes, in the order asked for.
    pub fn nodes(&self, nodes: &[impl AsRef<str>]) -> Result<Vec<Option<Record>>, G> {
        let keys: Vec<_> = nodes.iter().map(|node| keys::node(self.id, node.as_ref())).collect();
        let values = self.read.multi_get(Space::Nodes, &keys)?;
        values.into_iter().map(|value| value.map(|value| self.record(value)).transpose()).collect()
    }

    /// All nodes, one at a time.
    pub fn node_cursor(&self) -> Result<NodeCursor<'r>, G> {
        Ok(NodeCursor(self.read.scan(Space::Nodes, keys::graph(self.id), ScanOptions::SWEEP)?))
    }

    /// All edges, one at a time.
    pub fn edge_cursor(&self) -> Result<EdgeCursor<'r>, G> {
        Ok(EdgeCursor(self.read.scan(Space::OutEdges, keys::graph(self.id), ScanOptions::SWEEP)?))
    }

    /// Calls `each` with id, sequence and property bytes of every node, by id.
    pub fn for_each_node<E: From<G>>(
        &self,
        mut each: impl FnMut(&str, u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each(Space::Nodes, keys::graph(self.id), ScanOptions::SWEEP, |key, value| {
            let id = known::<_, G>(keys::node_of(key), Space::Nodes, key)?;
            let (sequence, properties) = decode_node(value).map_err(G::from)?;
            each(id, sequence, properties)
        })
    }

    /// Calls `each` with source, target, sequence and property bytes of every edge, by source, target and sequence.
    pub fn for_each_edge<E: From<G>>(
        &self,
        mut each: impl FnMut(&str, &str, u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each(Space::OutEdges, keys::graph(self.id), ScanOptions::SWEEP, |key, value| {
            let (source, target, sequence) = known::<_, G>(keys::edge_parts(key), Space::OutEdges, key)?;
            each(&source, &target, sequence, value)
        })
    }

    /// Calls `each` with target, sequence and property bytes of every edge leaving `node`.
    pub fn for_each_edge_from<E: From<G>>(
        &self,
        node: &str,
        mut each: impl FnMut(&str, u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let prefix = keys::edges_at(self.id, node);
        self.for_each(Space::OutEdges, KeyRange::prefix(&prefix), ScanOptions::FORWARD, |key, value| {
            let (target, sequence) = known::<_, G>(keys::edge_tail(key, &prefix), Space::OutEdges, key)?;
            each(&target, sequence, value)
        })
    }

    /// Calls `each` with sequence and stored form of every ledger record from `sequence` on, oldest first.
    pub fn for_each_ledger<E: From<G>>(
        &self,
        sequence: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each(
            Space::Ledger,
            keys::ledger_from(self.id, sequence),
            ScanOptions::SWEEP,
            |key, value| each(known::<_, G>(keys::sequence_of(key), Space::Ledger, key)?, value),
        )
    }

    /// Calls `each` with id and little-endian float32 components of every embedding, by id.
    pub fn for_each_embedding<E: From<G>>(
        &self,
        mut each: impl FnMut(&str, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each(Space::Vectors, keys::graph(self.id), ScanOptions::SWEEP, |key, value| {
            each(known::<_, G>(keys::node_of(key), Space::Vectors, key)?, value)
        })
    }

    /// Reads the whole ledger.
    ///
    /// # Errors
    /// A record of it cannot be read.
    pub fn check_ledger(&self) -> Result<(), G> {
        self.for_each_ledger(0, |_, _| Ok(()))
    }

    /// The lines the ledger shows, oldest first.
    pub fn ledger_lines(&self) -> Result<Vec<String>, G> {
        let mut lines = Vec::new();
        self.for_each_ledger(0, |_, value| -> Result<(), G> {
            lines.extend(LedgerRecord::decode(value)?.0.line());
            Ok(())
        })?;
        Ok(lines)
    }

    /// Ids of the nodes that carry `label`, oldest first; at most `limit` unless it is 0.
    pub fn ids_by_label(&self, label: &str, limit: usize) -> Result<Vec<String>, G> {
        let mut ids = Vec::new();
        let mut cursor = self.read.scan(Space::Labels, keys::labels(self.id, label), ScanOptions::FORWARD)?;
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
    pub fn for_each_by_label<E: From<G>>(
        &self,
        label: &str,
        behind: u64,
        limit: usize,
        mut each: impl FnMut(&str, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut range = keys::labels(self.id, label);
        if behind > 0 {
            range.start = keys::label(self.id, label, behind.saturating_add(1));
        }
        let mut cursor = self.read.scan(Space::Labels, range, ScanOptions::FORWARD).map_err(G::from)?;
        let mut left = if limit == 0 { usize::MAX } else { limit };
        loop {
            let mut ids = Vec::new();
            while ids.len() < SLICE.min(left)
                && let Some((key, value)) = cursor.next().map_err(G::from)?
            {
                self.pass(value.len())?;
                ids.push(label_id(key, value).map_err(G::from)?);
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
    pub fn by_label(&self, label: &str, limit: usize) -> Result<Vec<(String, Vec<u8>)>, G> {
        let mut found = Vec::new();
        self.for_each_by_label(label, 0, limit, |id, properties| -> Result<(), G> {
            found.push((id.to_owned(), properties.to_vec()));
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls `each` with the property bytes of every parallel edge of an ordered pair, oldest first.
    pub fn for_each_edge_between<E: From<G>>(
        &self,
        source: &str,
        target: &str,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let range = KeyRange::prefix(&keys::pair(self.id, source, target));
        self.for_each(Space::OutEdges, range, ScanOptions::FORWARD, |_, value| each(value))
    }

    /// All parallel edges of an ordered pair, oldest first.
    pub fn edges_between(&self, source: &str, target: &str) -> Result<Vec<Record>, G> {
        let mut edges = Vec::new();
        let range = KeyRange::prefix(&keys::pair(self.id, source, target));
        self.for_each(Space::OutEdges, range, ScanOptions::FORWARD, |key, value| -> Result<(), G> {
            let sequence = known::<_, G>(keys::sequence_of(key), Space::OutEdges, key)?;
            edges.push(Record { sequence, properties: value.to_vec() });
            Ok(())
        })?;
        Ok(edges)
    }

    /// Whether at least one edge leads from `source` to `target`.
    pub fn has_edge(&self, source: &str, target: &str) -> Result<bool, G> {
        let range = KeyRange::prefix(&keys::pair(self.id, source, target));
        Ok(self.read.scan(Space::OutEdges, range, ScanOptions::FORWARD)?.next()?.is_some())
    }

    /// Targets of the edges leaving `node`, newest edge first, one entry per edge.
    pub fn successors(&self, node: &str) -> Result<Vec<String>, G> {
        self.far_ends(Space::OutEdges, node)
    }

    /// Sources of the edges reaching `node`, newest edge first, one entry per edge.
    pub fn predecessors(&self, node: &str) -> Result<Vec<String>, G> {
        self.far_ends(Space::InEdges, node)
    }

    /// The distinct nodes at the other ends of the edges leaving and reaching `node`, by id.
    pub fn neighbors(&self, node: &str) -> Result<Neighbors, G> {
        let prefix = keys::edges_at(self.id, node);
        let mut found = Neighbors::default();
        for space in [Space::OutEdges, Space::InEdges] {
            self.for_each(
                space,
                KeyRange::prefix(&prefix),
                ScanOptions::FORWARD,
                |key, _| -> Result<(), G> {
                    let start = found.bytes.len();
                    keys::push_edge_end(key, &prefix, &mut found.bytes).ok_or_else(|| bad_key(space, key))?;
                    std::str::from_utf8(&found.bytes[start..]).map_err(|_| bad_key(space, key))?;
                    found.spans.push((start, found.bytes.len()));
                    Ok(())
                },
            )?;
        }
        let Neighbors { bytes, spans } = &mut found;
        spans.sort_unstable_by(|a, b| bytes[a.0..a.1].cmp(&bytes[b.0..b.1]));
        spans.dedup_by(|a, b| bytes[a.0..a.1] == bytes[b.0..b.1]);
        Ok(found)
    }

    fn far_ends(&self, space: Space, node: &str) -> Result<Vec<String>, G> {
        let prefix = keys::edges_at(self.id, node);
        let mut ends = Vec::new();
        self.for_each(space, KeyRange::prefix(&prefix), ScanOptions::FORWARD, |key, _| -> Result<(), G> {
            let (end, sequence) = known::<_, G>(keys::edge_tail(key, &prefix), space, key)?;
            ends.push((end.into_owned(), sequence));
            Ok(())
        })?;
        ends.sort_by_key(|(_, sequence)| std::cmp::Reverse(*sequence));
        Ok(ends.into_iter().map(|(end, _)| end).collect())
    }

    /// Number of edges leaving `node`.
    pub fn out_degree(&self, node: &str) -> Result<u64, G> {
        self.degree(Space::OutEdges, node)
    }

    /// Number of edges reaching `node`.
    pub fn in_degree(&self, node: &str) -> Result<u64, G> {
        self.degree(Space::InEdges, node)
    }

    fn degree(&self, space: Space, node: &str) -> Result<u64, G> {
        let mut count = 0;
        self.for_each(
            space,
            KeyRange::prefix(&keys::edges_at(self.id, node)),
            ScanOptions::FORWARD,
            |_, _| -> Result<(), G> {
                count += 1;
                Ok(())
            },
        )?;
        Ok(count)
    }

    fn for_each<E: From<G>>(
        &self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut cursor = self.read.scan(space, range, options).map_err(G::from)?;
        while let Some((key, value)) = cursor.next().map_err(G::from)? {
            self.pass(value.len())?;
            each(key, value)?;
        }
        Ok(())
    }
}

/// What was found in a key, if the key is of its space's form.
pub(super) fn known<T, G: From<StoreError>>(found: Option<T>, space: Space, key: &[u8]) -> Result<T, G> {
    found.ok_or_else(|| bad_key(space, key).into())
}

/// The id in an entry of the label index.
fn label_id(key: &[u8], value: &[u8]) -> Result<String> {
    String::from_utf8(value.to_vec()).map_err(|_| bad_key(Space::Labels, key))
}

fn record_of(value: Vec<u8>) -> Result<Record> {
    let (sequence, _) = decode_node(&value)?;
    let mut properties = value;
    properties.drain(..8);
    Ok(Record { sequence, properties })
}
