//! The key registry: the one place that knows every key. What is public here is for tests that damage records, as
//! `storage/conformance` has them.
//!
//! | space | key | value |
//! |---|---|---|
//! | catalog | `0x01` name | catalog entry (MessagePack map) |
//! | catalog | `0x02` id | graph state, see [`crate::graph::GraphCounters`] |
//! | catalog | `0x03` | the next graph id, 8 bytes big-endian |
//! | catalog | `0x04` id | empty: the id's records await reclamation |
//! | catalog | `0x05` agent id | identity (MessagePack map) |
//! | catalog | `0x06` move id | what became of a move (MessagePack map), see [`crate::graph::MoveRecord`] |
//! | catalog | `0x07` id | empty: removed records of the id may still lie in tables |
//! | catalog | `0x08` minute, key | a write that is made once, and what became of it (MessagePack map) |
//! | nodes | id, node id | sequence, property bytes |
//! | out_edges | id, esc(source), esc(target), sequence | property bytes |
//! | in_edges | id, esc(target), esc(source), sequence | empty |
//! | labels | id, esc(label), sequence | node id |
//! | ledger | id, sequence | ledger record |
//! | vectors | id, node id | float32 little-endian each |
//! | channels | `0x01` channel id | channel (MessagePack map) |
//! | channels | `0x02` number | its counters, see `channels/record.rs` |
//! | channels | `0x03` number, agent id | empty: a member |
//! | channels | `0x04` number, sequence | message |
//!
//! `id` is the graph id and `sequence` the ledger sequence that inserted the record, both 8 bytes big-endian; so are
//! the `number` of a channel and the `sequence` of a message, which counts the messages of its channel.
//! `esc` writes a zero byte as `00 ff` and ends with `00 01`, which keeps the order of the strings and makes no
//! encoded string the prefix of another (the tuple encoding of FoundationDB).

use std::borrow::Cow;

use crate::store::{KeyRange, successor};

/// Number of a graph within a store. Never reused, so records of a deleted graph can never return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GraphId(#[doc(hidden)] pub u64);

impl GraphId {
    /// The id as a number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for GraphId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

const NAME: u8 = 0x01;
const STATE: u8 = 0x02;
const NEXT_ID: u8 = 0x03;
const RECLAIM: u8 = 0x04;
const IDENTITY: u8 = 0x05;
const MOVE_OUTCOME: u8 = 0x06;
const EMPTIED: u8 = 0x07;
const MADE_ONCE: u8 = 0x08;

const CHANNEL: u8 = 0x01;
const COUNTERS: u8 = 0x02;
const MEMBER: u8 = 0x03;
const MESSAGE: u8 = 0x04;

/// Key of the catalog entry of a name.
pub fn name(name: &str) -> Vec<u8> {
    [&[NAME], name.as_bytes()].concat()
}

pub(crate) fn names() -> KeyRange {
    KeyRange::prefix(&[NAME])
}

/// The text of a key that is a tag and a text: the name in a key of [`names`], for example.
pub(crate) fn name_of(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(1..)?).ok()
}

/// Key of the state of a graph.
pub fn state(id: GraphId) -> Vec<u8> {
    tagged(STATE, id)
}

/// All graph states.
pub(crate) fn states() -> KeyRange {
    KeyRange::prefix(&[STATE])
}

pub(crate) fn next_id() -> Vec<u8> {
    vec![NEXT_ID]
}

/// Key of the note that the records of a graph await reclamation.
pub fn reclaim(id: GraphId) -> Vec<u8> {
    tagged(RECLAIM, id)
}

pub(crate) fn reclaims() -> KeyRange {
    KeyRange::prefix(&[RECLAIM])
}

pub(crate) fn emptied(id: GraphId) -> Vec<u8> {
    tagged(EMPTIED, id)
}

/// The ids of which removed records may still lie in tables.
pub(crate) fn all_emptied() -> KeyRange {
    KeyRange::prefix(&[EMPTIED])
}

/// The graph id in a key of [`reclaims`], [`all_emptied`] or of a graph state.
pub(crate) fn tagged_id(key: &[u8]) -> Option<GraphId> {
    Some(GraphId(u64::from_be_bytes(key.get(1..)?.try_into().ok()?)))
}

/// A write that is made once: the minute in which it was, and its key.
pub(crate) fn made_once(minute: u64, key: &[u8; 16]) -> Vec<u8> {
    [&[MADE_ONCE][..], &minute.to_be_bytes(), key].concat()
}

/// All writes that are made once.
pub(crate) fn all_made_once() -> KeyRange {
    KeyRange::prefix(&[MADE_ONCE])
}

/// Minute and key of a write in [`all_made_once`].
pub(crate) fn made_once_parts(key: &[u8]) -> Option<(u64, [u8; 16])> {
    let (minute, key) = key.get(1..)?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*minute), key.try_into().ok()?))
}

pub(crate) fn identity(agent: &str) -> Vec<u8> {
    [&[IDENTITY], agent.as_bytes()].concat()
}

/// All identities; [`name_of`] tells whose a key is.
pub(crate) fn identities() -> KeyRange {
    KeyRange::prefix(&[IDENTITY])
}

pub(crate) fn move_outcome(move_id: &str) -> Vec<u8> {
    [&[MOVE_OUTCOME], move_id.as_bytes()].concat()
}

/// What became of all moves; [`name_of`] tells which a key is of.
pub(crate) fn move_outcomes() -> KeyRange {
    KeyRange::prefix(&[MOVE_OUTCOME])
}

pub(crate) fn channel(channel: &str) -> Vec<u8> {
    [&[CHANNEL], channel.as_bytes()].concat()
}

/// All channels; [`name_of`] tells which a key is of.
pub(crate) fn channels() -> KeyRange {
    KeyRange::prefix(&[CHANNEL])
}

pub(crate) fn channel_counters(number: u64) -> Vec<u8> {
    [&[COUNTERS][..], &number.to_be_bytes()].concat()
}

/// The counters of all channels; [`channel_of`] tells whose a key is.
pub(crate) fn all_channel_counters() -> KeyRange {
    KeyRange::prefix(&[COUNTERS])
}

pub(crate) fn channel_member(number: u64, agent: &str) -> Vec<u8> {
    [&[MEMBER][..], &number.to_be_bytes(), agent.as_bytes()].concat()
}

/// The members of all channels; [`channel_of`] and [`channel_member_of`] take a key apart.
pub(crate) fn all_channel_members() -> KeyRange {
    KeyRange::prefix(&[MEMBER])
}

/// The number in a key of counters, a member or a message.
pub(crate) fn channel_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.get(1..)?.first_chunk()?))
}

pub(crate) fn channel_member_of(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(9..)?).ok()
}

pub(crate) fn message(number: u64, sequence: u64) -> Vec<u8> {
    [&[MESSAGE][..], &number.to_be_bytes(), &sequence.to_be_bytes()].concat()
}

/// The messages of a channel from `sequence` on; [`sequence_of`] tells which a key is of.
pub(crate) fn messages_from(number: u64, sequence: u64) -> KeyRange {
    let prefix = [&[MESSAGE][..], &number.to_be_bytes()].concat();
    KeyRange { start: message(number, sequence), end: successor(&prefix) }
}

fn tagged(tag: u8, id: GraphId) -> Vec<u8> {
    let mut key = Vec::with_capacity(9);
    key.push(tag);
    key.extend_from_slice(&id.0.to_be_bytes());
    key
}

/// All records of a graph in one of the spaces of graphs.
pub fn graph(id: GraphId) -> KeyRange {
    KeyRange::prefix(&id.0.to_be_bytes())
}

/// Key of a node record; also of its embedding.
pub fn node(id: GraphId, node: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + node.len());
    key.extend_from_slice(&id.0.to_be_bytes());
    key.extend_from_slice(node.as_bytes());
    key
}

/// The node id in a key made by [`node`].
pub(crate) fn node_of(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(8..)?).ok()
}

/// Key of an edge record in `out_edges` (near = source) or `in_edges` (near = target).
pub fn edge(id: GraphId, near: &str, far: &str, sequence: u64) -> Vec<u8> {
    let mut key = pair(id, near, far);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// Prefix of all parallel edges of an ordered pair.
pub(crate) fn pair(id: GraphId, near: &str, far: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + near.len() + far.len() + 12);
    key.extend_from_slice(&id.0.to_be_bytes());
    escape(&mut key, near);
    escape(&mut key, far);
    key
}

/// Prefix of all edges at one end.
pub(crate) fn edges_at(id: GraphId, near: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + near.len() + 2);
    key.extend_from_slice(&id.0.to_be_bytes());
    escape(&mut key, near);
    key
}

/// The parts of an edge key: (near, far, sequence).
pub(crate) fn edge_parts(key: &[u8]) -> Option<(Cow<'_, str>, Cow<'_, str>, u64)> {
    let (near, rest) = unescape(key.get(8..)?)?;
    let (far, rest) = unescape(rest)?;
    Some((near, far, u64::from_be_bytes(rest.try_into().ok()?)))
}

/// The far end and sequence of an edge key that begins with `prefix` (made by [`edges_at`]).
pub(crate) fn edge_tail<'k>(key: &'k [u8], prefix: &[u8]) -> Option<(Cow<'k, str>, u64)> {
    let (far, rest) = unescape(key.strip_prefix(prefix)?)?;
    Some((far, u64::from_be_bytes(rest.try_into().ok()?)))
}

/// Appends the far end of an edge key that begins with `prefix` (made by [`edges_at`]).
pub(crate) fn push_edge_end(key: &[u8], prefix: &[u8], out: &mut Vec<u8>) -> Option<()> {
    unescape_into(key.strip_prefix(prefix)?, out).map(|_| ())
}

/// The sequence at the end of an edge, label, ledger or message key.
pub(crate) fn sequence_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.last_chunk()?))
}

/// Key of a node in the index of labels; `sequence` is that of the node.
pub fn label(id: GraphId, label: &str, sequence: u64) -> Vec<u8> {
    let mut key = edges_at(id, label);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

pub(crate) fn labels(id: GraphId, label: &str) -> KeyRange {
    KeyRange::prefix(&edges_at(id, label))
}

/// Key of a ledger record.
pub fn ledger(id: GraphId, sequence: u64) -> Vec<u8> {
    [id.0.to_be_bytes(), sequence.to_be_bytes()].concat()
}

/// The sequence of a ledger key.
pub(crate) fn ledger_sequence(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(8..)?.try_into().ok()?))
}

/// The label and the sequence of a label key.
pub(crate) fn label_parts(key: &[u8]) -> Option<(Cow<'_, str>, u64)> {
    let (label, rest) = unescape(key.get(8..)?)?;
    Some((label, u64::from_be_bytes(rest.try_into().ok()?)))
}

/// The graph that a key of one of the spaces of graphs belongs to.
pub(crate) fn graph_of(key: &[u8]) -> Option<GraphId> {
    Some(GraphId(u64::from_be_bytes(*key.first_chunk()?)))
}

/// A key of one of the spaces of graphs without the graph's id, which differs between copies.
pub(crate) fn without_graph_id(key: &[u8]) -> Option<&[u8]> {
    key.get(size_of::<u64>()..)
}

/// Ledger records before `sequence`.
pub(crate) fn ledger_before(id: GraphId, sequence: u64) -> KeyRange {
    KeyRange { start: id.0.to_be_bytes().to_vec(), end: Some(ledger(id, sequence)) }
}

/// Ledger records from `sequence` on.
pub(crate) fn ledger_from(id: GraphId, sequence: u64) -> KeyRange {
    KeyRange { start: ledger(id, sequence), end: successor(&id.0.to_be_bytes()) }
}

fn escape(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(zero) = rest.iter().position(|&byte| byte == 0) {
        out.extend_from_slice(&rest[..zero]);
        out.extend_from_slice(&[0, 0xff]);
        rest = &rest[zero + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[0, 1]);
}

/// The text at the front of `bytes` and what is behind it.
fn unescape(bytes: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let zero = bytes.iter().position(|&byte| byte == 0)?;
    if bytes.get(zero + 1) == Some(&1) {
        return Some((std::str::from_utf8(&bytes[..zero]).ok()?.into(), &bytes[zero + 2..]));
    }
    let mut text = Vec::new();
    let rest = unescape_into(bytes, &mut text)?;
    Some((String::from_utf8(text).ok()?.into(), rest))
}

/// Appends the text at the front of `bytes` and returns what is behind it.
fn unescape_into<'b>(bytes: &'b [u8], text: &mut Vec<u8>) -> Option<&'b [u8]> {
    let mut rest = bytes;
    loop {
        let zero = rest.iter().position(|&byte| byte == 0)?;
        text.extend_from_slice(&rest[..zero]);
        match rest.get(zero + 1)? {
            1 => return Some(&rest[zero + 2..]),
            0xff => text.push(0),
            _ => return None,
        }
        rest = &rest[zero + 2..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn edge_keys_round_trip(near in "(\\PC|\0)*", far in "(\\PC|\0)*", sequence: u64) {
            let key = edge(GraphId(7), &near, &far, sequence);
            prop_assert_eq!(edge_parts(&key), Some((near.as_str().into(), far.as_str().into(), sequence)));
            prop_assert_eq!(edge_tail(&key, &edges_at(GraphId(7), &near)), Some((far.into(), sequence)));
        }

        #[test]
        fn escaping_keeps_the_order(a in "(a|\0|\u{1}|é)*", b in "(a|\0|\u{1}|é)*") {
            let (ka, kb) = (edges_at(GraphId(1), &a), edges_at(GraphId(1), &b));
            prop_assert_eq!(a.cmp(&b), ka.cmp(&kb));
            prop_assert!(a == b || !kb.starts_with(&ka));
        }
    }

    #[test]
    fn successor_skips_trailing_ff() {
        assert_eq!(successor(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(successor(&[0xff]), None);
    }
}
