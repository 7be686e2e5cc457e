//! Which lines say something that is not there yet.

use std::collections::HashMap;

use anyhow::Result;

use super::{LoadTarget, Waiting};
use crate::data::records::Item;
use crate::data::source::Edge;

/// Which of these lines, all of one kind, say something that is not there.
pub(super) fn needed(target: &dyn LoadTarget, batch: &[Waiting]) -> Result<Vec<bool>> {
    match batch[0].item {
        Item::Node { .. } => needed_nodes(target, batch),
        Item::Edge(_) => needed_edges(target, batch),
        Item::Embedding { .. } | Item::Ledger { .. } => Ok(vec![true; batch.len()]),
    }
}

fn needed_nodes(target: &dyn LoadTarget, batch: &[Waiting]) -> Result<Vec<bool>> {
    let node = |waiting: &'_ Waiting| match &waiting.item {
        Item::Node { id, properties } => Some((id.clone(), properties.clone())),
        Item::Edge(_) | Item::Ledger { .. } | Item::Embedding { .. } => None,
    };
    let nodes: Vec<_> = batch.iter().filter_map(node).collect();
    let ids: Vec<&str> = nodes.iter().map(|(id, _)| id.as_str()).collect();
    let there = target.nodes(&ids)?;
    // Of lines with the same id the last one counts, as if they came one by one.
    let mut now: HashMap<&str, Option<&[u8]>> =
        ids.iter().copied().zip(there.iter().map(Option::as_deref)).collect();
    let needed = nodes.iter().map(|(id, properties)| {
        let before = now.insert(id.as_str(), Some(properties.as_slice()));
        before.flatten() != Some(properties.as_slice())
    });
    Ok(needed.collect())
}

fn needed_edges(target: &dyn LoadTarget, batch: &[Waiting]) -> Result<Vec<bool>> {
    let mut pairs: Vec<(&str, &str)> = batch.iter().filter_map(|waiting| pair(&waiting.item)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut there: HashMap<(&str, &str, &[u8]), u64> = HashMap::new();
    let found = target.edges(&pairs)?;
    for ((source, target), found) in pairs.iter().zip(&found) {
        for properties in found {
            *there.entry((*source, *target, properties.as_slice())).or_default() += 1;
        }
    }
    let needed = batch.iter().map(|Waiting { item, copies, .. }| {
        let Item::Edge(Edge { source, target, properties }) = item else { return true };
        let there = there.entry((source.as_str(), target.as_str(), properties.as_slice())).or_default();
        let is_needed = *there < *copies;
        *there += u64::from(is_needed);
        is_needed
    });
    Ok(needed.collect())
}

fn pair(item: &Item) -> Option<(&str, &str)> {
    match item {
        Item::Edge(edge) => Some((&edge.source, &edge.target)),
        Item::Node { .. } | Item::Ledger { .. } | Item::Embedding { .. } => None,
    }
}
