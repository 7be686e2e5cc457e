//! What a graph must hold, and what each change makes of it.

use std::collections::BTreeMap;

use super::aging;
use crate::wire::{Value, map, pack};

/// One change that a `BatchUpdate` may hold, too.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Adds a node or replaces its properties.
    AddNode { id: String, properties: Value },
    /// Removes a node and its edges.
    RemoveNode { id: String },
    /// Adds a parallel edge between existing nodes.
    AddEdge { source: String, target: String, properties: Value },
    /// Removes all parallel edges of a pair.
    RemoveEdge { source: String, target: String },
}

/// A node as it is expected.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Property bytes; of a touched node as [`aging::comparable`] has them.
    pub(super) properties: Vec<u8>,
    /// Nodes that were inserted later have a higher number.
    pub(super) inserted: u64,
}

/// Two nodes are the same when their properties are.
impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.properties == other.properties
    }
}

impl Eq for Node {}

/// Content of one graph, or of one domain's part of the main graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GraphState {
    pub(super) nodes: BTreeMap<String, Node>,
    /// Property bytes of the parallel edges, oldest first, by source and target.
    pub(super) edges: BTreeMap<(String, String), Vec<Vec<u8>>>,
    /// Components by node.
    pub(super) embeddings: BTreeMap<String, Vec<u32>>,
    /// Ledger lines, oldest first.
    pub(super) ledger: Vec<String>,
}

impl GraphState {
    /// Applies a change and writes its ledger line, by the rules of the protocol.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::AddNode { id, properties } => {
                let bytes = pack(properties);
                self.ledger.push(format!("ADD_NODE|{id}|{}", hex::encode(&bytes)));
                self.put_node(id, bytes);
            }
            Change::RemoveNode { id } => self.remove_node(id),
            Change::AddEdge { source, target, properties } => {
                if self.has_both(source, target) {
                    self.add_edge(source, target, pack(properties));
                }
            }
            Change::RemoveEdge { source, target } => {
                if self.has_both(source, target) {
                    self.ledger.push(format!("REMOVE_EDGE|{source}|{target}"));
                    self.edges.remove(&(source.clone(), target.clone()));
                }
            }
        }
    }

    /// Adds a node or replaces its properties, without a ledger line.
    pub(super) fn put_node(&mut self, id: &str, properties: Vec<u8>) {
        let newest = self.nodes.values().map(|node| node.inserted).max().unwrap_or_default();
        let node =
            self.nodes.entry(id.to_owned()).or_insert(Node { properties: Vec::new(), inserted: newest + 1 });
        node.properties = properties;
    }

    fn add_edge(&mut self, source: &str, target: &str, properties: Vec<u8>) {
        self.ledger.push(format!("ADD_EDGE|{source}|{target}|{}", hex::encode(&properties)));
        self.edges.entry((source.to_owned(), target.to_owned())).or_default().push(properties);
    }

    fn remove_node(&mut self, id: &str) {
        if self.nodes.remove(id).is_some() {
            self.ledger.push(format!("REMOVE_NODE|{id}"));
            self.edges.retain(|(source, target), _| source != id && target != id);
            self.embeddings.remove(id);
        }
    }

    /// `TouchNodes`
    pub(super) fn touch(&mut self, ids: &[String]) {
        for id in ids {
            if let Some(node) = self.nodes.get_mut(id) {
                node.properties = aging::touched(&node.properties);
            }
        }
    }

    /// `DecaySweep` or `PruneByLifecycle`, by which all aged nodes go.
    pub(super) fn remove_aged(&mut self) {
        let aged = self.nodes.iter().filter(|(_, node)| aging::is_aged(&node.properties));
        let aged: Vec<String> = aged.map(|(id, _)| id.clone()).collect();
        aged.iter().for_each(|id| self.remove_node(id));
    }

    /// `EvictLRU` that leaves the touched nodes: first those go that have no time, then the aged ones.
    pub(super) fn evict_untouched(&mut self) {
        let untouched = self.nodes.iter().filter(|(_, node)| !aging::is_touched(&node.properties));
        let mut order: Vec<(bool, u64, String)> = untouched
            .map(|(id, node)| (aging::is_aged(&node.properties), node.inserted, id.clone()))
            .collect();
        order.sort();
        order.iter().for_each(|(_, _, id)| self.remove_node(id));
    }

    /// `CompactNodesByType` that leaves so many of the newest nodes; all nodes have the same type.
    pub(super) fn compact(&mut self, left: usize) {
        let mut order: Vec<(u64, String)> =
            self.nodes.iter().map(|(id, node)| (node.inserted, id.clone())).collect();
        order.sort();
        order.truncate(order.len().saturating_sub(left));
        order.iter().for_each(|(_, id)| self.remove_node(id));
    }

    /// `RunDatalogReasoning`, by which the property `property`, that all edges have, is symmetric.
    pub(super) fn reason(&mut self, property: &str) {
        let inferred = pack(&map([("inferred", true.into()), ("type", property.into())]));
        let missing = self.edges.keys().map(|(source, target)| (target.clone(), source.clone()));
        let missing: Vec<_> = missing.filter(|pair| !self.edges.contains_key(pair)).collect();
        for (source, target) in missing {
            self.add_edge(&source, &target, inferred.clone());
        }
    }

    /// The ledger with the lines of one run of reasoning in the order of their text: it may infer in any order.
    pub(super) fn comparable_ledger(&self) -> Vec<&str> {
        let inferred = hex::encode(pack(&"inferred".into()));
        let mut lines: Vec<&str> = self.ledger.iter().map(String::as_str).collect();
        for run in lines.chunk_by_mut(|a, b| a.contains(&inferred) && b.contains(&inferred)) {
            if run.len() > 1 {
                run.sort_unstable();
            }
        }
        lines
    }

    /// The same content with an empty ledger.
    pub(super) fn without_ledger(&self) -> GraphState {
        GraphState { ledger: Vec::new(), ..self.clone() }
    }

    fn has_both(&self, source: &str, target: &str) -> bool {
        self.nodes.contains_key(source) && self.nodes.contains_key(target)
    }
}
