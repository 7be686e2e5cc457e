//! Optimistic transactions: changes that were gathered over several requests, made together if the nodes that they touch
//! are still as they were seen.

use sha2::{Digest, Sha256};

use crate::{
    error::Result,
    graph::{
        error::GraphError,
        read::node_record::decode_node,
        write::{outcome::BatchReport, record_changes::Edit},
    },
    keys,
    mutation::Mutation,
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

/// Changes that are made together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptimisticTransaction {
    /// Nodes that must still be as they were seen.
    pub reads: Vec<(String, Seen)>,
    /// The changes, in their order.
    pub changes: Vec<Mutation>,
    /// The outcome when they are made, of a batch.
    pub report: Option<BatchReport>,
}

impl OptimisticTransaction {
    /// Bytes of ids and values.
    pub fn bytes(&self) -> usize {
        let reads: usize = self.reads.iter().map(|(node, seen)| node.len() + size_of_val(seen)).sum();
        reads + self.changes.iter().map(Mutation::bytes).sum::<usize>()
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
    /// [`Mutation::CompareAndSet`] expects it.
    ///
    /// # Errors
    /// One change cannot be made, or all together write more than a batch may.
    pub(crate) fn transact(&mut self, transaction: &OptimisticTransaction) -> Result<bool, GraphError> {
        for (node, seen) in &transaction.reads {
            if self.seen(node)? != *seen {
                return Ok(false);
            }
        }
        let (counters, versions) = (self.working.counters, self.working.versions);
        self.overlay.save();
        let made = self.make_all(&transaction.changes);
        if matches!(made, Ok(true)) {
            self.overlay.release();
        } else {
            self.overlay.roll_back();
            (self.working.counters, self.working.versions) = (counters, versions);
        }
        made
    }

    fn seen(&self, node: &str) -> Result<Seen> {
        let value = self.overlay.node(&keys::node(self.id(), node))?;
        let properties = value.as_deref().map(decode_node).transpose()?;
        Ok(Seen::of(properties.map(|(_, properties)| properties)))
    }

    /// Stops before the first change that cannot be made.
    fn make_all(&mut self, changes: &[Mutation]) -> Result<bool, GraphError> {
        for change in changes {
            self.check_cascade(change)?;
            if !self.make(change)? {
                return Ok(false);
            }
            self.part.check_batch(&*self.overlay)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::OptimisticTransaction;
    use crate::graph::{Mutation, Op};

    /// Tenants take turns by it.
    #[test]
    fn a_transaction_costs_as_much_as_a_batch() {
        let (id, properties) = ("n".to_owned(), vec![0; 1000]);
        let changes = vec![Mutation::AddNode { id: id.clone(), properties: properties.clone() }; 3];
        let transaction = OptimisticTransaction { changes, ..Default::default() };
        let batch = vec![Ok(Mutation::AddNode { id, properties }); 3];
        assert_eq!(Op::Transaction(transaction).cost(), Op::Batch(batch).cost());
    }
}
