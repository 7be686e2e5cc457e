//! Edges: their ends, and both directions against each other.

use super::{
    finding::{FindingKind, Found},
    fold::Fold,
    node_ids::NodeIds,
    pass::{Pass, SLICE},
};
use crate::{error::Result, keys, space::Space};

/// What the edges add up to.
pub(super) struct Edges {
    pub(super) count: u64,
    /// The greatest sequence number.
    pub(super) newest: u64,
}

/// Reads the edges in both directions, each along with the nodes. Record by record only when the two differ.
pub(super) fn check(pass: &mut Pass<'_, '_>) -> Result<Edges> {
    let mut edges = Edges { count: 0, newest: 0 };
    let (mut out, mut back) = (Fold::default(), Fold::default());
    let mut nodes = NodeIds::new(pass.read, pass.id)?;
    pass.for_each(Space::OutEdges, |pass, key, properties| {
        edges.count += 1;
        pass.edge_limits(key, properties);
        let Some((source, target, sequence)) = keys::edge_parts(key) else {
            return pass.bad_record(Space::OutEdges, key, "key of unknown form");
        };
        edges.newest = edges.newest.max(sequence);
        out.add(source.as_bytes(), target.as_bytes(), sequence);
        if nodes.contains(&source)? { Ok(()) } else { missing_end(pass, key, "source", &source) }
    })?;
    let mut nodes = NodeIds::new(pass.read, pass.id)?;
    pass.for_each(Space::InEdges, |pass, key, _| {
        let Some((target, source, sequence)) = keys::edge_parts(key) else {
            return pass.no_derived_record(Space::InEdges, key);
        };
        back.add(source.as_bytes(), target.as_bytes(), sequence);
        let edge = keys::edge(pass.id, &source, &target, sequence);
        // Without its edge the record is stale: that is told below.
        if nodes.contains(&target)? || !pass.read.contains(Space::OutEdges, &edge)? {
            return Ok(());
        }
        missing_end(pass, &edge, "target", &target)
    })?;
    if out != back {
        missing(pass)?;
        stale(pass)?;
    }
    Ok(edges)
}

fn missing_end(pass: &mut Pass<'_, '_>, key: &[u8], end: &str, node: &str) -> Result<()> {
    let detail = format!("its {end} {node:?} is not there");
    pass.found(Found::new(FindingKind::MissingEnd, Space::OutEdges, key, detail))
}

/// Edges that `in_edges` lacks. Their targets were not looked at yet.
fn missing(pass: &mut Pass<'_, '_>) -> Result<()> {
    mirrored(pass, Space::OutEdges, Space::InEdges, |pass, key, mirror| {
        if let Some((_, target, _)) = keys::edge_parts(key)
            && !pass.read.contains(Space::Nodes, &keys::node(pass.id, &target))?
        {
            missing_end(pass, key, "target", &target)?;
        }
        let detail = "the edge is not found from its target";
        pass.found(Found::new(FindingKind::MissingInEdge, Space::InEdges, mirror, detail).put(Vec::new()))
    })
}

/// Records of `in_edges` without an edge.
fn stale(pass: &mut Pass<'_, '_>) -> Result<()> {
    mirrored(pass, Space::InEdges, Space::OutEdges, |pass, key, _| {
        pass.found(
            Found::new(FindingKind::StaleInEdge, Space::InEdges, key, "there is no such edge").remove(),
        )
    })
}

/// Calls `lacking` with the keys in `of` whose mirrored keys are not in `against`, and with those.
fn mirrored(
    pass: &mut Pass<'_, '_>,
    of: Space,
    against: Space,
    mut lacking: impl FnMut(&mut Pass<'_, '_>, &[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let (mut keys, mut mirrors) = (Vec::new(), Vec::new());
    let mut compare = |pass: &mut Pass<'_, '_>, keys: &mut Vec<Vec<u8>>, mirrors: &mut Vec<Vec<u8>>| {
        let there = pass.read.multi_contains(against, mirrors)?;
        for ((key, mirror), there) in keys.drain(..).zip(mirrors.drain(..)).zip(there) {
            if !there {
                lacking(pass, &key, &mirror)?;
            }
        }
        Ok(())
    };
    pass.for_each(of, |pass, key, _| {
        if let Some((near, far, sequence)) = keys::edge_parts(key) {
            mirrors.push(keys::edge(pass.id, &far, &near, sequence));
            keys.push(key.to_vec());
        }
        if keys.len() < SLICE { Ok(()) } else { compare(pass, &mut keys, &mut mirrors) }
    })?;
    compare(pass, &mut keys, &mut mirrors)
}
