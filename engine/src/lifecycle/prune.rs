//! Removes what is old and worth little.

use epistemic_storage::{
    clock,
    graph::{ConditionalChange, GraphReader},
    properties,
};

use super::{
    context::{LifecycleError, Target},
    reviser::Reviser,
};

/// What was removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    pub(crate) nodes: u64,
    /// Edges removed on their own and with their nodes.
    pub(crate) edges: u64,
}

/// Removes every edge and every node that was last seen more than `max_age` seconds ago and has less confidence
/// (default 1.0) than `min_score`. What has no time stays.
pub(crate) fn prune(target: Target<'_>, max_age: u64, min_score: f64) -> Result<Pruned, LifecycleError> {
    let now = clock::unix_ms() / 1000;
    let goes = |properties: &[u8]| {
        properties::decay_fields(properties).is_some_and(|fields| {
            let old = fields.last_seen.is_some_and(|seen| now.saturating_sub(seen) > max_age);
            old && fields.confidence.unwrap_or(1.0) < min_score
        })
    };
    let view = target.shard.graphs.read_view();
    let reader = GraphReader::new(&*view, target.graph);
    let cancel = target.cancel;
    let mut reviser = Reviser::new(target.clone(), &reader)?;
    reader.for_each_edge(|source, destination, sequence, properties| -> Result<(), LifecycleError> {
        cancel.check()?;
        if !goes(properties) {
            return Ok(());
        }
        let (source, target) = (source.to_owned(), destination.to_owned());
        reviser.push(ConditionalChange::Edge {
            source,
            target,
            sequence,
            expected: properties.to_vec(),
            properties: None,
        })
    })?;
    reader.for_each_node(|id, _, properties| -> Result<(), LifecycleError> {
        cancel.check()?;
        if !goes(properties) {
            return Ok(());
        }
        let (id, expected) = (id.to_owned(), properties.to_vec());
        reviser.push(ConditionalChange::Node { id, expected, properties: None })
    })?;
    let revised = reviser.finish()?;
    let nodes = revised.nodes_removed.len() as u64;
    Ok(Pruned { nodes, edges: revised.edges_removed + revised.edges_cascaded })
}
