//! Mutations that are made in parts: what one of them changes in one commit is bounded, so that the mutations of others do
//! not wait for all of it.

use crate::{
    error::Result,
    graph::{
        error::GraphError,
        ledger::record::LedgerRecord,
        read::node_record::bad_key,
        write::{
            outcome::Outcome,
            part::{PART_EDGES, Progress},
            record_changes::{EdgesAt, Edit, decrement},
        },
    },
    keys,
    mutation::Mutation,
    space::Space,
};

impl Edit<'_, '_> {
    /// Makes one change, a long removal in parts.
    pub(crate) fn one(&mut self, mutation: &Mutation, reached: &Progress) -> Result<Outcome, GraphError> {
        let rest = match mutation {
            Mutation::RemoveNode { id } => self.remove_node_in_parts(id, reached)?,
            Mutation::RemoveEdge { source, target } => self.remove_edge_in_parts(source, target, reached)?,
            Mutation::CompareAndSet { .. } => return self.make(mutation).map(Outcome::Decided),
            Mutation::AddNode { .. }
            | Mutation::AddEdge { .. }
            | Mutation::ReplaceEdges { .. }
            | Mutation::AddEmbedding { .. } => {
                self.make(mutation)?;
                None
            }
        };
        Ok(rest.map_or(Outcome::Done, Outcome::unfinished))
    }

    /// Fails when the change would remove more edges than its batch or transaction may still write, before all of them are
    /// looked up.
    pub(crate) fn check_cascade(&self, change: &Mutation) -> Result<(), GraphError> {
        match change {
            Mutation::RemoveNode { id } => self.check_edges_at(id),
            Mutation::ReplaceEdges { source, target, .. } | Mutation::RemoveEdge { source, target } => {
                self.check_edges_of(source, target)
            }
            Mutation::AddNode { .. }
            | Mutation::AddEdge { .. }
            | Mutation::CompareAndSet { .. }
            | Mutation::AddEmbedding { .. } => Ok(()),
        }
    }

    /// Fails when removing the edges at a node would write more than the batch may.
    fn check_edges_at(&self, node: &str) -> Result<(), GraphError> {
        self.check_edges(&[Space::OutEdges, Space::InEdges], &keys::edges_at(self.id(), node))
    }

    /// Fails when removing the edges of a pair would write more than the batch may.
    fn check_edges_of(&self, source: &str, target: &str) -> Result<(), GraphError> {
        self.check_edges(&[Space::OutEdges], &keys::pair(self.id(), source, target))
    }

    fn check_edges(&self, spaces: &[Space], prefix: &[u8]) -> Result<(), GraphError> {
        // Two keys of each edge are written, both longer than this.
        let most = self.part.room(&*self.overlay) / (2 * prefix.len());
        if self.working.counters.edges <= most as u64 {
            return Ok(());
        }
        let mut found = 0;
        for space in spaces {
            found += self.overlay.edge_keys_behind(*space, prefix, None, most + 1 - found)?.len();
            if found > most {
                return Err(self.part.batch_too_large().into());
            }
        }
        Ok(())
    }

    /// Counts bytes that were read.
    pub(crate) fn has_read(&mut self, bytes: usize) {
        self.part.read += bytes;
    }

    /// Whether what is left of the mutation is to wait for the next group.
    pub(crate) fn is_spent(&self) -> bool {
        self.part.is_spent(&*self.overlay)
    }

    fn most_edges(&self) -> usize {
        if self.part.divisible { PART_EDGES } else { usize::MAX }
    }

    /// Removes a node as [`Edit::remove_node`], the edges of one that has many in parts; they go first then.
    pub(crate) fn remove_node_in_parts(
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
    fn remove_edge_in_parts(
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
    pub(crate) fn drop_edge(&mut self, source: &str, target: &str, sequence: u64) -> Result<()> {
        let id = self.id();
        self.working.versions.topology =
            self.log(&LedgerRecord::RemoveParallel { source, target, edge: sequence });
        self.overlay.delete(Space::InEdges, &keys::edge(id, target, source, sequence));
        self.overlay.delete(Space::OutEdges, &keys::edge(id, source, target, sequence));
        decrement(&mut self.working.counters.edges, 1)
    }
}
