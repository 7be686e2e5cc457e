//! The mutations, and what each does to the group.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    batch_ops::{BatchOp, BatchReport},
    catalog::GraphType,
    error::GraphError,
    ledger::LedgerRecord,
    ledger_keep::LedgerKeep,
    load::LoadedGraph,
    moves::MoveOp,
    once::Once,
    optimistic::{OptimisticTransaction, TransactionChange},
    part::Progress,
    revise::{Revised, Revision},
    state::GraphState,
    store::Asking,
    transaction::{Creator, Transaction},
    trim::Trim,
};
use crate::{keys::GraphId, limits};

/// A mutation of the named graph.
#[derive(Debug)]
pub struct Write {
    /// Exact graph name.
    pub graph: Arc<str>,
    /// What to do.
    pub op: Op,
}

/// The mutations. Each is atomic, but for what [`super::GraphStore::commit_in_parts`] does; a [`Op::Batch`] reports items
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
        /// Whether many of them may be made in parts ([`super::GraphStore::commit_in_parts`]).
        in_parts: bool,
    },
    /// Drops the ledger's records.
    ClearLedger,
    /// Drops the oldest of the ledger's records ([`super::GraphStore::trim_ledger`]); nothing when they are not the oldest
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

/// Bytes of a record beside its ids and values, roughly.
pub(super) const RECORD: usize = 64;

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
    pub(super) fn is_always_durable(&self) -> bool {
        matches!(self.unkeyed(), Op::Replace(_) | Op::Install { .. } | Op::Move(_))
    }

    /// The records that it puts into its graph as a whole.
    pub(super) fn loaded(&self) -> Option<&LoadedGraph> {
        if let Op::Replace(loaded) | Op::Install { loaded, .. } | Op::Move(MoveOp::Fill { loaded, .. }) =
            self.unkeyed()
        {
            Some(loaded)
        } else {
            None
        }
    }

    /// Whether it gives more room back than it takes, so that it may be done on a full disk.
    pub(super) fn frees_room(&self) -> bool {
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
    fn is_divisible(&self) -> bool {
        matches!(
            self.unkeyed(),
            Op::Touch { .. }
                | Op::RemoveNode { .. }
                | Op::RemoveEdge { .. }
                | Op::Revise { in_parts: true, .. }
        )
    }

    /// Calls `each` with the nodes whose records the mutation looks at, repeats included.
    pub(super) fn for_each_node(&self, each: &mut dyn FnMut(&str)) {
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

/// Result of a mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done.
    Done,
    /// A batch ran.
    Batch(BatchReport),
    /// Nodes touched.
    Touched(u64),
    /// Whether a change that depends on its node was made.
    Decided(bool),
    /// The node that was claimed and its properties; none when it was not as expected.
    Claimed(Option<(String, Vec<u8>)>),
    /// What became of a transaction.
    Transaction {
        /// Whether its changes were made: all, or none.
        made: bool,
        /// Whether that was before, under the same key ([`Op::Once`]).
        replayed: bool,
    },
    /// Revisions were made.
    Revised(Revised),
    /// A part was done, or nothing: the rest is to be committed next, from there on, before anything else of its graph. Only
    /// of [`super::GraphStore::commit_in_parts`].
    #[serde(skip)]
    Unfinished(Box<Progress>),
}

impl Outcome {
    pub(super) fn unfinished(progress: Progress) -> Self {
        Outcome::Unfinished(Box::new(progress))
    }

    fn of_rest(rest: Option<Progress>) -> Self {
        rest.map_or(Outcome::Done, Outcome::unfinished)
    }

    /// What is answered to whoever asks for the same again.
    pub(super) fn again(self) -> Self {
        if let Outcome::Transaction { made, .. } = self {
            return Outcome::Transaction { made, replayed: true };
        }
        self
    }

    /// Whether a key stands for it from now on. A transaction or a claim that met a conflict did nothing and may be tried
    /// again; the key of what is made in parts goes with the last one.
    pub(super) fn is_kept(&self) -> bool {
        !matches!(
            self,
            Outcome::Transaction { made: false, .. } | Outcome::Claimed(None) | Outcome::Unfinished(_)
        )
    }
}

impl Transaction<'_> {
    /// Applies one mutation to the group. An error leaves the group as it was, except
    /// [`GraphError::Store`], after which the group must be dropped.
    pub(super) fn apply(&mut self, write: &Write, reached: &Progress) -> Result<Outcome, GraphError> {
        let name = &write.graph;
        if self.is_full() || self.unfinished.contains(name) {
            // It waits for the next group; what comes behind it in its graph does so too.
            self.unfinished.insert(Arc::clone(name));
            return Ok(Outcome::unfinished(reached.clone()));
        }
        self.begin_part(write.op.is_divisible());
        let outcome = self.apply_op(name, &write.op, reached);
        self.settle(name);
        if let Op::Move(MoveOp::Admit { rename: Some(rename), .. }) = &write.op {
            self.settle(&rename.name);
        }
        if matches!(outcome, Ok(Outcome::Unfinished(_))) {
            self.unfinished.insert(Arc::clone(name));
        }
        outcome
    }

    pub(super) fn apply_op(
        &mut self,
        name: &Arc<str>,
        op: &Op,
        reached: &Progress,
    ) -> Result<Outcome, GraphError> {
        match op {
            Op::Once(once, op) => return self.apply_once(name, *once, op, reached),
            Op::Create { kind, owner, tenant } => {
                if self.live(name).is_some() {
                    // It is on every store, wherever its content is.
                    if **name == *super::COMMONS {
                        return Err(GraphError::GraphExists(name.to_string()));
                    }
                    self.existing(name)?;
                    self.claim(name, tenant.as_deref())?;
                    return Err(GraphError::GraphExists(name.to_string()));
                }
                self.may_create(name, Asking::Client)?;
                owner.iter().try_for_each(|owner| limits::check_name("agent_id", owner))?;
                tenant.iter().try_for_each(|tenant| limits::check_name("tenant", tenant))?;
                self.has_room(name, tenant.as_deref(), owner.as_deref(), &GraphState::default())?;
                let id = self.allocate_id();
                let creator = Creator { owner: owner.clone(), tenant: tenant.clone(), ..Creator::default() };
                self.insert(name, id, *kind, creator, GraphState::default());
                self.has_change_at(name, 0);
                self.edit(name)?.log_beginning(&LedgerRecord::Created);
            }
            Op::Delete => {
                if **name == *super::COMMONS {
                    return Err(GraphError::CannotDeleteCommons);
                }
                let id = GraphId(self.unfenced(name)?.entry.id);
                self.remove(name, id);
            }
            Op::Clear => {
                let sequence = self.edit(name)?.live.state.sequence;
                let id = self.allocate_id();
                self.swap(name, id, GraphState { sequence, ..GraphState::default() })?;
                self.edit(name)?.log_beginning(&LedgerRecord::Cleared);
            }
            Op::AddNode { id, properties } => self.edit(name)?.add_node(id, properties)?,
            Op::AddMissingNode { id, properties } => {
                return self.edit(name)?.add_missing_node(id, properties).map(Outcome::Decided);
            }
            Op::CompareAndSet { node, conditions, updates } => {
                return self.edit(name)?.compare_and_set(node, conditions, updates).map(Outcome::Decided);
            }
            Op::Claim { node, conditions, updates } => {
                return self.edit(name)?.claim(node, conditions, updates).map(Outcome::Claimed);
            }
            Op::RemoveNode { id } => {
                return self.edit(name)?.remove_node_in_parts(id, reached).map(Outcome::of_rest);
            }
            Op::AddEdge { source, target, properties } => {
                self.edit(name)?.add_edge(source, target, properties)?
            }
            Op::RemoveEdge { source, target } => {
                return self.edit(name)?.remove_edge_in_parts(source, target, reached).map(Outcome::of_rest);
            }
            Op::AddVector { node, components } => self.edit(name)?.add_vector(node, components)?,
            Op::Batch(items) => return self.edit(name)?.batch(items).map(Outcome::Batch),
            Op::Transaction(transaction) => {
                let made = self.edit(name)?.transact(transaction)?;
                let report = transaction.report.clone().filter(|_| made).map(Outcome::Batch);
                return Ok(report.unwrap_or(Outcome::Transaction { made, replayed: false }));
            }
            Op::Touch { nodes, now } => return self.edit(name)?.touch(nodes, *now, reached),
            Op::Revise { of, since, changes, in_parts: _ } => {
                let mut edit = self.edit(name)?;
                if edit.id() != *of {
                    return Err(GraphError::GraphReplaced(name.to_string()));
                }
                return edit.revise(*since, changes, reached);
            }
            Op::ClearLedger => self.edit(name)?.clear_ledger(),
            Op::TrimLedger(trim) => self.edit_upkeep(name)?.trim_ledger(trim)?,
            Op::KeepLedger(keep) => {
                let live = self.unfenced(name)?;
                live.entry.ledger_keep = *keep;
                let (standing, epoch) = (live.entry.standing.clone(), live.entry.epoch);
                self.stand(name, standing, epoch)?;
            }
            Op::Replace(loaded) => {
                let (id, records, state) = loaded.parts();
                let edit = self.edit(name)?;
                edit.room.as_ref().map_or(Ok(()), |room| room.check_graph(&state))?;
                let old = edit.live.state.sequence;
                self.keep_id();
                self.swap(name, id, GraphState { sequence: state.sequence.max(old), ..state })?;
                self.overlay.append(records);
                self.has_change_at(name, loaded.newest_ms());
                self.edit(name)?.log_beginning(&LedgerRecord::Replaced);
            }
            Op::Install { loaded, kind, owner, replace } => {
                let doomed = self.live(name).map(|live| (live.entry.clone(), live.state.sequence));
                if doomed.is_some() && !*replace && !self.has_empty_commons(name) {
                    self.existing(name)?;
                    return Err(GraphError::GraphExists(name.to_string()));
                }
                let tenant = match doomed {
                    Some(_) => {
                        self.unfenced(name)?;
                        self.may_fill_commons(name, Asking::Import)?;
                        self.claim(name, loaded.tenant())?
                    }
                    None => {
                        self.may_create(name, Asking::Import)?;
                        loaded.tenant().map(str::to_owned)
                    }
                };
                let (id, records, mut state) = loaded.parts();
                self.has_room(name, tenant.as_deref(), owner.as_deref(), &state)?;
                self.keep_id();
                if let Some((doomed, sequence)) = &doomed {
                    self.remove(name, GraphId(doomed.id));
                    state.sequence = state.sequence.max(*sequence);
                }
                let kind = if **name == *super::COMMONS { GraphType::Commons } else { *kind };
                let kept = doomed.as_ref().and_then(|(doomed, _)| doomed.ledger_keep);
                let ledger_keep = loaded.ledger_keep().or(kept);
                self.insert(name, id, kind, Creator { owner: owner.clone(), tenant, ledger_keep }, state);
                self.overlay.append(records);
                self.has_change_at(name, loaded.newest_ms());
                if let Some((doomed, _)) = doomed {
                    self.keep_tenure(name, doomed.arrived, doomed.epoch)?;
                    self.edit(name)?.log_beginning(&LedgerRecord::Replaced);
                }
            }
            Op::Move(step) => self.apply_move(name, step)?,
        }
        Ok(Outcome::Done)
    }
}
