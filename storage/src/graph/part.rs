//! Mutations that are made in parts: what one of them changes in one commit is bounded, so that the mutations of others do
//! not wait for all of it.

use super::{
    batch_ops::BatchOp,
    edit::{EdgesAt, Edit},
    error::GraphError,
    ledger::LedgerRecord,
    overlay::Overlay,
    record::bad_key,
    revise::Revised,
};
use crate::{
    error::{Result, StoreError},
    keys,
    limits::RequestLimits,
    space::Space,
};

/// Changes of records that one mutation makes in one part, about.
const PART_CHANGES: usize = 6_000;
/// Bytes that it reads or writes in one part, about.
const PART_BYTES: usize = 1 << 20;
/// A group that has so many changes, or bytes, gets no more mutations.
const GROUP_CHANGES: usize = 20_000;
const GROUP_BYTES: usize = 4 << 20;
/// An edge is three changes.
const PART_EDGES: usize = PART_CHANGES / 3;

/// How far a mutation has come that is made in parts: begin with the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The first of its items that is not done.
    pub(super) next: usize,
    /// Nodes touched.
    pub(super) touched: u64,
    /// What was revised.
    pub(super) revised: Revised,
    /// The last edge that was removed.
    pub(super) behind: Option<(Space, Vec<u8>)>,
}

impl Progress {
    /// The last edge that was removed, unless it was of another graph of this name.
    fn behind_in(&self, prefix: &[u8]) -> Option<&(Space, Vec<u8>)> {
        self.behind.as_ref().filter(|(_, key)| key.starts_with(prefix))
    }
}

/// What a mutation may change in the running group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Whether the rest of it may be left for the next group.
    divisible: bool,
    /// Bytes that a batch may write, which is not divided.
    batch_bytes: usize,
    /// Bytes of properties that a change of them may lead to.
    pub(super) value_bytes: usize,
    /// Where the group was when the mutation began.
    begun: (usize, usize),
    /// Bytes of records that were read.
    read: usize,
}

impl Part {
    pub(super) fn begin(overlay: &Overlay<'_>, divisible: bool, limits: &RequestLimits) -> Self {
        let &RequestLimits { batch_bytes, value_bytes, .. } = limits;
        Self { divisible, batch_bytes, value_bytes, begun: overlay.size(), read: 0 }
    }

    /// Whether what was changed is enough for one group.
    pub(super) fn fill_a_group(overlay: &Overlay<'_>) -> bool {
        let (changes, bytes) = overlay.size();
        changes >= GROUP_CHANGES || bytes >= GROUP_BYTES
    }

    /// Bytes that a batch may still write.
    fn room(&self, overlay: &Overlay<'_>) -> usize {
        self.batch_bytes.saturating_sub(overlay.size().1.saturating_sub(self.begun.1))
    }

    /// Fails when the mutation, a batch or a transaction, has written more than a batch may.
    pub(super) fn check_batch(&self, overlay: &Overlay<'_>) -> Result<()> {
        let written = overlay.size().1.saturating_sub(self.begun.1);
        if written <= self.batch_bytes {
            return Ok(());
        }
        Err(StoreError::OverBudget { entries: self.batch_bytes })
    }

    fn is_spent(&self, overlay: &Overlay<'_>) -> bool {
        let (changes, bytes) = overlay.size();
        let bytes = bytes.saturating_sub(self.begun.1) + self.read;
        self.divisible && (changes.saturating_sub(self.begun.0) >= PART_CHANGES || bytes >= PART_BYTES)
    }
}

impl Edit<'_, '_> {
    /// Fails when an item of a batch would remove more edges than the batch may write, before all of them are looked up.
    pub(super) fn check_removal(&self, item: &BatchOp) -> Result<()> {
        match item {
            BatchOp::RemoveNode { id } => self.check_edges_at(id),
            BatchOp::RemoveEdge { source, target } => self.check_edges_of(source, target),
            BatchOp::AddNode { .. } | BatchOp::AddEdge { .. } | BatchOp::Rejected(_) => Ok(()),
        }
    }

    /// Fails when removing the edges at a node would write more than the batch may.
    pub(super) fn check_edges_at(&self, node: &str) -> Result<()> {
        self.check_edges(&[Space::OutEdges, Space::InEdges], &keys::edges_at(self.id(), node))
    }

    /// Fails when removing the edges of a pair would write more than the batch may.
    pub(super) fn check_edges_of(&self, source: &str, target: &str) -> Result<()> {
        self.check_edges(&[Space::OutEdges], &keys::pair(self.id(), source, target))
    }

    fn check_edges(&self, spaces: &[Space], prefix: &[u8]) -> Result<()> {
        // Two keys of each edge are written, both longer than this.
        let most = self.part.room(&*self.overlay) / (2 * prefix.len());
        if self.live.state.edges <= most as u64 {
            return Ok(());
        }
        let mut found = 0;
        for space in spaces {
            found += self.overlay.edge_keys_behind(*space, prefix, None, most + 1 - found)?.len();
            if found > most {
                return Err(StoreError::OverBudget { entries: self.part.batch_bytes });
            }
        }
        Ok(())
    }

    /// Counts bytes that were read.
    pub(super) fn has_read(&mut self, bytes: usize) {
        self.part.read += bytes;
    }

    /// Whether what is left of the mutation is to wait for the next group.
    pub(super) fn is_spent(&self) -> bool {
        self.part.is_spent(&*self.overlay)
    }

    fn most_edges(&self) -> usize {
        if self.part.divisible { PART_EDGES } else { usize::MAX }
    }

    /// Removes a node as [`Edit::remove_node`], the edges of one that has many in parts; they go first then.
    pub(super) fn remove_node_in_parts(
        &mut self,
        node: &str,
        reached: &Progress,
    ) -> Result<Option<Progress>, GraphError> {
        let id = self.id();
        let key = keys::node(id, node);
        let Some(old) = self.old_node(&key)? else { return Ok(None) };
        let (most, prefix) = (self.most_edges(), keys::edges_at(id, node));
        let (out_behind, in_behind) = match reached.behind_in(&prefix) {
            Some((Space::OutEdges, key)) => (Some(key.as_slice()), None),
            Some((_, key)) => (None, Some(key.as_slice())),
            None => (None, None),
        };
        let keys_of = |space, behind, most| self.overlay.edge_keys_behind(space, &prefix, behind, most);
        let ask = most.saturating_add(1);
        let outgoing =
            if in_behind.is_some() { Vec::new() } else { keys_of(Space::OutEdges, out_behind, ask)? };
        let incoming = keys_of(Space::InEdges, in_behind, ask - outgoing.len())?;
        if outgoing.len() + incoming.len() <= most {
            self.remove_node_with(node, &key, &old, EdgesAt { outgoing, incoming })?;
            return Ok(None);
        }
        let edges = outgoing.into_iter().map(|edge| (Space::OutEdges, edge));
        let edges: Vec<_> =
            edges.chain(incoming.into_iter().map(|edge| (Space::InEdges, edge))).take(most).collect();
        for (space, edge) in &edges {
            let (other, sequence) = keys::edge_tail(edge, &prefix).ok_or_else(|| bad_key(*space, edge))?;
            if *space == Space::OutEdges {
                self.drop_edge(node, &other, sequence)?;
            } else if other != node {
                self.drop_edge(&other, node, sequence)?;
            }
        }
        Ok(Some(Progress { behind: edges.into_iter().next_back(), ..reached.clone() }))
    }

    /// Removes the edges of a pair as [`Edit::remove_edge`], many in parts.
    pub(super) fn remove_edge_in_parts(
        &mut self,
        source: &str,
        target: &str,
        reached: &Progress,
    ) -> Result<Option<Progress>, GraphError> {
        let id = self.id();
        if !self.overlay.has_node(&keys::node(id, source))?
            || !self.overlay.has_node(&keys::node(id, target))?
        {
            return Ok(None);
        }
        let most = self.most_edges();
        let pair = keys::pair(id, source, target);
        let behind = reached.behind_in(&pair).map(|(_, key)| key.as_slice());
        let mut edges =
            self.overlay.edge_keys_behind(Space::OutEdges, &pair, behind, most.saturating_add(1))?;
        if edges.len() <= most {
            self.remove_edges_with(source, target, edges)?;
            return Ok(None);
        }
        edges.truncate(most);
        for edge in &edges {
            let sequence = keys::sequence_of(edge).ok_or_else(|| bad_key(Space::OutEdges, edge))?;
            self.drop_edge(source, target, sequence)?;
        }
        Ok(Some(Progress { behind: edges.pop().map(|key| (Space::OutEdges, key)), ..reached.clone() }))
    }

    /// Removes one edge that is there, which the ledger does not show: what goes with it is shown.
    pub(super) fn drop_edge(&mut self, source: &str, target: &str, sequence: u64) -> Result<()> {
        let id = self.id();
        self.live.versions.topology =
            self.log(&LedgerRecord::RemoveParallel { source, target, edge: sequence });
        self.overlay.delete(Space::InEdges, &keys::edge(id, target, source, sequence));
        self.overlay.delete(Space::OutEdges, &keys::edge(id, source, target, sequence));
        super::edit::take(&mut self.live.state.edges, 1)
    }
}
