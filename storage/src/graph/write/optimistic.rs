//! Optimistic transactions: changes that were gathered over several requests, made together if the nodes that they touch
//! are still as they were seen.

use sha2::Sha256;

use crate::{
    error::Result,
    graph::{
        error::GraphError,
        write::{
            mutation::{BatchOp, RECORD},
            op::Op,
            outcome::BatchReport,
            record_changes::Edit,
            transaction::Transaction,
        },
    },
    keys,
    space::Space,
};

/// What a transaction saw of a node: a hash of its properties, or that there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen(Option<[u8; 16]>);

impl Seen {
    /// Of a node with these property bytes, or of a missing one.
    pub fn of(properties: Option<&[u8]>) -> Self {
        let hash = |bytes| *Sha256::digest(bytes).first_chunk().expect("a hash has 32 bytes");
        Self(properties.map(hash))
    }
}

/// A change of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionChange {
    /// Adds a node or replaces its properties.
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
    /// Adds a (parallel) edge; both ends must be there, or be added before it.
    AddEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// Property bytes, stored as they are.
        properties: Vec<u8>,
    },
    /// Puts one edge in place of all edges of an ordered pair.
    ReplaceEdges {
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
    /// Puts fields into the properties of a node whose fields are as expected ([`crate::view::meets`]).
    CompareAndSet {
        /// Node id.
        node: String,
        /// A MessagePack map of the expected fields.
        conditions: Vec<u8>,
        /// A MessagePack map of the new ones.
        updates: Vec<u8>,
    },
    /// Adds the embedding of a node or replaces it.
    AddVector {
        /// Node id.
        node: String,
        /// Finite float32 components, little-endian.
        components: Vec<u8>,
    },
}

impl TransactionChange {
    /// Its kind, and its ids and values.
    fn parts(&self) -> (u8, [&[u8]; 3]) {
        match self {
            Self::AddNode { id, properties } => (1, [id.as_bytes(), properties, &[]]),
            Self::RemoveNode { id } => (2, [id.as_bytes(), &[], &[]]),
            Self::AddEdge { source, target, properties } => {
                (3, [source.as_bytes(), target.as_bytes(), properties])
            }
            Self::ReplaceEdges { source, target, properties } => {
                (4, [source.as_bytes(), target.as_bytes(), properties])
            }
            Self::RemoveEdge { source, target } => (5, [source.as_bytes(), target.as_bytes(), &[]]),
            Self::CompareAndSet { node, conditions, updates } => (6, [node.as_bytes(), conditions, updates]),
            Self::AddVector { node, components } => (7, [node.as_bytes(), components, &[]]),
        }
    }

    /// Bytes of ids and values.
    pub fn bytes(&self) -> usize {
        self.parts().1.iter().map(|part| part.len()).sum()
    }

    /// Bytes that it writes, roughly: its record with its ledger record.
    pub fn cost(&self) -> usize {
        RECORD + 2 * self.bytes()
    }

    /// Whether it adds to what is stored, but for the record of it.
    pub fn grows(&self) -> bool {
        match self {
            Self::AddNode { .. }
            | Self::AddEdge { .. }
            | Self::ReplaceEdges { .. }
            | Self::CompareAndSet { .. }
            | Self::AddVector { .. } => true,
            Self::RemoveNode { .. } | Self::RemoveEdge { .. } => false,
        }
    }

    /// Calls `each` with the nodes that it touches: its own, or the ends of its edge.
    pub fn for_each_node(&self, each: &mut dyn FnMut(&str)) {
        match self {
            Self::AddNode { id: node, .. }
            | Self::RemoveNode { id: node }
            | Self::CompareAndSet { node, .. }
            | Self::AddVector { node, .. } => each(node),
            Self::AddEdge { source, target, .. }
            | Self::ReplaceEdges { source, target, .. }
            | Self::RemoveEdge { source, target } => {
                each(source);
                each(target);
            }
        }
    }
}

/// Changes that are made together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptimisticTransaction {
    /// Nodes that must still be as they were seen.
    pub reads: Vec<(String, Seen)>,
    /// The changes, in their order.
    pub changes: Vec<TransactionChange>,
    /// The outcome when they are made, of a batch.
    pub report: Option<BatchReport>,
}

impl OptimisticTransaction {
    /// Bytes of ids and values.
    pub fn bytes(&self) -> usize {
        let reads: usize = self.reads.iter().map(|(node, seen)| node.len() + size_of_val(seen)).sum();
        reads + self.changes.iter().map(TransactionChange::bytes).sum::<usize>()
    }

    /// A hash of the changes, whatever was seen before them.
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        for change in &self.changes {
            let (kind, parts) = change.parts();
            hash.update([kind]);
            for part in parts {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        *hash.finalize().first_chunk().expect("a hash has 32 bytes")
    }
}

impl Edit<'_, '_> {
    /// Makes all changes of a transaction, or none. False when a node is not as it was seen, or not as a
    /// [`TransactionChange::CompareAndSet`] expects it.
    ///
    /// # Errors
    /// One change cannot be made, or all together write more than a batch may.
    pub(crate) fn transact(&mut self, transaction: &OptimisticTransaction) -> Result<bool, GraphError> {
        for (node, seen) in &transaction.reads {
            if self.seen(node)? != *seen {
                return Ok(false);
            }
        }
        let (state, versions) = (self.live.state, self.live.versions);
        self.overlay.save();
        let made = self.make_all(&transaction.changes);
        if matches!(made, Ok(true)) {
            self.overlay.release();
        } else {
            self.overlay.roll_back();
            (self.live.state, self.live.versions) = (state, versions);
        }
        made
    }

    fn seen(&self, node: &str) -> Result<Seen> {
        let value = self.overlay.node(&keys::node(self.id(), node))?;
        let properties = value.as_deref().map(decode_node).transpose()?;
        Ok(Seen::of(properties.map(|(_, properties)| properties)))
    }

    /// Stops before the first change that cannot be made.
    fn make_all(&mut self, changes: &[TransactionChange]) -> Result<bool, GraphError> {
        for change in changes {
            self.check_cascade(change)?;
            match change {
                TransactionChange::AddNode { id, properties } => self.add_node(id, properties)?,
                TransactionChange::RemoveNode { id } => drop(self.remove_node(id)?),
                TransactionChange::AddEdge { source, target, properties } => {
                    self.add_edge(source, target, properties)?;
                }
                TransactionChange::ReplaceEdges { source, target, properties } => {
                    let pair = keys::pair(self.id(), source, target);
                    if !self.overlay.edge_keys(Space::OutEdges, &pair)?.is_empty() {
                        self.remove_edge(source, target)?;
                    }
                    self.add_edge(source, target, properties)?;
                }
                TransactionChange::RemoveEdge { source, target } => self.remove_edge(source, target)?,
                TransactionChange::CompareAndSet { node, conditions, updates } => {
                    if !self.compare_and_set(node, conditions, updates)? {
                        return Ok(false);
                    }
                }
                TransactionChange::AddVector { node, components } => self.add_vector(node, components)?,
            }
            self.part.check_batch(&*self.overlay)?;
        }
        Ok(true)
    }

    /// Fails when the change would remove more edges than the transaction may still write.
    fn check_cascade(&self, change: &TransactionChange) -> Result<()> {
        match change {
            TransactionChange::RemoveNode { id } => self.check_edges_at(id),
            TransactionChange::ReplaceEdges { source, target, .. }
            | TransactionChange::RemoveEdge { source, target } => self.check_edges_of(source, target),
            TransactionChange::AddNode { .. }
            | TransactionChange::AddEdge { .. }
            | TransactionChange::CompareAndSet { .. }
            | TransactionChange::AddVector { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OptimisticTransaction, TransactionChange};
    use crate::graph::{BatchOp, Op};

    /// Tenants take turns by it.
    #[test]
    fn a_transaction_costs_as_much_as_a_batch() {
        let (id, properties) = ("n".to_owned(), vec![0; 1000]);
        let changes = vec![TransactionChange::AddNode { id: id.clone(), properties: properties.clone() }; 3];
        let transaction = OptimisticTransaction { changes, ..Default::default() };
        let batch = vec![BatchOp::AddNode { id, properties }; 3];
        assert_eq!(Op::Transaction(transaction).cost(), Op::Batch(batch).cost());
    }
}
