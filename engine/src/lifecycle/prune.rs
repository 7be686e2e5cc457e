//! Removes what is old and worth little.

use epistemic_storage::{
    clock,
    graph::{GraphReader, Revision},
    view,
};

use super::{
    context::{LifecycleError, Target},
    reviser::Reviser,
};
use crate::compute_pool::scan_on;

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
        view::vitals(properties).is_some_and(|vitals| {
            let old = vitals.clock.is_some_and(|seen| now.saturating_sub(seen) > max_age);
            old && vitals.confidence.unwrap_or(1.0) < min_score
        })
    };
    let view = target.shard.graphs.view();
    let reader = GraphReader::new(&*view, target.graph);
    let cancel = target.cancel;
    let mut reviser = Reviser::new(target.clone(), &reader)?;
    let read = reader.for_each_edge(|source, destination, sequence, properties| {
        scan_on(cancel)?;
        if !goes(properties) {
            return Ok(());
        }
        let (source, target) = (source.to_owned(), destination.to_owned());
        reviser.push(Revision::Edge {
            source,
            target,
            sequence,
            expected: properties.to_vec(),
            properties: None,
        })
    });
    let read = read.and_then(|()| {
        reader.for_each_node(|id, _, properties| {
            scan_on(cancel)?;
            if !goes(properties) {
                return Ok(());
            }
            reviser.push(Revision::Node {
                id: id.to_owned(),
                expected: properties.to_vec(),
                properties: None,
            })
        })
    });
    let revised = reviser.finish(read)?;
    let nodes = revised.nodes_removed.len() as u64;
    Ok(Pruned { nodes, edges: revised.edges_removed + revised.edges_cascaded })
}
