//! Changes that are in a snapshot and in the log behind it: a crash after the snapshot was written and before the log was
//! emptied. The reference server then adds every edge of the log a second time.

use std::hash::{BuildHasher, RandomState};

use epistemic_storage::graph::{BatchOp, LedgerRecord};
use epistemic_storage::view::batch::BatchOps;

use super::document::Document;
use super::log::{Change, Log};

/// How many changes at the front of the log are the last of the snapshot's ledger, if an edge is among their additions:
/// 0 when there is none, or when adding twice makes no difference. A log may also begin with an edge just like the last one of the
/// snapshot, which nobody can tell.
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
    of_change[..repeated].last().filter(|_| has_edge).map_or(0, |(index, _)| index + 1)
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
            .filter_map(|op| addition_of(&op.into()))
            .collect(),
        Change::RemoveNode { .. } | Change::RemoveEdge { .. } | Change::Clear => Vec::new(),
    }
}

fn addition_of(item: &BatchOp) -> Option<String> {
    match item {
        BatchOp::AddNode { id, properties } => LedgerRecord::AddNode { id, properties }.line(),
        BatchOp::AddEdge { source, target, properties } => {
            LedgerRecord::AddEdge { source, target, properties }.line()
        }
        BatchOp::RemoveNode { .. } | BatchOp::RemoveEdge { .. } | BatchOp::Rejected(_) => None,
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
