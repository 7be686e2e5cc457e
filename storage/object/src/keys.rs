//! Where the records of the eight spaces lie in the one key space of SlateDB.
//!
//! | first byte | then | spaces |
//! |---|---|---|
//! | `0x01` | key | catalog |
//! | `0x02` | key | channels |
//! | `0x10` | graph id (8 bytes), tag, rest of the key | the six spaces of graphs |
//!
//! The graph comes before the space, so that all records of a graph are one range: they lie together, and a graph can be
//! removed, measured or cloned as a range. The tag is `length << 3 | space`, where the length is that of what stands where the
//! graph id stands: 8. Keys that are shorter than a graph id are filled up with zeros, and their length in the tag keeps their
//! order; only tests have them.

use epistemic_storage::{Space, backend::KeyRange};

const CATALOG: u8 = 0x01;
const CHANNELS: u8 = 0x02;
const GRAPHS: u8 = 0x10;
/// Bytes of a graph id.
const ID: usize = 8;
/// Bytes of a record of a graph before the rest of its key: region, graph id, tag.
const HEAD: usize = 1 + ID + 1;

/// A range of keys as they are stored, `start` included, `end` not. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl Stretch {
    fn new(start: Vec<u8>, end: Vec<u8>) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// All records of all spaces.
    pub(crate) fn everything() -> Self {
        Self { start: vec![CATALOG], end: vec![GRAPHS + 1] }
    }
}

/// The stored key of a record. Never empty.
pub(crate) fn stored(space: Space, key: &[u8]) -> Vec<u8> {
    match region(space) {
        GRAPHS => {
            let (id, rest) = key.split_at(key.len().min(ID));
            let mut stored = head(id, space as u8);
            stored.extend_from_slice(rest);
            stored
        }
        region => {
            let mut stored = Vec::with_capacity(1 + key.len());
            stored.push(region);
            stored.extend_from_slice(key);
            stored
        }
    }
}

/// Writes the key of a stored record into `key`; false when it is of another space, or of none.
pub(crate) fn restore(space: Space, stored: &[u8], key: &mut Vec<u8>) -> bool {
    key.clear();
    match stored.split_first() {
        Some((&GRAPHS, rest)) if rest.len() > ID => {
            let tag = rest[ID];
            let length = usize::from(tag >> 3);
            if tag & 7 != space as u8 || length > ID {
                return false;
            }
            key.extend_from_slice(&rest[..length]);
            key.extend_from_slice(&rest[ID + 1..]);
            true
        }
        Some((&first, rest)) if first != GRAPHS && first == region(space) => {
            key.extend_from_slice(rest);
            true
        }
        Some(_) | None => false,
    }
}

/// Where the records of a range lie, in ascending order. In between there may be records of other spaces, which
/// [`restore`] tells.
pub(crate) fn stretches(space: Space, range: &KeyRange) -> Vec<Stretch> {
    let region = region(space);
    if range.end.as_ref().is_some_and(|end| range.start >= *end) {
        return Vec::new();
    }
    let start = stored(space, &range.start);
    if region != GRAPHS {
        let end = range.end.as_ref().map_or_else(|| vec![region + 1], |end| stored(space, end));
        return Stretch::new(start, end).into_iter().collect();
    }
    // The records of this space in the first graph, those of the graphs in between, those in the last graph.
    let behind_first = behind_space(&start[..HEAD]);
    let (end, last_head) = match &range.end {
        Some(end) => {
            let end = stored(space, end);
            let head = end[..HEAD].to_vec();
            (end, head)
        }
        None => (vec![GRAPHS + 1], vec![GRAPHS + 1]),
    };
    if start[..HEAD] == last_head[..] {
        return Stretch::new(start, end).into_iter().collect();
    }
    let next_group = behind_group(&start[..HEAD]);
    let last_group = match last_head.split_last() {
        Some((tag, id)) if last_head.len() == HEAD => [id, &[tag & !7]].concat(),
        Some(_) | None => last_head.clone(),
    };
    let between = Stretch::new(next_group, last_group)
        .filter(|between| range.end.is_none() || !holds_nothing(&range.start, &between.end));
    let last = Stretch::new(last_head, end);
    Stretch::new(start, behind_first).into_iter().chain(between).chain(last).collect()
}

/// Whether nothing can lie between the graph of `start` and the one whose records begin with `end`: it is the next one, and its
/// id is the only key of at most 8 bytes that fills up to it.
fn holds_nothing(start: &[u8], end: &[u8]) -> bool {
    let id = |bytes: &[u8]| bytes.first_chunk().map(|id| u64::from_be_bytes(*id));
    let (first, last) = (id(start), end.get(1..).and_then(id));
    let is_next = first.zip(last).is_some_and(|(first, last)| first.checked_add(1) == Some(last));
    is_next && end.get(ID) != Some(&0)
}

const fn region(space: Space) -> u8 {
    match space {
        Space::Catalog => CATALOG,
        Space::Channels => CHANNELS,
        Space::Nodes | Space::OutEdges | Space::InEdges | Space::Labels | Space::Ledger | Space::Vectors => {
            GRAPHS
        }
    }
}

/// What stands before the rest of a key that begins with `id`, which has up to 8 bytes.
fn head(id: &[u8], space: u8) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD + 16);
    head.push(GRAPHS);
    head.extend_from_slice(id);
    head.resize(1 + ID, 0);
    head.push((id.len() as u8) << 3 | space);
    head
}

/// The first stored key behind the records of one space that begin with `head`.
fn behind_space(head: &[u8]) -> Vec<u8> {
    let mut behind = head.to_vec();
    behind[HEAD - 1] += 1;
    behind
}

/// The first stored key behind the records of all spaces that have the same id and length as `head`.
fn behind_group(head: &[u8]) -> Vec<u8> {
    let mut behind = head.to_vec();
    behind[HEAD - 1] = (behind[HEAD - 1] | 7) + 1;
    behind
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn restored(space: Space, stored: &[u8]) -> Option<Vec<u8>> {
        let mut key = Vec::new();
        restore(space, stored, &mut key).then_some(key)
    }

    /// Keys of few different bytes, so that they share beginnings; some shorter than a graph id, some longer.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(0u8), Just(1), Just(0xff)];
        prop_oneof![
            proptest::collection::vec(byte.clone(), 0..10),
            (
                prop_oneof![0..4u64, 255..258u64, (u64::MAX - 1)..=u64::MAX],
                proptest::collection::vec(byte, 0..3)
            )
                .prop_map(|(id, rest)| [&id.to_be_bytes()[..], &rest].concat()),
        ]
    }

    fn space() -> impl Strategy<Value = Space> {
        proptest::sample::select(Space::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn keys_come_back_and_belong_to_one_space(space in space(), other in space(), key in key()) {
            let stored = stored(space, &key);
            prop_assert_eq!(restored(space, &stored), Some(key));
            prop_assert!(space == other || restored(other, &stored).is_none());
        }

        #[test]
        fn the_order_of_keys_is_kept(space in space(), a in key(), b in key()) {
            prop_assert_eq!(a.cmp(&b), stored(space, &a).cmp(&stored(space, &b)));
        }

        /// As a scan does it: all stored keys in the stretches, but for those of other spaces.
        #[test]
        fn stretches_hold_the_range_in_order(
            keys in proptest::collection::vec((space(), key()), 0..60),
            space in space(),
            start in key(),
            end in proptest::option::of(key()),
        ) {
            let all: BTreeSet<Vec<u8>> = keys.iter().map(|(space, key)| stored(*space, key)).collect();
            let range = KeyRange { start, end };
            let mut found = Vec::new();
            for Stretch { start, end } in stretches(space, &range) {
                prop_assert!(start < end);
                found.extend(all.range(start..end).filter_map(|stored| restored(space, stored)));
            }
            let inside = |key: &Vec<u8>| *key >= range.start && range.end.as_ref().is_none_or(|end| key < end);
            let expected: BTreeSet<Vec<u8>> = keys
                .into_iter()
                .filter(|(of, key)| *of == space && inside(key))
                .map(|(_, key)| key)
                .collect();
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }

    /// A scan of a graph touches the records of one space of this graph alone.
    #[test]
    fn a_graph_is_one_stretch() {
        let graph = |id: u64| KeyRange {
            start: id.to_be_bytes().to_vec(),
            end: Some((id + 1).to_be_bytes().to_vec()),
        };
        let of_ledger = stretches(Space::Ledger, &graph(7));
        let [stretch] = of_ledger.as_slice() else { panic!("{of_ledger:?}") };
        let of = |space| stored(space, &7u64.to_be_bytes());
        assert_eq!(stretch.start, of(Space::Ledger));
        assert_eq!(stretch.end, of(Space::Vectors));
        assert!(stretches(Space::Nodes, &KeyRange { start: vec![2], end: Some(vec![1]) }).is_empty());
    }

    /// They are on object stores: no change may change them.
    #[test]
    fn stored_keys_stay_what_they_are() {
        let key = [&258u64.to_be_bytes()[..], b"n"].concat();
        assert_eq!(stored(Space::Nodes, &key), [0x10, 0, 0, 0, 0, 0, 0, 1, 2, 0x41, b'n']);
        assert_eq!(stored(Space::Vectors, &key), [0x10, 0, 0, 0, 0, 0, 0, 1, 2, 0x46, b'n']);
        assert_eq!(stored(Space::Catalog, &[3]), [0x01, 3]);
        assert_eq!(stored(Space::Channels, &[4, 0]), [0x02, 4, 0]);
        assert_eq!(stored(Space::Ledger, b"ab"), [0x10, b'a', b'b', 0, 0, 0, 0, 0, 0, 0x15]);
    }
}
