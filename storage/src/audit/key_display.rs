//! Human-readable keys.

use crate::{keys, space::Space};

/// A key of `space` as text, the empty one as `-`; one that is not of its form in hexadecimal digits.
pub(super) fn display_key(space: Space, key: &[u8]) -> String {
    if key.is_empty() {
        return "-".to_owned();
    }
    let text = match space {
        Space::Nodes | Space::Vectors => keys::node_of(key).map(|id| format!("node {id:?}")),
        Space::OutEdges => keys::edge_parts(key)
            .map(|(source, target, sequence)| format!("edge {source:?} -> {target:?} ({sequence})")),
        Space::InEdges => keys::edge_parts(key)
            .map(|(target, source, sequence)| format!("edge {source:?} -> {target:?} ({sequence})")),
        Space::Labels => {
            keys::label_parts(key).map(|(label, sequence)| format!("label {label:?} ({sequence})"))
        }
        Space::Ledger => keys::ledger_sequence(key).map(|sequence| format!("record {sequence}")),
        Space::Catalog => catalog(key),
        Space::Channels => key
            .starts_with(&keys::channels().start)
            .then(|| keys::name_of(key).map(|id| format!("channel {id:?}")))
            .flatten(),
    };
    text.unwrap_or_else(|| format!("0x{}", hex::encode(key)))
}

fn catalog(key: &[u8]) -> Option<String> {
    let of = |range: &crate::store::KeyRange| key.starts_with(&range.start);
    if of(&keys::names()) {
        keys::name_of(key).map(|name| format!("graph {name:?}"))
    } else if of(&keys::states()) {
        keys::tagged_id(key).map(|id| format!("counters of graph number {id}"))
    } else if of(&keys::reclaims()) {
        keys::tagged_id(key).map(|id| format!("graph number {id}, to be reclaimed"))
    } else if of(&keys::identities()) {
        keys::name_of(key).map(|agent| format!("identity {agent:?}"))
    } else {
        None
    }
}
