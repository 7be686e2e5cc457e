//! Changes that are in a snapshot and in the log behind it: a crash after the snapshot was written and before the log was
//! emptied. The reference server then adds every edge of the log a second time.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use epistemic_storage::properties::batch::BatchOps;
use epistemic_storage::{Mutation, graph::LedgerRecord};

use super::document::Document;
use super::log::{Change, Log};

/// How many changes at the front of the log are the last of the snapshot's ledger, if an edge is among their additions:
/// 0 when there is none, or when adding twice makes no difference. A log may also begin with an edge just like the last one of the
/// snapshot, which nobody can tell; unless it removes the edge first, as clients do that write an edge again, and the ledger
/// does not tell of that.
pub(super) fn overlap(document: &Document<'_>, log: &Log<'_>) -> usize {
    if log.changes.contains(&Change::Clear) {
        return 0;
    }
    let hasher = RandomState::new();
    // Removals that removed nothing are in the log and not in the ledger, so only additions are compared.
    let added = document.ledger.iter().filter(|line| line.starts_with("ADD_"));
    let ledger: Vec<u64> = added.map(|line| hasher.hash_one(*line)).collect();
    let (mut lines, mut of_change) = (Vec::new(), Vec::new());
    for (index, change) in log.changes.iter().enumerate() {
        for line in additions(change) {
            lines.push(hasher.hash_one(line.as_str()));
            of_change.push((index, line.starts_with("ADD_EDGE")));
        }
    }
    let repeated = longest_border(&lines, &ledger);
    let has_edge = of_change[..repeated].iter().any(|(_, is_edge)| *is_edge);
    let changes = of_change[..repeated].last().filter(|_| has_edge).map_or(0, |(index, _)| index + 1);
    if removes_more(&document.ledger, repeated, &log.changes[..changes]) { 0 } else { changes }
}

/// A node or an edge, as lines of a ledger name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Item {
    Node(String),
    /// Both ends, parted as in a line.
    Edge(String),
}

/// Whether the changes remove something that was there for all that is known, and the end of the ledger with their additions does not tell of it:
/// then they were made behind the snapshot.
fn removes_more(ledger: &[&str], additions: usize, changes: &[Change<'_>]) -> bool {
    let mut removals: HashMap<Item, usize> = HashMap::new();
    let mut edges_at: HashMap<String, Vec<Item>> = HashMap::new();
    for removal in changes.iter().flat_map(removals_of) {
        if let Removal::Edge { source, target } = &removal {
            for end in [source, target] {
                edges_at.entry(end.clone()).or_default().push(removal.item());
            }
        }
        removals.insert(removal.item(), 0);
    }
    if removals.is_empty() {
        return false;
    }
    let is_addition = |line: &&str| line.starts_with("ADD_");
    let all = ledger.iter().filter(|line| is_addition(line)).count();
    let first = ledger.iter().enumerate().filter(|(_, line)| is_addition(line)).nth(all - additions);
    let mut start = first.map_or(ledger.len(), |(index, _)| index);
    while start > 0 && !is_addition(&ledger[start - 1]) {
        start -= 1;
    }
    // What is known to be there before the changes.
    let mut there: HashMap<Item, bool> = HashMap::new();
    for line in &ledger[..start] {
        let Some((item, is_there)) = read(line) else { continue };
        if let (Item::Node(node), false) = (&item, is_there) {
            there.extend(edges_at.get(node).into_iter().flatten().map(|edge| (edge.clone(), false)));
        }
        if removals.contains_key(&item) {
            there.insert(item, is_there);
        }
    }
    for (item, _) in ledger[start..].iter().filter_map(|line| read(line)).filter(|(_, is_there)| !is_there) {
        removals.entry(item).and_modify(|told| *told += 1);
    }
    for removal in changes.iter().flat_map(removals_of) {
        let item = removal.item();
        let told = removals.entry(item.clone()).or_default();
        match (there.insert(item, false), *told) {
            // What was not there by the ledger may be removed in vain; clients do not do so otherwise.
            (Some(true) | None, 0) => return true,
            (_, told_still) => *told = told_still.saturating_sub(1),
        }
    }
    false
}

/// A line of a ledger: what it is about, and whether that is there from then on.
fn read(line: &str) -> Option<(Item, bool)> {
    let (kind, rest) = line.split_once('|')?;
    let without_properties = || rest.rsplit_once('|').map(|(item, _)| item.to_owned());
    Some(match kind {
        "ADD_NODE" => (Item::Node(without_properties()?), true),
        "ADD_EDGE" => (Item::Edge(without_properties()?), true),
        "REMOVE_NODE" => (Item::Node(rest.to_owned()), false),
        "REMOVE_EDGE" => (Item::Edge(rest.to_owned()), false),
        _ => return None,
    })
}

/// A removal of a log.
enum Removal {
    Node(String),
    Edge { source: String, target: String },
}

impl Removal {
    fn item(&self) -> Item {
        match self {
            Removal::Node(id) => Item::Node(id.clone()),
            Removal::Edge { source, target } => Item::Edge(format!("{source}|{target}")),
        }
    }
}

fn removals_of(change: &Change<'_>) -> Vec<Removal> {
    let edge = |source: &str, target: &str| Removal::Edge { source: source.into(), target: target.into() };
    match change {
        Change::RemoveNode { id } => vec![Removal::Node((*id).to_owned())],
        Change::RemoveEdge { source, target } => vec![edge(source, target)],
        Change::Batch(operations) => {
            BatchOps::parse(operations).into_iter().flatten().flatten().filter_map(removal_of).collect()
        }
        Change::AddNode { .. } | Change::AddEdge { .. } | Change::Clear => Vec::new(),
    }
}

fn additions(change: &Change<'_>) -> Vec<String> {
    let line = |record: LedgerRecord<'_>| record.line();
    match change {
        Change::AddNode { id, properties } => {
            line(LedgerRecord::AddNode { id, properties }).into_iter().collect()
        }
        Change::AddEdge { source, target, properties } => {
            line(LedgerRecord::AddEdge { source, target, properties }).into_iter().collect()
        }
        Change::Batch(operations) => BatchOps::parse(operations)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|mutation| addition_of(&mutation))
            .collect(),
        Change::RemoveNode { .. } | Change::RemoveEdge { .. } | Change::Clear => Vec::new(),
    }
}

fn removal_of(mutation: Mutation) -> Option<Removal> {
    match mutation {
        Mutation::RemoveNode { id } => Some(Removal::Node(id)),
        Mutation::RemoveEdge { source, target } => Some(Removal::Edge { source, target }),
        Mutation::AddNode { .. }
        | Mutation::AddEdge { .. }
        | Mutation::ReplaceEdges { .. }
        | Mutation::CompareAndSet { .. }
        | Mutation::AddEmbedding { .. } => None,
    }
}

fn addition_of(mutation: &Mutation) -> Option<String> {
    match mutation {
        Mutation::AddNode { id, properties } => LedgerRecord::AddNode { id, properties }.line(),
        Mutation::AddEdge { source, target, properties } => {
            LedgerRecord::AddEdge { source, target, properties }.line()
        }
        Mutation::RemoveNode { .. }
        | Mutation::RemoveEdge { .. }
        | Mutation::ReplaceEdges { .. }
        | Mutation::CompareAndSet { .. }
        | Mutation::AddEmbedding { .. } => None,
    }
}

/// Length of the longest beginning of `front` that is an end of `back` (Knuth, Morris, Pratt).
fn longest_border(front: &[u64], back: &[u64]) -> usize {
    let mut fallback = vec![0; front.len()];
    let mut matched = 0;
    for index in 1..front.len() {
        while matched > 0 && front[index] != front[matched] {
            matched = fallback[matched - 1];
        }
        matched += usize::from(front[index] == front[matched]);
        fallback[index] = matched;
    }
    matched = 0;
    for item in back {
        while matched > 0 && front.get(matched) != Some(item) {
            matched = fallback[matched - 1];
        }
        matched += usize::from(front.get(matched) == Some(item));
    }
    matched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_border() {
        for (front, back, length) in [
            (&[1, 2, 3][..], &[9, 1, 2][..], 2),
            (&[1, 2], &[0, 1, 2, 1, 2], 2),
            (&[1, 1, 2], &[1, 1, 1], 2),
            (&[1], &[], 0),
            (&[], &[1], 0),
            (&[3, 1], &[1, 3, 2], 0),
        ] {
            assert_eq!(longest_border(front, back), length, "{front:?} {back:?}");
        }
    }
}
