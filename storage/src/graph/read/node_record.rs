//! Stored form of nodes.

use crate::{
    error::{Result, StoreError},
    space::Space,
};

/// Appends the value of a node: the sequence that inserted it, then its property bytes as they came.
pub(crate) fn write_node(out: &mut Vec<u8>, sequence: u64, properties: &[u8]) {
    out.reserve(8 + properties.len());
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(properties);
}

/// The sequence and property bytes of a node value.
pub(crate) fn decode_node(value: &[u8]) -> Result<(u64, &[u8])> {
    match value.split_first_chunk::<8>() {
        Some((sequence, properties)) => Ok((u64::from_be_bytes(*sequence), properties)),
        None => Err(StoreError::corrupt(Space::Nodes, format!("node value of {} bytes", value.len()))),
    }
}

/// A key that is not of its space's form.
pub(crate) fn bad_key(space: Space, key: &[u8]) -> StoreError {
    StoreError::corrupt(space, format!("key of unknown form ({} bytes)", key.len()))
}
