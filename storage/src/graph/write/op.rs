//! The mutations: what a write asks for.

use std::sync::Arc;

use crate::{
    graph::{
        catalog::entry::GraphType,
        ledger::retention::{LedgerKeep, Trim},
        load::loaded::LoadedGraph,
        moves::step::MoveOp,
        write::{
            conditional_change::ConditionalChange, idempotency::Once, optimistic::OptimisticTransaction,
        },
    },
    keys::GraphId,
    mutation::{Mutation, RECORD},
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
    /// Makes one change.
    One(Mutation),
    /// Adds a node unless there is one.
    AddMissingNode {
        /// Node id.
        id: String,
        /// Property bytes, stored as they are.
        properties: Vec<u8>,
    },
    /// As [`Mutation::CompareAndSet`], answered with the node.
    Claim {
        /// Node id.
        node: String,
        /// A MessagePack map of the expected fields.
        conditions: Vec<u8>,
        /// A MessagePack map of the new ones.
        updates: Vec<u8>,
    },
    /// Makes many changes in order. One that cannot be made is reported and the others are made; so is an item that was not
    /// understood, in the words given for it.
    Batch(Vec<Result<Mutation, String>>),
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
    Conditional {
        /// The graph they were worked out from; another one of its name, or its successor after a clear, is refused.
        of: GraphId,
        /// The sequence number of that state.
        since: u64,
        /// The changes.
        changes: Vec<ConditionalChange>,
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
    /// Gives the graph another owner, or none. What it counts for is another tenant then, where its name and its creation tell
    /// none: that is not refused, whatever quota that one has.
    SetOwner(Option<String>),
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
    /// Makes many changes in order; those that cannot be made are reported.
    pub fn batch(mutations: impl IntoIterator<Item = Mutation>) -> Self {
        Op::Batch(mutations.into_iter().map(Ok).collect())
    }

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
            | Op::One(_)
            | Op::AddMissingNode { .. }
            | Op::Claim { .. }
            | Op::Batch(_)
            | Op::Transaction(_)
            | Op::Touch { .. }
            | Op::Conditional { .. }
            | Op::KeepLedger(_)
            | Op::SetOwner(_)
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
            Op::One(mutation) => mutation.cost(),
            Op::AddMissingNode { id, properties } => RECORD + 2 * (id.len() + properties.len()),
            Op::Once(_, op) => RECORD + op.cost(),
            // The node may be much larger than what is put into it.
            Op::Claim { node, conditions, updates } => {
                2 * RECORD + node.len() + conditions.len() + 2 * updates.len()
            }
            Op::Batch(items) => items.iter().map(Op::item_cost).sum(),
            Op::Transaction(transaction) => transaction.changes.iter().map(Mutation::cost).sum(),
            Op::Conditional { changes, .. } => changes.iter().map(|change| RECORD + change.bytes()).sum(),
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
            | Op::SetOwner(_) => RECORD,
        }
    }

    /// [`Op::cost`] of an item of a batch.
    pub fn item_cost(item: &Result<Mutation, String>) -> usize {
        item.as_ref().map_or_else(|reason| RECORD + 2 * reason.len(), Mutation::cost)
    }

    /// Whether it may be made in parts.
    pub(crate) fn is_divisible(&self) -> bool {
        matches!(
            self.unkeyed(),
            Op::Touch { .. }
                | Op::One(Mutation::RemoveNode { .. } | Mutation::RemoveEdge { .. })
                | Op::Conditional { in_parts: true, .. }
        )
    }

    /// Calls `each` with the nodes whose records the mutation looks at, repeats included.
    pub(crate) fn for_each_node(&self, each: &mut dyn FnMut(&str)) {
        match self {
            Op::Once(_, op) => op.for_each_node(each),
            // Its value is read anyway.
            Op::One(Mutation::CompareAndSet { .. }) => {}
            Op::One(mutation) => mutation.for_each_node(each),
            Op::AddMissingNode { id, .. } => each(id),
            Op::Batch(items) => items.iter().flatten().for_each(|mutation| mutation.for_each_node(each)),
            Op::Transaction(transaction) => {
                transaction.changes.iter().for_each(|change| change.for_each_node(each));
            }
            Op::Conditional { changes, .. } => changes.iter().for_each(|change| change.for_each_node(each)),
            // Their values are read anyway.
            Op::Touch { .. } | Op::Claim { .. } => {}
            Op::Create { .. }
            | Op::Delete
            | Op::Clear
            | Op::ClearLedger
            | Op::TrimLedger(_)
            | Op::KeepLedger(_)
            | Op::SetOwner(_)
            | Op::Replace(_)
            | Op::Install { .. }
            | Op::Move(_) => {}
        }
    }
}

impl From<Mutation> for Op {
    fn from(mutation: Mutation) -> Self {
        Op::One(mutation)
    }
}
