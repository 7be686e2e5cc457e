//! Conditional (compare-and-set) changes: applied only if the record still has the expected bytes. And touching
//! nodes.

use std::{borrow::Cow, collections::HashMap};

use crate::{
    error::Result,
    graph::{
        error::GraphError,
        ledger::record::LedgerRecord,
        quota::counts::Counted,
        read::node_record::decode_node,
        write::{
            conditional_change::ConditionalChange,
            outcome::Outcome,
            part::Progress,
            record_changes::{Edit, decrement},
        },
    },
    keys, properties,
    space::Space,
};

impl Edit<'_, '_> {
    /// Makes changes that were worked out from the state at the sequence number `since`. A node that was removed and added
    /// again behind it is another one, whatever its properties.
    pub(crate) fn conditional(
        &mut self,
        since: u64,
        revisions: &[ConditionalChange],
        reached: &Progress,
    ) -> Result<Outcome, GraphError> {
        // No node can have been added then, and revisions add none.
        let all_were_there = self.working.versions.topology <= since;
        // What is left of it is made or refused as a whole: it is known before whether all edges fit.
        let added =
            revisions[reached.next..].iter().filter(|left| matches!(left, ConditionalChange::AddEdge { .. }));
        self.may_add(Counted::Edges, self.working.counters.edges, added.count() as u64)?;
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
                ConditionalChange::Node { id, expected, properties } => {
                    if !self.node_is(id, since, expected)? {
                        continue;
                    }
                    match properties {
                        Some(properties) => {
                            self.set_node(id, properties)?;
                            revised.nodes_set += 1;
                        }
                        None => {
                            let before = self.working.counters.edges;
                            let begun = Progress { behind, ..Progress::default() };
                            let rest = self.remove_node_in_parts(id, &begun)?;
                            revised.edges_cascaded += before - self.working.counters.edges;
                            if let Some(rest) = rest {
                                return Ok(Outcome::unfinished(Progress { next: index, revised, ..rest }));
                            }
                            revised.nodes_removed.push(id.clone());
                        }
                    }
                }
                ConditionalChange::Edge { source, target, sequence, expected, properties } => {
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
                ConditionalChange::AddEdge { source, target, properties } => {
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
        Ok(Outcome::Conditional(revised))
    }

    /// Sets `confidence` to 1.0 and `last_access` to `now` (Unix seconds) of each node that is there with a property
    /// map; tells how many of `nodes` those are.
    pub(crate) fn touch(
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
        let Some(refreshed) = properties::with_confidence(properties, 1.0, now) else { return Ok(false) };
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
    pub(crate) fn set_edge(&mut self, source: &str, target: &str, sequence: u64, properties: &[u8]) {
        self.log(&LedgerRecord::SetEdge { source, target, edge: sequence, properties });
        self.overlay.put(Space::OutEdges, &keys::edge(self.id(), source, target, sequence), properties);
    }

    /// Rewrites the properties of a node that is there.
    pub(crate) fn set_node(&mut self, node: &str, properties: &[u8]) -> Result<()> {
        let key = keys::node(self.id(), node);
        let old = self.old_node(&key)?;
        let sequence = self.log(&LedgerRecord::SetNode { id: node, properties });
        self.put_node(&key, node, old, sequence, properties);
        Ok(())
    }

    /// Removes one edge that is there. The ledger shows it when it was the last of its pair.
    pub(crate) fn remove_one_edge(
        &mut self,
        source: &str,
        target: &str,
        sequence: u64,
        key: &[u8],
    ) -> Result<()> {
        let id = self.id();
        self.working.versions.topology = if self.overlay.has_parallel(&keys::pair(id, source, target), key)? {
            self.log(&LedgerRecord::RemoveParallel { source, target, edge: sequence })
        } else {
            self.log(&LedgerRecord::RemoveEdge { source, target })
        };
        self.overlay.delete(Space::InEdges, &keys::edge(id, target, source, sequence));
        self.overlay.delete(Space::OutEdges, key);
        decrement(&mut self.working.counters.edges, 1)
    }
}
