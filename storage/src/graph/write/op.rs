//! The mutations: what a write asks for.

use std::sync::Arc;

use crate::{
    graph::{
        catalog::entry::GraphType,
        ledger::retention::{LedgerKeep, Trim},
        load::loaded::LoadedGraph,
        moves::step::MoveOp,
        write::{
            conditional_change::Revision,
            idempotency::Once,
            mutation::{BatchOp, RECORD},
            optimistic::{OptimisticTransaction, TransactionChange},
            transaction::Transaction,
        },
    },
    keys::GraphId,
};

/// A mutation of the named graph.
#[derive(Debug)]
pub struct Write {
    /// Exact graph name.
    pub graph: Arc<str>,
    /// What to do.
    pub op: Op,
}

/// The mutations. Each is atomic, but for what [`crate::graph::GraphStore::commit_in_parts`] does; a [`Op::Batch`] reports items
/// that failed and applies the others.
#[derive(Debug)]
pub enum Op {
    /// Creates the graph.
    Create {
        /// Type.
        kind: GraphType,
        /// Identity of the creator.
        owner: Option<String>,
        /// The tenant whose graph it is to be. Another tenant is told so.
        tenant: Option<String>,
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
    /// Adds a node unless there is one.
    AddMissingNode {
        /// Node id.
        id: String,
        /// Property bytes, stored as they are.
        properties: Vec<u8>,
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
    /// As [`Op::CompareAndSet`], answered with the node.
    Claim {
        /// Node id.
        node: String,
        /// A MessagePack map of the expected fields.
        conditions: Vec<u8>,
        /// A MessagePack map of the new ones.
        updates: Vec<u8>,
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
    /// Adds the embedding of a node or replaces it.
    AddVector {
        /// Node id.
        node: String,
        /// Finite float32 components, little-endian.
        components: Vec<u8>,
    },
    /// Runs many items in order.
    Batch(Vec<BatchOp>),
    /// Makes the changes of a transaction, all or none.
    Transaction(OptimisticTransaction),
    /// Sets `confidence` to 1.0 and `last_access` of nodes with a property map.
    Touch {
        /// Node ids, repeats counted each.
        nodes: Vec<String>,
        /// Unix seconds.
        now: u64,
    },
    /// Makes changes that were worked out from an earlier state, as far as that is still there. Atomic.
    Revise {
        /// The graph they were worked out from; another one of its name, or its successor after a clear, is refused.
        of: GraphId,
        /// The sequence number of that state.
        since: u64,
        /// The changes.
        changes: Vec<Revision>,
        /// Whether many of them may be made in parts ([`crate::graph::GraphStore::commit_in_parts`]).
        in_parts: bool,
    },
    /// Drops the ledger's records.
    ClearLedger,
    /// Drops the oldest of the ledger's records ([`crate::graph::GraphStore::trim_ledger`]); nothing when they are not the oldest
    /// any more.
    TrimLedger(Trim),
    /// Sets how much of its ledger the graph keeps; `None` is as the store keeps others.
    KeepLedger(Option<LedgerKeep>),
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
        /// Whether a graph of this name may be there and is replaced. An empty `__commons__` always may.
        replace: bool,
    },
    /// Does this unless it was done under the same key before.
    Once(Once, Box<Op>),
    /// A step of a move.
    Move(MoveOp),
}

impl Op {
    /// The same, made once when there is a key.
    #[must_use]
    pub fn once(self, key: Option<Once>) -> Self {
        match key {
            Some(key) => Op::Once(key, Box::new(self)),
            None => self,
        }
    }

    /// What is to be made, without the key that it may have.
    pub fn unkeyed(&self) -> &Self {
        if let Op::Once(_, op) = self { op } else { self }
    }

    /// Whether it is durable when it is answered, whatever the durability of its group: the replacement of a whole graph, and
    /// the steps of a move.
    pub(crate) fn is_always_durable(&self) -> bool {
        matches!(self.unkeyed(), Op::Replace(_) | Op::Install { .. } | Op::Move(_))
    }

    /// The records that it puts into its graph as a whole.
    pub(crate) fn loaded(&self) -> Option<&LoadedGraph> {
        if let Op::Replace(loaded) | Op::Install { loaded, .. } | Op::Move(MoveOp::Fill { loaded, .. }) =
            self.unkeyed()
        {
            Some(loaded)
        } else {
            None
        }
    }

    /// Whether it gives more room back than it takes, so that it may be done on a full disk.
    pub(crate) fn frees_room(&self) -> bool {
        match self {
            Op::Once(_, op) => op.frees_room(),
            Op::Delete
            | Op::Clear
            | Op::ClearLedger
            | Op::TrimLedger(_)
            | Op::Move(MoveOp::Drop { .. } | MoveOp::Refuse { .. } | MoveOp::Forget) => true,
            Op::Create { .. }
            | Op::AddNode { .. }
            | Op::AddMissingNode { .. }
            | Op::CompareAndSet { .. }
            | Op::Claim { .. }
            | Op::RemoveNode { .. }
            | Op::AddEdge { .. }
            | Op::RemoveEdge { .. }
            | Op::AddVector { .. }
            | Op::Batch(_)
            | Op::Transaction(_)
            | Op::Touch { .. }
            | Op::Revise { .. }
            | Op::KeepLedger(_)
            | Op::Replace(_)
            | Op::Install { .. }
            | Op::Move(_) => false,
        }
    }

    /// Bytes that it writes, roughly: each record with its ledger record. Of what is made in parts it is the least; what
    /// replaces a graph counts as much.
    pub fn cost(&self) -> usize {
        const MUCH: usize = 8 << 20;
        match self {
            Op::AddNode { id, properties } | Op::AddMissingNode { id, properties } => {
                RECORD + 2 * (id.len() + properties.len())
            }
            Op::Once(_, op) => RECORD + op.cost(),
            // The node may be much larger than what is put into it.
            Op::CompareAndSet { node, conditions, updates } | Op::Claim { node, conditions, updates } => {
                2 * RECORD + node.len() + conditions.len() + 2 * updates.len()
            }
            Op::AddEdge { source, target, properties } => {
                RECORD + 2 * (source.len() + target.len() + properties.len())
            }
            Op::AddVector { node, components } => RECORD + node.len() + 2 * components.len(),
            Op::Batch(items) => items.iter().map(BatchOp::cost).sum(),
            Op::Transaction(transaction) => transaction.changes.iter().map(TransactionChange::cost).sum(),
            Op::Revise { changes, .. } => changes.iter().map(|change| RECORD + change.bytes()).sum(),
            Op::Touch { nodes, .. } => nodes.iter().map(|node| 2 * RECORD + node.len()).sum(),
            Op::Replace(_) | Op::Install { .. } | Op::Move(MoveOp::Fill { .. }) => MUCH,
            Op::Move(MoveOp::Replay { records, .. }) => {
                records.iter().map(|(_, record)| RECORD + 2 * record.len()).sum()
            }
            Op::Move(_)
            | Op::Create { .. }
            | Op::Delete
            | Op::Clear
            | Op::ClearLedger
            | Op::TrimLedger(_)
            | Op::KeepLedger(_)
            | Op::RemoveNode { .. }
            | Op::RemoveEdge { .. } => RECORD,
        }
    }

    /// Whether it may be made in parts.
    pub(crate) fn is_divisible(&self) -> bool {
        matches!(
            self.unkeyed(),
            Op::Touch { .. }
                | Op::RemoveNode { .. }
                | Op::RemoveEdge { .. }
                | Op::Revise { in_parts: true, .. }
        )
    }

    /// Calls `each` with the nodes whose records the mutation looks at, repeats included.
    pub(crate) fn for_each_node(&self, each: &mut dyn FnMut(&str)) {
        match self {
            Op::Once(_, op) => op.for_each_node(each),
            Op::AddNode { id, .. }
            | Op::AddMissingNode { id, .. }
            | Op::RemoveNode { id }
            | Op::AddVector { node: id, .. } => each(id),
            Op::AddEdge { source, target, .. } | Op::RemoveEdge { source, target } => {
                each(source);
                each(target);
            }
            Op::Batch(items) => items.iter().for_each(|item| item.for_each_node(each)),
            Op::Transaction(transaction) => {
                transaction.changes.iter().for_each(|change| change.for_each_node(each));
            }
            Op::Revise { changes, .. } => changes.iter().for_each(|change| change.for_each_node(each)),
            // Their values are read anyway.
            Op::Touch { .. } | Op::CompareAndSet { .. } | Op::Claim { .. } => {}
            Op::Create { .. }
            | Op::Delete
            | Op::Clear
            | Op::ClearLedger
            | Op::TrimLedger(_)
            | Op::KeepLedger(_)
            | Op::Replace(_)
            | Op::Install { .. }
            | Op::Move(_) => {}
        }
    }
}
