//! Edges: their ends, and both directions against each other.

use super::{
    finding::{FindingKind, Found},
    graph_scan::{GraphScan, SLICE},
    node_ids::NodeIds,
    set_hash::SetHash,
};
use crate::{error::Result, keys, space::Space};

/// What the edges add up to.
pub(super) struct Edges {
    pub(super) count: u64,
    /// The greatest sequence number.
    pub(super) newest: u64,
}

/// Reads the edges in both directions, each along with the nodes. Record by record only when the two differ.
pub(super) fn check(scan: &mut GraphScan<'_, '_>) -> Result<Edges> {
    let mut edges = Edges { count: 0, newest: 0 };
    let (mut out, mut back) = (SetHash::default(), SetHash::default());
    let mut nodes = NodeIds::new(scan.read, scan.id)?;
    scan.for_each(Space::OutEdges, |scan, key, properties| {
        edges.count += 1;
        scan.edge_limits(key, properties);
        let Some((source, target, sequence)) = keys::edge_parts(key) else {
            return scan.bad_record(Space::OutEdges, key, "key of unknown form");
        };
        edges.newest = edges.newest.max(sequence);
        out.add(source.as_bytes(), target.as_bytes(), sequence);
        if nodes.contains(&source)? { Ok(()) } else { missing_end(scan, key, "source", &source) }
    })?;
    let mut nodes = NodeIds::new(scan.read, scan.id)?;
    scan.for_each(Space::InEdges, |scan, key, _| {
        let Some((target, source, sequence)) = keys::edge_parts(key) else {
            return scan.no_derived_record(Space::InEdges, key);
        };
        back.add(source.as_bytes(), target.as_bytes(), sequence);
        let edge = keys::edge(scan.id, &source, &target, sequence);
        // Without its edge the record is stale: that is told below.
        if nodes.contains(&target)? || !scan.read.contains(Space::OutEdges, &edge)? {
            return Ok(());
        }
        missing_end(scan, &edge, "target", &target)
    })?;
    if out != back {
        missing(scan)?;
        stale(scan)?;
    }
    Ok(edges)
}

fn missing_end(scan: &mut GraphScan<'_, '_>, key: &[u8], end: &str, node: &str) -> Result<()> {
    let detail = format!("its {end} {node:?} is not there");
    scan.found(Found::new(FindingKind::MissingEnd, Space::OutEdges, key, detail))
}

/// Edges that `in_edges` lacks. Their targets were not looked at yet.
fn missing(scan: &mut GraphScan<'_, '_>) -> Result<()> {
    mirrored(scan, Space::OutEdges, Space::InEdges, |scan, key, mirror| {
        if let Some((_, target, _)) = keys::edge_parts(key)
            && !scan.read.contains(Space::Nodes, &keys::node(scan.id, &target))?
        {
            missing_end(scan, key, "target", &target)?;
        }
        let detail = "the edge is not found from its target";
        scan.found(Found::new(FindingKind::MissingInEdge, Space::InEdges, mirror, detail).put(Vec::new()))
    })
}

/// Records of `in_edges` without an edge.
fn stale(scan: &mut GraphScan<'_, '_>) -> Result<()> {
    mirrored(scan, Space::InEdges, Space::OutEdges, |scan, key, _| {
        scan.found(
            Found::new(FindingKind::StaleInEdge, Space::InEdges, key, "there is no such edge").remove(),
        )
    })
}

/// Calls `lacking` with the keys in `of` whose mirrored keys are not in `against`, and with those.
fn mirrored(
    scan: &mut GraphScan<'_, '_>,
    of: Space,
    against: Space,
    mut lacking: impl FnMut(&mut GraphScan<'_, '_>, &[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let (mut keys, mut mirrors) = (Vec::new(), Vec::new());
    let mut compare = |scan: &mut GraphScan<'_, '_>, keys: &mut Vec<Vec<u8>>, mirrors: &mut Vec<Vec<u8>>| {
        let there = scan.read.multi_contains(against, mirrors)?;
        for ((key, mirror), there) in keys.drain(..).zip(mirrors.drain(..)).zip(there) {
            if !there {
                lacking(scan, &key, &mirror)?;
            }
        }
        Ok(())
    };
    scan.for_each(of, |scan, key, _| {
        if let Some((near, far, sequence)) = keys::edge_parts(key) {
            mirrors.push(keys::edge(scan.id, &far, &near, sequence));
            keys.push(key.to_vec());
        }
        if keys.len() < SLICE { Ok(()) } else { compare(scan, &mut keys, &mut mirrors) }
    })?;
    compare(scan, &mut keys, &mut mirrors)
}
