//! Keeps the newest nodes of a type.

use epistemic_storage::graph::GraphReader;

use super::{
    context::{LifecycleError, Target},
    evict::remove_nodes,
};

/// Removes the oldest nodes that carry the label `node_type`, so that `threshold` are left; returns their ids. A node that is
/// changed meanwhile stays.
pub(crate) fn compact_by_type(
    target: Target<'_>,
    node_type: &str,
    threshold: usize,
) -> Result<Vec<String>, LifecycleError> {
    let view = target.shard.graphs.read_view();
    let reader = GraphReader::new(&*view, target.graph);
    let ids = reader.ids_by_label(node_type, 0)?;
    remove_nodes(target, &reader, &ids[..ids.len().saturating_sub(threshold)])
}
