//! Nodes: their form, and that no two have one sequence number.

use std::collections::BTreeSet;

use super::{
    finding::{FindingKind, Found},
    graph_scan::GraphScan,
    sequences,
    set_hash::SetHash,
};
use crate::{error::Result, graph::decode_node, keys, properties, space::Space};

/// What the nodes add up to.
#[derive(Default)]
pub(super) struct Nodes {
    pub(super) count: u64,
    /// The greatest sequence number.
    pub(super) newest: u64,
    /// The records that the label index ought to have.
    pub(super) labels: SetHash,
}

/// Reads all nodes, and again as often as it takes to compare their sequence numbers.
pub(super) fn check(scan: &mut GraphScan<'_, '_>) -> Result<Nodes> {
    let mut nodes = Nodes::default();
    let mut sequences = sequences::Pass::new(0);
    scan.for_each(Space::Nodes, |scan, key, value| {
        nodes.count += 1;
        let (Some(node), Ok((sequence, properties))) = (keys::node_of(key), decode_node(value)) else {
            return scan.bad_record(
                Space::Nodes,
                key,
                "id that is not UTF-8, or value without a sequence number",
            );
        };
        nodes.newest = nodes.newest.max(sequence);
        let labels = properties::labels(properties);
        scan.node_limits(key, node, properties, labels.len());
        for label in labels {
            nodes.labels.add(label.as_bytes(), node.as_bytes(), sequence);
        }
        sequences.add(sequence);
        Ok(())
    })?;
    loop {
        let (repeated, next) = sequences.end();
        tell(scan, &repeated)?;
        let Some(first) = next else { return Ok(nodes) };
        sequences = sequences::Pass::new(first);
        scan.for_each(Space::Nodes, |_, _, value| {
            if let Ok((sequence, _)) = decode_node(value) {
                sequences.add(sequence);
            }
            Ok(())
        })?;
    }
}

/// Tells every node but the first of each of the numbers.
fn tell(scan: &mut GraphScan<'_, '_>, repeated: &BTreeSet<u64>) -> Result<()> {
    if repeated.is_empty() {
        return Ok(());
    }
    let mut met = BTreeSet::new();
    scan.for_each(Space::Nodes, |scan, key, value| match decode_node(value) {
        Ok((sequence, _)) if repeated.contains(&sequence) && !met.insert(sequence) => {
            let detail = format!("another node has its sequence number {sequence} too");
            scan.found(Found::new(FindingKind::RepeatedSequence, Space::Nodes, key, detail))
        }
        Ok(_) | Err(_) => Ok(()),
    })
}
