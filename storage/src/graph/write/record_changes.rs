//! Mutations of nodes and edges: what each does to the records of one graph.

use crate::{
    error::{Result, StoreError},
    graph::{
        error::GraphError,
        ledger::record::LedgerRecord,
        quota::{accounts::Room, counts::Counted},
        read::node_record::{bad_key, decode_node, write_node},
        write::{outcome::BatchReport, overlay::Overlay, part::Part, working_graph::WorkingGraph},
    },
    keys::{self, GraphId},
    limits,
    mutation::Mutation,
    properties,
    space::Space,
};

/// A graph being changed by the running group.
pub(crate) struct Edit<'t, 's> {
    pub(crate) overlay: &'t mut Overlay<'s>,
    pub(crate) working: &'t mut WorkingGraph,
    pub(crate) now_ms: u64,
    /// Bytes of the id of a new node at most.
    pub(crate) longest_id: usize,
    /// What the mutation may change in this group.
    pub(crate) part: Part,
    /// How far the graph may grow; absent where that is not limited, and for what the operator does.
    pub(crate) room: Option<Room>,
}

/// Keys of the edges at a node.
pub(crate) struct EdgesAt {
    pub(crate) outgoing: Vec<Vec<u8>>,
    pub(crate) incoming: Vec<Vec<u8>>,
}

/// A stored node that is to be replaced or removed.
pub(crate) struct OldNode {
    sequence: u64,
    label_keys: Vec<Vec<u8>>,
}

impl Edit<'_, '_> {
    pub(crate) fn id(&self) -> GraphId {
        GraphId(self.working.entry.id)
    }

    /// Makes the changes one by one and reports those that cannot be made.
    pub(crate) fn batch(&mut self, items: &[Result<Mutation, String>]) -> Result<BatchReport, GraphError> {
        let mut report = BatchReport::default();
        for (index, item) in items.iter().enumerate() {
            let mutation = match item {
                Ok(mutation) => mutation,
                Err(reason) => {
                    report.fail(index, reason);
                    continue;
                }
            };
            self.check_cascade(mutation)?;
            let made = self.make(mutation);
            self.part.check_batch(&*self.overlay)?;
            match made {
                Ok(true) => report.count(mutation),
                Ok(false) => report.fail(index, &"the node is not as expected"),
                Err(GraphError::Store(error)) => return Err(error.into()),
                Err(refusal) => report.fail(index, &refusal),
            }
        }
        Ok(report.finish())
    }

    /// Makes one change as a whole. False when a node is not as a [`Mutation::CompareAndSet`] expects it.
    pub(crate) fn make(&mut self, mutation: &Mutation) -> Result<bool, GraphError> {
        match mutation {
            Mutation::AddNode { id, properties } => self.add_node(id, properties)?,
            Mutation::RemoveNode { id } => drop(self.remove_node(id)?),
            Mutation::AddEdge { source, target, properties } => self.add_edge(source, target, properties)?,
            Mutation::ReplaceEdges { source, target, properties } => {
                let pair = keys::pair(self.id(), source, target);
                if !self.overlay.edge_keys(Space::OutEdges, &pair)?.is_empty() {
                    self.remove_edge(source, target)?;
                }
                self.add_edge(source, target, properties)?;
            }
            Mutation::RemoveEdge { source, target } => self.remove_edge(source, target)?,
            Mutation::CompareAndSet { node, conditions, updates } => {
                return self.compare_and_set(node, conditions, updates);
            }
            Mutation::AddEmbedding { node, components } => self.add_embedding(node, components)?,
        }
        Ok(true)
    }

    pub(crate) fn add_node(&mut self, node: &str, properties: &[u8]) -> Result<(), GraphError> {
        let key = keys::node(self.id(), node);
        let old = self.old_node(&key)?;
        if old.is_none() {
            limits::check_bytes("node_id", node, self.longest_id)?;
            self.may_add(Counted::Nodes, self.working.counters.nodes, 1)?;
        }
        let new_sequence = self.log(&LedgerRecord::AddNode { id: node, properties });
        if old.is_none() {
            self.working.counters.nodes += 1;
            self.working.versions.topology = new_sequence;
        }
        self.put_node(&key, node, old, new_sequence, properties);
        Ok(())
    }

    /// Writes a node and its labels in place of what was there; a new one gets `new_sequence`.
    pub(crate) fn put_node(
        &mut self,
        key: &[u8],
        node: &str,
        old: Option<OldNode>,
        new_sequence: u64,
        properties: &[u8],
    ) {
        let id = self.id();
        let sequence = old.as_ref().map_or(new_sequence, |old| old.sequence);
        for label in old.iter().flat_map(|old| &old.label_keys) {
            self.overlay.delete(Space::Labels, label);
        }
        for label in properties::labels(properties) {
            self.overlay.put(Space::Labels, &keys::label(id, label, sequence), node.as_bytes());
        }
        self.overlay.put_with(Space::Nodes, key, |out| write_node(out, sequence, properties));
    }

    pub(crate) fn old_node(&self, key: &[u8]) -> Result<Option<OldNode>> {
        let Some(value) = self.overlay.node(key)? else {
            return Ok(None);
        };
        let (sequence, properties) = decode_node(&value)?;
        let labels = properties::labels(properties);
        let label_keys = labels.into_iter().map(|label| keys::label(self.id(), label, sequence)).collect();
        Ok(Some(OldNode { sequence, label_keys }))
    }

    /// Removes a node with its edges and its embedding. The number of edges, or `None` without such a node.
    pub(crate) fn remove_node(&mut self, node: &str) -> Result<Option<u64>, GraphError> {
        let id = self.id();
        let key = keys::node(id, node);
        let Some(old) = self.old_node(&key)? else {
            return Ok(None);
        };
        let prefix = keys::edges_at(id, node);
        let edges = EdgesAt {
            outgoing: self.overlay.edge_keys(Space::OutEdges, &prefix)?,
            incoming: self.overlay.edge_keys(Space::InEdges, &prefix)?,
        };
        self.remove_node_with(node, &key, &old, edges).map(Some)
    }

    /// Removes a node of which these edges are left.
    pub(crate) fn remove_node_with(
        &mut self,
        node: &str,
        key: &[u8],
        old: &OldNode,
        edges: EdgesAt,
    ) -> Result<u64, GraphError> {
        let id = self.id();
        let prefix = keys::edges_at(id, node);
        let embedding = self.components_of(key)?;
        self.working.versions.topology = self.log(&LedgerRecord::RemoveNode { id: node });
        let mut removed = 0;
        for edge in edges.outgoing {
            let (target, sequence) =
                keys::edge_tail(&edge, &prefix).ok_or_else(|| bad_key(Space::OutEdges, &edge))?;
            self.overlay.delete(Space::InEdges, &keys::edge(id, &target, node, sequence));
            self.overlay.delete(Space::OutEdges, &edge);
            removed += 1;
        }
        for edge in edges.incoming {
            let (source, sequence) =
                keys::edge_tail(&edge, &prefix).ok_or_else(|| bad_key(Space::InEdges, &edge))?;
            if source == node {
                continue;
            }
            self.overlay.delete(Space::OutEdges, &keys::edge(id, &source, node, sequence));
            self.overlay.delete(Space::InEdges, &edge);
            removed += 1;
        }
        old.label_keys.iter().for_each(|label| self.overlay.delete(Space::Labels, label));
        self.overlay.delete(Space::Nodes, key);
        if embedding.is_some() {
            self.overlay.delete(Space::Vectors, key);
            self.working.versions.vectors = self.working.counters.sequence;
            self.uncount(embedding)?;
        }
        decrement(&mut self.working.counters.nodes, 1)?;
        decrement(&mut self.working.counters.edges, removed)?;
        Ok(removed)
    }

    pub(crate) fn add_edge(
        &mut self,
        source: &str,
        target: &str,
        properties: &[u8],
    ) -> Result<(), GraphError> {
        let id = self.id();
        if !self.overlay.has_node(&keys::node(id, source))? {
            return Err(GraphError::SourceNotFound(source.to_owned()));
        }
        if !self.overlay.has_node(&keys::node(id, target))? {
            return Err(GraphError::TargetNotFound(target.to_owned()));
        }
        self.may_add(Counted::Edges, self.working.counters.edges, 1)?;
        let sequence = self.log(&LedgerRecord::AddEdge { source, target, properties });
        self.overlay.put(Space::OutEdges, &keys::edge(id, source, target, sequence), properties);
        self.overlay.put(Space::InEdges, &keys::edge(id, target, source, sequence), &[]);
        self.working.counters.edges += 1;
        self.working.versions.topology = sequence;
        Ok(())
    }

    pub(crate) fn remove_edge(&mut self, source: &str, target: &str) -> Result<(), GraphError> {
        let id = self.id();
        if !self.overlay.has_node(&keys::node(id, source))?
            || !self.overlay.has_node(&keys::node(id, target))?
        {
            return Ok(());
        }
        let edges = self.overlay.edge_keys(Space::OutEdges, &keys::pair(id, source, target))?;
        self.remove_edges_with(source, target, edges)
    }

    /// Removes what is left of the edges of a pair, whose keys these are.
    pub(crate) fn remove_edges_with(
        &mut self,
        source: &str,
        target: &str,
        edges: Vec<Vec<u8>>,
    ) -> Result<(), GraphError> {
        let id = self.id();
        let logged = self.log(&LedgerRecord::RemoveEdge { source, target });
        if !edges.is_empty() {
            self.working.versions.topology = logged;
        }
        decrement(&mut self.working.counters.edges, edges.len() as u64)?;
        for edge in edges {
            let sequence = keys::sequence_of(&edge).ok_or_else(|| bad_key(Space::OutEdges, &edge))?;
            self.overlay.delete(Space::InEdges, &keys::edge(id, target, source, sequence));
            self.overlay.delete(Space::OutEdges, &edge);
        }
        Ok(())
    }

    /// Whether so many may be added to those that the graph has.
    pub(crate) fn may_add(&self, of: Counted, has: u64, added: u64) -> Result<(), GraphError> {
        match &self.room {
            Some(room) => Ok(room.check(of, has, has.saturating_add(added))?),
            None => Ok(()),
        }
    }
}

/// Lowers a counter; one that would fall below zero disagrees with the records.
pub(crate) fn decrement(counter: &mut u64, count: u64) -> Result<()> {
    *counter = counter.checked_sub(count).ok_or_else(|| {
        StoreError::corrupt(Space::Catalog, format!("counter {counter} is less than {count} records"))
    })?;
    Ok(())
}
