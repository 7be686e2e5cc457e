//! What a graph holds behind a prefix of its changes.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::event::Change;

/// Content of a graph.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Property bytes by node.
    pub(super) nodes: BTreeMap<String, Vec<u8>>,
    /// Property bytes of the parallel edges, oldest first, by source and target; no pair without edges.
    pub(super) edges: BTreeMap<(String, String), Vec<Vec<u8>>>,
    /// Components by node.
    pub(super) embeddings: BTreeMap<String, Vec<u8>>,
    /// Number and digest of the ledger lines.
    pub(super) lines: Lines,
    /// Digests of the first records of the change log, by their number; the last is that of all.
    pub(super) changes: Vec<u64>,
}

/// Number and digest of a list of ledger lines, in order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) count: u64,
    pub(super) digest: u64,
}

impl Lines {
    pub(super) fn push(&mut self, line: &str) {
        self.count += 1;
        self.digest = digest(&(self.digest, line));
    }
}

/// Digest of a record of the change log; those of several are added up.
pub(super) fn record_digest(sequence: u64, record: &[u8]) -> u64 {
    digest(&(sequence, record))
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl State {
    /// Whether the change leaves a ledger record on this state.
    pub(super) fn is_recorded(&self, change: &Change) -> bool {
        let has = |id: &String| self.nodes.contains_key(id);
        match change {
            Change::AddNode { .. } => true,
            Change::RemoveNode { id } => has(id),
            Change::AddEdge { source, target, .. } | Change::RemoveEdge { source, target } => {
                has(source) && has(target)
            }
            Change::AddEmbedding { node, .. } => has(node),
        }
    }

    /// Makes a change that is recorded.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::AddNode { id, properties } => {
                self.lines.push(&format!("ADD_NODE|{id}|{}", hex::encode(properties)));
                self.nodes.insert(id.clone(), properties.clone());
            }
            Change::RemoveNode { id } => {
                self.lines.push(&format!("REMOVE_NODE|{id}"));
                self.nodes.remove(id);
                self.embeddings.remove(id);
                self.edges.retain(|(source, target), _| source != id && target != id);
            }
            Change::AddEdge { source, target, properties } => {
                self.lines.push(&format!("ADD_EDGE|{source}|{target}|{}", hex::encode(properties)));
                let pair = (source.clone(), target.clone());
                self.edges.entry(pair).or_default().push(properties.clone());
            }
            Change::RemoveEdge { source, target } => {
                self.lines.push(&format!("REMOVE_EDGE|{source}|{target}"));
                self.edges.remove(&(source.clone(), target.clone()));
            }
            Change::AddEmbedding { node, components } => {
                self.embeddings.insert(node.clone(), components.clone());
            }
        }
    }

    /// Takes a record into the digest of the change log.
    pub(super) fn log(&mut self, record: &[u8]) {
        let sequence = self.changes.len() as u64 + 1;
        self.changes.push(self.digest_until(sequence - 1).wrapping_add(record_digest(sequence, record)));
    }

    /// Number of the newest change.
    pub(super) fn sequence(&self) -> u64 {
        self.changes.len() as u64
    }

    /// Digest of the records behind `after`, up to the newest.
    pub(super) fn digest_behind(&self, after: u64) -> u64 {
        self.digest_until(self.sequence()).wrapping_sub(self.digest_until(after))
    }

    fn digest_until(&self, sequence: u64) -> u64 {
        let index = usize::try_from(sequence).expect("fits into memory");
        index.checked_sub(1).map_or(0, |index| self.changes.get(index).copied().unwrap_or_default())
    }

    pub(super) fn edge_count(&self) -> u64 {
        self.edges.values().map(|parallel| parallel.len() as u64).sum()
    }

    /// Source and target of each edge, parallel ones each.
    pub(super) fn edge_ends(&self) -> impl Iterator<Item = (&str, &str)> {
        self.edges.iter().flat_map(|((source, target), parallel)| {
            std::iter::repeat_n((source.as_str(), target.as_str()), parallel.len())
        })
    }

    pub(super) fn in_degree(&self, id: &str) -> u64 {
        self.edge_ends().filter(|(_, target)| *target == id).count() as u64
    }

    pub(super) fn out_degree(&self, id: &str) -> u64 {
        self.edge_ends().filter(|(source, _)| *source == id).count() as u64
    }
}
