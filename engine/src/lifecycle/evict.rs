//! Evicts the least recently used nodes.

use epistemic_storage::{
    graph::{GraphReader, Revision},
    view,
};

use super::{
    context::{LifecycleError, Target},
    reviser::Reviser,
};
use crate::compute_pool::scan_on;

/// Nodes whose properties are read at a time.
const SLICE: usize = 256;

/// Removes nodes until `max_nodes` are left: first those never accessed, in insertion order, then by `last_access`. A node
/// that is changed meanwhile stays. Returns how many were removed.
pub(crate) fn evict_lru(target: Target<'_>, max_nodes: usize) -> Result<u64, LifecycleError> {
    let view = target.shard.graphs.view();
    let reader = GraphReader::new(&*view, target.graph);
    let mut text = String::new();
    // Last access (0: never, else one more than its second), insertion, and where the id is.
    let mut nodes: Vec<(u64, u64, usize, usize)> = Vec::new();
    reader.for_each_node(|id, sequence, properties| {
        let accessed = view::vitals(properties).and_then(|vitals| vitals.last_access);
        let start = text.len();
        text.push_str(id);
        nodes.push((accessed.map_or(0, |second| second.saturating_add(1)), sequence, start, text.len()));
        scan_on(target.cancel)
    })?;
    let surplus = nodes.len().saturating_sub(max_nodes);
    if surplus == 0 {
        return Ok(0);
    }
    if surplus < nodes.len() {
        nodes.select_nth_unstable(surplus);
        nodes.truncate(surplus);
    }
    nodes.sort_unstable();
    let ids: Vec<&str> = nodes.iter().map(|&(_, _, start, end)| &text[start..end]).collect();
    remove_nodes(target, &reader, &ids).map(|removed| removed.len() as u64)
}

/// Removes nodes as they are in the state of `reader`, in order; returns the ids of those that were.
pub(super) fn remove_nodes(
    target: Target<'_>,
    reader: &GraphReader<'_>,
    ids: &[impl AsRef<str>],
) -> Result<Vec<String>, LifecycleError> {
    let mut reviser = Reviser::new(target, reader)?;
    let read = ids.chunks(SLICE).try_for_each(|slice| {
        for (id, node) in slice.iter().zip(reader.nodes(slice)?) {
            if let Some(node) = node {
                let id = id.as_ref().to_owned();
                reviser.push(Revision::Node { id, expected: node.properties, properties: None })?;
            }
        }
        Ok(())
    });
    Ok(reviser.finish(read)?.nodes_removed)
}
