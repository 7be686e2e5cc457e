//! Changes that were worked out from an earlier state of the graph, and the refreshing of nodes.

use std::{borrow::Cow, collections::HashMap};

use serde::{Deserialize, Serialize};

use super::{
    apply::Outcome,
    edit::{Edit, take},
    error::GraphError,
    ledger::LedgerRecord,
    part::Progress,
    quota::Counted,
    record::decode_node,
};
use crate::{error::Result, keys, space::Space, view};

/// A change that is made only if what it was worked out from is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// Rewrites or removes a node that was there and whose property bytes are still `expected`.
    Node {
        /// Node id.
        id: String,
        /// Property bytes that were seen.
        expected: Vec<u8>,
        /// New property bytes; `None` removes the node with its edges and its embedding.
        properties: Option<Vec<u8>>,
    },
    /// Rewrites or removes one edge whose property bytes are still `expected`.
    Edge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// The sequence number that inserted the edge.
        sequence: u64,
        /// Property bytes that were seen.
        expected: Vec<u8>,
        /// New property bytes; `None` removes the edge, not its parallel ones.
        properties: Option<Vec<u8>>,
    },
    /// Adds an edge if both ends were there and are still.
    AddEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// Property bytes.
        properties: Vec<u8>,
    },
}

impl Revision {
    /// Bytes of ids and properties.
    pub fn bytes(&self) -> usize {
        let length = |properties: &Option<Vec<u8>>| properties.as_ref().map_or(0, Vec::len);
        match self {
            Revision::Node { id, expected, properties } => id.len() + expected.len() + length(properties),
            Revision::Edge { source, target, expected, properties, .. } => {
                source.len() + target.len() + expected.len() + length(properties)
            }
            Revision::AddEdge { source, target, properties } => {
                source.len() + target.len() + properties.len()
            }
        }
    }

    /// Calls `each` with the nodes whose records the change looks at.
    pub(super) fn for_each_node(&self, each: &mut dyn FnMut(&str)) {
        match self {
            Revision::AddEdge { source, target, .. } => {
                each(source);
                each(target);
            }
            // Their values are read anyway.
            Revision::Node { .. } | Revision::Edge { .. } => {}
        }
    }
}

/// What became of [`Revision`]s. Those that found something else than they expected are not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revised {
    /// Nodes rewritten.
    pub nodes_set: u64,
    /// Ids of the nodes removed.
    pub nodes_removed: Vec<String>,
    /// Edges rewritten.
    pub edges_set: u64,
    /// Edges removed on their own.
    pub edges_removed: u64,
    /// Edges removed with their nodes.
    pub edges_cascaded: u64,
    /// Edges added.
    pub edges_added: u64,
}

impl Revised {
    /// Adds what another part did.
    pub fn add(&mut self, other: Revised) {
        let Revised { nodes_set, nodes_removed, edges_set, edges_removed, edges_cascaded, edges_added } =
            other;
        self.nodes_set += nodes_set;
        self.nodes_removed.extend(nodes_removed);
        self.edges_set += edges_set;
        self.edges_removed += edges_removed;
        self.edges_cascaded += edges_cascaded;
        self.edges_added += edges_added;
    }
}

impl Edit<'_, '_> {
    /// Makes changes that were worked out from the state at the sequence number `since`. A node that was removed and added
    /// again behind it is another one, whatever its properties.
    pub(super) fn revise(
        &mut self,
        since: u64,
        revisions: &[Revision],
        reached: &Progress,
    ) -> Result<Outcome, GraphError> {
        // No node can have been added then, and revisions add none.
        let all_were_there = self.live.versions.topology <= since;
        // What is left of it is made or refused as a whole: it is known before whether all edges fit.
        let added = revisions[reached.next..].iter().filter(|left| matches!(left, Revision::AddEdge { .. }));
        self.may_add(Counted::Edges, self.live.state.edges, added.count() as u64)?;
        let mut revised = reached.revised.clone();
        let mut behind = reached.behind.clone();
        for (index, revision) in revisions.iter().enumerate().skip(reached.next) {
            let behind = behind.take();
            if self.is_spent() {
                return Ok(Outcome::unfinished(Progress {
                    next: index,
                    revised,
                    behind,
                    ..Progress::default()
                }));
            }
            match revision {
                Revision::Node { id, expected, properties } => {
                    if !self.node_is(id, since, expected)? {
                        continue;
                    }
                    match properties {
                        Some(properties) => {
                            self.set_node(id, properties)?;
                            revised.nodes_set += 1;
                        }
                        None => {
                            let before = self.live.state.edges;
                            let begun = Progress { behind, ..Progress::default() };
                            let rest = self.remove_node_in_parts(id, &begun)?;
                            revised.edges_cascaded += before - self.live.state.edges;
                            if let Some(rest) = rest {
                                return Ok(Outcome::unfinished(Progress { next: index, revised, ..rest }));
                            }
                            revised.nodes_removed.push(id.clone());
                        }
                    }
                }
                Revision::Edge { source, target, sequence, expected, properties } => {
                    let key = keys::edge(self.id(), source, target, *sequence);
                    if self.overlay.edge(&key)?.as_deref() != Some(expected) {
                        continue;
                    }
                    match properties {
                        Some(properties) => {
                            self.set_edge(source, target, *sequence, properties);
                            revised.edges_set += 1;
                        }
                        None => {
                            self.remove_one_edge(source, target, *sequence, &key)?;
                            revised.edges_removed += 1;
                        }
                    }
                }
                Revision::AddEdge { source, target, properties } => {
                    let both = if all_were_there {
                        self.has_node(source)? && self.has_node(target)?
                    } else {
                        self.was_there(source, since)? && self.was_there(target, since)?
                    };
                    if both {
                        self.add_edge(source, target, properties)?;
                        revised.edges_added += 1;
                    }
                }
            }
        }
        Ok(Outcome::Revised(revised))
    }

    /// Sets `confidence` to 1.0 and `last_access` to `now` (Unix seconds) of each node that is there with a property
    /// map; tells how many of `nodes` those are.
    pub(super) fn touch(
        &mut self,
        nodes: &[String],
        now: u64,
        reached: &Progress,
    ) -> Result<Outcome, GraphError> {
        let mut seen: HashMap<&str, bool> = HashMap::with_capacity(nodes.len());
        let mut touched = reached.touched;
        for (index, node) in nodes.iter().enumerate().skip(reached.next) {
            if self.is_spent() {
                return Ok(Outcome::unfinished(Progress { next: index, touched, ..Progress::default() }));
            }
            let is_map = match seen.get(node.as_str()) {
                Some(is_map) => *is_map,
                None => {
                    let is_map = self.touch_one(node, now)?;
                    seen.insert(node, is_map);
                    is_map
                }
            };
            touched += u64::from(is_map);
        }
        Ok(Outcome::Touched(touched))
    }

    fn touch_one(&mut self, node: &str, now: u64) -> Result<bool> {
        let key = keys::node(self.id(), node);
        let Some(value) = self.overlay.node(&key)?.map(Cow::into_owned) else { return Ok(false) };
        self.has_read(value.len());
        let (_, properties) = decode_node(&value)?;
        let Some(refreshed) = view::refreshed(properties, 1.0, now) else { return Ok(false) };
        let changed = refreshed != properties;
        if changed {
            self.set_node(node, &refreshed)?;
        }
        Ok(true)
    }

    /// Whether a node is there that was there at `since` with these properties.
    fn node_is(&self, node: &str, since: u64, expected: &[u8]) -> Result<bool> {
        match self.overlay.node(&keys::node(self.id(), node))? {
            Some(value) => {
                let (inserted, properties) = decode_node(&value)?;
                Ok(inserted <= since && properties == expected)
            }
            None => Ok(false),
        }
    }

    /// Whether a node is there that was there at `since`.
    fn was_there(&self, node: &str, since: u64) -> Result<bool> {
        match self.overlay.node(&keys::node(self.id(), node))? {
            Some(value) => Ok(decode_node(&value)?.0 <= since),
            None => Ok(false),
        }
    }

    fn has_node(&self, node: &str) -> Result<bool> {
        self.overlay.has_node(&keys::node(self.id(), node))
    }

    /// Rewrites the properties of an edge that is there.
    pub(super) fn set_edge(&mut self, source: &str, target: &str, sequence: u64, properties: &[u8]) {
        self.log(&LedgerRecord::SetEdge { source, target, edge: sequence, properties });
        self.overlay.put(Space::OutEdges, &keys::edge(self.id(), source, target, sequence), properties);
    }

    /// Rewrites the properties of a node that is there.
    pub(super) fn set_node(&mut self, node: &str, properties: &[u8]) -> Result<()> {
        let key = keys::node(self.id(), node);
        let old = self.old_node(&key)?;
        let sequence = self.log(&LedgerRecord::SetNode { id: node, properties });
        self.put_node(&key, node, old, sequence, properties);
        Ok(())
    }

    /// Removes one edge that is there. The ledger shows it when it was the last of its pair.
    pub(super) fn remove_one_edge(
        &mut self,
        source: &str,
        target: &str,
        sequence: u64,
        key: &[u8],
    ) -> Result<()> {
        let id = self.id();
        self.live.versions.topology = if self.overlay.has_parallel(&keys::pair(id, source, target), key)? {
            self.log(&LedgerRecord::RemoveParallel { source, target, edge: sequence })
        } else {
            self.log(&LedgerRecord::RemoveEdge { source, target })
        };
        self.overlay.delete(Space::InEdges, &keys::edge(id, target, source, sequence));
        self.overlay.delete(Space::OutEdges, key);
        take(&mut self.live.state.edges, 1)
    }
}
