//! Embeddings: their nodes and their lengths.

use super::{
    finding::{FindingKind, Found},
    graph_scan::GraphScan,
    node_ids::NodeIds,
};
use crate::{error::Result, keys, space::Space};

/// Bytes of a component.
const COMPONENT: usize = size_of::<f32>();

/// What the embeddings add up to.
pub(super) struct Vectors {
    pub(super) count: u64,
    /// Components of all together.
    pub(super) components: u64,
}

/// Reads all embeddings along with the nodes.
pub(super) fn check(scan: &mut GraphScan<'_, '_>) -> Result<Vectors> {
    let (mut count, mut components) = (0, 0);
    let mut nodes = NodeIds::new(scan.read, scan.id)?;
    scan.for_each(Space::Vectors, |scan, key, value| {
        count += 1;
        components += (value.len() / COMPONENT) as u64;
        scan.embedding_limits(key, value.len());
        let Some(node) = keys::node_of(key) else {
            return scan.bad_record(Space::Vectors, key, "id that is not UTF-8");
        };
        if value.is_empty() || !value.len().is_multiple_of(COMPONENT) {
            let detail = format!("{} bytes, {COMPONENT} for each component", value.len());
            scan.found(Found::new(FindingKind::VectorLength, Space::Vectors, key, detail))?;
        }
        if nodes.contains(node)? {
            return Ok(());
        }
        scan.found(Found::new(FindingKind::VectorWithoutNode, Space::Vectors, key, "there is no such node"))
    })?;
    Ok(Vectors { count, components })
}
