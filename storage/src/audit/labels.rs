//! The label index against the nodes.

use super::{
    finding::{FindingKind, Found},
    graph_scan::{GraphScan, SLICE},
    set_hash::SetHash,
};
use crate::{error::Result, graph::decode_node, keys, properties, space::Space};

/// Key and node id of a record of the index.
type Entry = (Vec<u8>, Vec<u8>);

/// Reads the index; `expected` is what the nodes call for. Record by record only when the two differ. Returns the number
/// of records.
pub(super) fn check(scan: &mut GraphScan<'_, '_>, expected: SetHash) -> Result<u64> {
    let (mut hash, mut count) = (SetHash::default(), 0);
    scan.for_each(Space::Labels, |scan, key, value| {
        count += 1;
        match keys::label_parts(key) {
            Some((label, sequence)) if std::str::from_utf8(value).is_ok() => {
                hash.add(label.as_bytes(), value, sequence);
                Ok(())
            }
            Some(_) | None => scan.no_derived_record(Space::Labels, key),
        }
    })?;
    if hash != expected {
        // In this order: a record may have to go and another of the same key to come.
        stale(scan)?;
        missing(scan)?;
    }
    Ok(count)
}

fn stale(scan: &mut GraphScan<'_, '_>) -> Result<()> {
    let mut slice: Vec<Entry> = Vec::new();
    scan.for_each(Space::Labels, |scan, key, value| {
        if keys::label_parts(key).is_some() && std::str::from_utf8(value).is_ok() {
            slice.push((key.to_vec(), value.to_vec()));
        }
        if slice.len() < SLICE { Ok(()) } else { stale_of(scan, std::mem::take(&mut slice)) }
    })?;
    stale_of(scan, slice)
}

fn stale_of(scan: &mut GraphScan<'_, '_>, slice: Vec<Entry>) -> Result<()> {
    let nodes: Vec<_> = slice.iter().map(|(_, node)| node_key(scan, node)).collect();
    let values = scan.read.multi_get(Space::Nodes, &nodes)?;
    for ((key, node), value) in slice.iter().zip(values) {
        let node = String::from_utf8_lossy(node);
        let detail = match value {
            None => format!("it names node {node:?}, which is not there"),
            Some(value) if !carries(&value, key) => {
                format!("it names node {node:?}, which does not carry it")
            }
            Some(_) => continue,
        };
        scan.found(Found::new(FindingKind::StaleLabel, Space::Labels, key, detail).remove())?;
    }
    Ok(())
}

fn missing(scan: &mut GraphScan<'_, '_>) -> Result<()> {
    let mut slice: Vec<Entry> = Vec::new();
    scan.for_each(Space::Nodes, |scan, key, value| {
        if let (Some(node), Ok((sequence, properties))) = (keys::node_of(key), decode_node(value)) {
            let of = |label| (keys::label(scan.id, label, sequence), node.as_bytes().to_vec());
            slice.extend(properties::labels(properties).into_iter().map(of));
        }
        if slice.len() < SLICE { Ok(()) } else { missing_of(scan, std::mem::take(&mut slice)) }
    })?;
    missing_of(scan, slice)
}

fn missing_of(scan: &mut GraphScan<'_, '_>, slice: Vec<Entry>) -> Result<()> {
    let keys: Vec<_> = slice.iter().map(|(key, _)| key.clone()).collect();
    let values = scan.read.multi_get(Space::Labels, &keys)?;
    for ((key, node), value) in slice.into_iter().zip(values) {
        let shown = String::from_utf8_lossy(&node).into_owned();
        let found = |detail| Found::new(FindingKind::MissingLabel, Space::Labels, &key, detail);
        let found = match value {
            None => found(format!("node {shown:?} carries it")).put(node),
            Some(other) if other == node => continue,
            Some(other) => {
                let named = String::from_utf8_lossy(&other);
                let detail = format!("node {shown:?} carries it, the record names {named:?}");
                let rightly = scan.read.get(Space::Nodes, &node_key(scan, &other))?;
                // Two nodes with one sequence number: the index has room for one.
                if rightly.is_some_and(|value| carries(&value, &key)) {
                    found(detail)
                } else {
                    found(detail).put(node)
                }
            }
        };
        scan.found(found)?;
    }
    Ok(())
}

fn node_key(scan: &GraphScan<'_, '_>, node: &[u8]) -> Vec<u8> {
    keys::node(scan.id, &String::from_utf8_lossy(node))
}

/// Whether a node of this value calls for the label record `key`.
fn carries(value: &[u8], key: &[u8]) -> bool {
    let (Ok((sequence, properties)), Some((label, labelled))) = (decode_node(value), keys::label_parts(key))
    else {
        return false;
    };
    sequence == labelled && properties::labels(properties).contains(&&*label)
}
