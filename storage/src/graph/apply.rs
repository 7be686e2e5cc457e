//! What each mutation does to the records.

use std::sync::Arc;

use super::{
    batch_ops::{BatchOp, BatchReport},
    catalog::{CatalogEntry, GraphType},
    error::GraphError,
    ledger::LedgerRecord,
    load::LoadedGraph,
    record::{bad_key, decode_node, encode_node},
    transaction::{Live, Transaction},
};
use crate::{
    error::{Result, StoreError},
    keys::{self, GraphId},
    space::Space,
    view,
};

/// A mutation of the named graph.
#[derive(Debug)]
pub struct Write {
    /// Exact graph name.
    pub graph: Arc<str>,
    /// What to do.
    pub op: Op,
}

/// The mutations. Each is atomic; a [`Op::Batch`] reports items that failed and applies the others.
#[derive(Debug)]
pub enum Op {
    /// Creates the graph.
    Create {
        /// Type.
        kind: GraphType,
        /// Identity of the creator.
        owner: Option<String>,
    },
    /// Deletes the graph with all its records, also a quarantined one.
    Delete,
    /// Drops nodes, edges, ledger and embeddings.
    Clear,
    /// Adds a node or replaces its properties; its edges and place in insertion order stay.
    AddNode {
        /// Node id.
        id: String,
        /// Property bytes, stored as they are.
        properties: Vec<u8>,
    },
    /// Removes a node, its edges and its embedding; a missing node is fine.
    RemoveNode {
        /// Node id.
        id: String,
    },
    /// Adds a (parallel) edge.
    AddEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// Property bytes, stored as they are.
        properties: Vec<u8>,
    },
    /// Removes all edges of an ordered pair; a missing edge is fine.
    RemoveEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
    },
    /// Runs many items in order.
    Batch(Vec<BatchOp>),
    /// Drops the ledger's records.
    ClearLedger,
    /// Puts loaded records in place of the graph's own, which must exist.
    Replace(LoadedGraph),
    /// Makes loaded records a new graph. What it replaces may be quarantined: this is the way out.
    Install {
        /// The records.
        loaded: LoadedGraph,
        /// Type.
        kind: GraphType,
        /// Identity of the creator.
        owner: Option<String>,
        /// Whether a graph of this name may be there and is replaced.
        replace: bool,
    },
}

/// Result of a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// A batch ran.
    Batch(BatchReport),
}

impl Transaction<'_> {
    /// Applies one mutation to the group. An error leaves the group as it was, except
    /// [`GraphError::Store`], after which the group must be dropped.
    pub(super) fn apply(&mut self, write: &Write) -> Result<Outcome, GraphError> {
        let name = &write.graph;
        match &write.op {
            Op::Create { kind, owner } => {
                if self.live(name).is_some() {
                    return Err(GraphError::GraphExists(name.to_string()));
                }
                let id = self.allocate_id();
                let entry = CatalogEntry { id: id.0, kind: *kind, owner: owner.clone(), created_ms: self.now_ms() };
                self.insert(name, entry, Default::default());
                self.log(name, &LedgerRecord::Created)?;
                self.edit(name)?.state.complete_from = 1;
            }
            Op::Delete => {
                let id = GraphId(self.existing(name)?.entry.id);
                if **name == *super::COMMONS {
                    return Err(GraphError::CannotDeleteCommons);
                }
                self.remove(name, id);
            }
            Op::Clear => {
                let sequence = self.edit(name)?.state.sequence;
                let id = self.allocate_id();
                self.swap(name, id, super::GraphState { sequence, ..Default::default() })?;
                self.log(name, &LedgerRecord::Cleared)?;
                let state = &mut self.edit(name)?.state;
                state.complete_from = state.sequence;
            }
            Op::AddNode { id, properties } => self.add_node(name, id, properties)?,
            Op::RemoveNode { id } => self.remove_node(name, id)?,
            Op::AddEdge { source, target, properties } => self.add_edge(name, source, target, properties)?,
            Op::RemoveEdge { source, target } => self.remove_edge(name, source, target)?,
            Op::Batch(items) => return self.batch(name, items).map(Outcome::Batch),
            Op::ClearLedger => {
                let id = GraphId(self.edit(name)?.entry.id);
                self.overlay.delete_range(Space::Ledger, keys::graph(id));
                self.log(name, &LedgerRecord::LedgerCleared)?;
                let state = &mut self.edit(name)?.state;
                state.ledger_lines = 0;
                state.complete_from = state.sequence;
            }
            Op::Replace(loaded) => {
                let old = self.edit(name)?.state.sequence;
                self.keep_id();
                let (id, records, mut state) = loaded.parts();
                state.sequence = state.sequence.max(old);
                self.swap(name, id, state)?;
                self.overlay.append_unread(records.clone());
                self.log(name, &LedgerRecord::Replaced)?;
                let state = &mut self.edit(name)?.state;
                state.complete_from = state.sequence;
            }
            Op::Install { loaded, kind, owner, replace } => {
                let exists = self.live(name).is_some();
                if exists && !*replace {
                    return Err(GraphError::GraphExists(name.to_string()));
                }
                self.keep_id();
                let (id, records, state) = loaded.parts();
                if exists {
                    let doomed = GraphId(self.existing(name)?.entry.id);
                    self.remove(name, doomed);
                }
                let entry = CatalogEntry { id: id.0, kind: *kind, owner: owner.clone(), created_ms: self.now_ms() };
                self.insert(name, entry, state);
                self.overlay.append_unread(records.clone());
            }
        }
        Ok(Outcome::Done)
    }

    fn batch(&mut self, name: &Arc<str>, items: &[BatchOp]) -> Result<BatchReport, GraphError> {
        self.edit(name)?;
        let mut report = BatchReport::default();
        for (index, item) in items.iter().enumerate() {
            let (done, count) = match item {
                BatchOp::AddNode { id, properties } => {
                    (self.add_node(name, id, properties), &mut report.added_nodes)
                }
                BatchOp::RemoveNode { id } => (self.remove_node(name, id), &mut report.removed_nodes),
                BatchOp::AddEdge { source, target, properties } => {
                    (self.add_edge(name, source, target, properties), &mut report.added_edges)
                }
                BatchOp::RemoveEdge { source, target } => {
                    (self.remove_edge(name, source, target), &mut report.removed_edges)
                }
                BatchOp::Rejected(reason) => {
                    report.errors.push(format!("op[{index}]: {reason}"));
                    continue;
                }
            };
            match done {
                Ok(()) => *count += 1,
                Err(GraphError::Store(error)) => return Err(error.into()),
                Err(refusal) => report.errors.push(format!("op[{index}]: {refusal}")),
            }
        }
        Ok(report)
    }

    fn add_node(&mut self, name: &Arc<str>, node: &str, properties: &[u8]) -> Result<(), GraphError> {
        let id = GraphId(self.edit(name)?.entry.id);
        let key = keys::node(id, node);
        let old = self.overlay.node(&key)?;
        let new_sequence = self.log(name, &LedgerRecord::AddNode { id: node, properties })?;
        let sequence = match &old {
            Some(value) => {
                let (sequence, old_properties) = decode_node(value)?;
                for label in view::labels(old_properties) {
                    self.overlay.delete(Space::Labels, keys::label(id, &label, sequence));
                }
                sequence
            }
            None => {
                self.edit(name)?.state.nodes += 1;
                new_sequence
            }
        };
        for label in view::labels(properties) {
            self.overlay.put(Space::Labels, keys::label(id, &label, sequence), node.as_bytes().to_vec());
        }
        self.overlay.put(Space::Nodes, key, encode_node(sequence, properties));
        Ok(())
    }

    fn remove_node(&mut self, name: &Arc<str>, node: &str) -> Result<(), GraphError> {
        let id = GraphId(self.edit(name)?.entry.id);
        let key = keys::node(id, node);
        let Some(value) = self.overlay.node(&key)? else {
            return Ok(());
        };
        let prefix = keys::edges_at(id, node);
        let outgoing = self.overlay.edge_keys(Space::OutEdges, &prefix)?;
        let incoming = self.overlay.edge_keys(Space::InEdges, &prefix)?;
        self.log(name, &LedgerRecord::RemoveNode { id: node })?;
        let mut removed = 0;
        for edge in outgoing {
            let (target, sequence) =
                keys::edge_tail(&edge, &prefix).ok_or_else(|| bad_key(Space::OutEdges, &edge))?;
            self.overlay.delete(Space::InEdges, keys::edge(id, &target, node, sequence));
            self.overlay.delete(Space::OutEdges, edge);
            removed += 1;
        }
        for edge in incoming {
            let (source, sequence) =
                keys::edge_tail(&edge, &prefix).ok_or_else(|| bad_key(Space::InEdges, &edge))?;
            if source == node {
                continue;
            }
            self.overlay.delete(Space::OutEdges, keys::edge(id, &source, node, sequence));
            self.overlay.delete(Space::InEdges, edge);
            removed += 1;
        }
        let (sequence, properties) = decode_node(&value)?;
        for label in view::labels(properties) {
            self.overlay.delete(Space::Labels, keys::label(id, &label, sequence));
        }
        self.overlay.delete(Space::Nodes, key);
        let state = &mut self.edit(name)?.state;
        take(&mut state.nodes, 1)?;
        take(&mut state.edges, removed)?;
        Ok(())
    }

    fn add_edge(
        &mut self,
        name: &Arc<str>,
        source: &str,
        target: &str,
        properties: &[u8],
    ) -> Result<(), GraphError> {
        let id = GraphId(self.edit(name)?.entry.id);
        if !self.overlay.has_node(&keys::node(id, source))? {
            return Err(GraphError::SourceNotFound(source.to_owned()));
        }
        if !self.overlay.has_node(&keys::node(id, target))? {
            return Err(GraphError::TargetNotFound(target.to_owned()));
        }
        let sequence = self.log(name, &LedgerRecord::AddEdge { source, target, properties })?;
        self.overlay.put(Space::OutEdges, keys::edge(id, source, target, sequence), properties.to_vec());
        self.overlay.put(Space::InEdges, keys::edge(id, target, source, sequence), Vec::new());
        self.edit(name)?.state.edges += 1;
        Ok(())
    }

    fn remove_edge(&mut self, name: &Arc<str>, source: &str, target: &str) -> Result<(), GraphError> {
        let id = GraphId(self.edit(name)?.entry.id);
        let both = self.overlay.has_node(&keys::node(id, source))? && self.overlay.has_node(&keys::node(id, target))?;
        if !both {
            return Ok(());
        }
        let edges = self.overlay.edge_keys(Space::OutEdges, &keys::pair(id, source, target))?;
        self.log(name, &LedgerRecord::RemoveEdge { source, target })?;
        take(&mut self.edit(name)?.state.edges, edges.len() as u64)?;
        for edge in edges {
            let sequence = keys::sequence_of(&edge).ok_or_else(|| bad_key(Space::OutEdges, &edge))?;
            self.overlay.delete(Space::InEdges, keys::edge(id, target, source, sequence));
            self.overlay.delete(Space::OutEdges, edge);
        }
        Ok(())
    }

    /// Writes the next ledger record of the graph and returns its sequence number.
    fn log(&mut self, name: &Arc<str>, record: &LedgerRecord<'_>) -> Result<u64, GraphError> {
        let now = self.now_ms();
        let shown = !matches!(
            record,
            LedgerRecord::Created | LedgerRecord::Cleared | LedgerRecord::Replaced | LedgerRecord::LedgerCleared
        );
        let Live { entry, state, .. } = self.edit(name)?;
        state.sequence += 1;
        state.ledger_lines += u64::from(shown);
        let (id, sequence) = (GraphId(entry.id), state.sequence);
        self.overlay.put(Space::Ledger, keys::ledger(id, sequence), record.encode(now));
        Ok(sequence)
    }
}

/// Lowers a counter; one that would fall below zero disagrees with the records.
fn take(counter: &mut u64, count: u64) -> Result<()> {
    *counter = counter
        .checked_sub(count)
        .ok_or_else(|| StoreError::corrupt(Space::Catalog, format!("counter {counter} is less than {count} records")))?;
    Ok(())
}
