//! The decoded view of property bytes (`docs/format.md`, `docs/reference-protocol.md` section 5).
//!
//! Properties are stored as opaque bytes. Some reads show them decoded: the first MessagePack value of the
//! bytes, JSON-like, with map keys in byte order. This module transcodes straight from bytes to bytes, without
//! a value tree, and answers the two questions the engine asks about properties: which labels a node has
//! ([`labels`]) and which triples it stands for ([`node_triples`], [`edge_predicate`]).
//!
//! What the view keeps:
//! - integers (compact), floats (always 64-bit; NaN and infinities become nil), strings, bools, nil, lists,
//!   maps with string keys, and bins as bins;
//! - of a repeated key the last value.
//!
//! What has no place in it: a map entry whose key is not a string, or whose value is an ext value or a string
//! of invalid UTF-8, is left out; such a value in a list becomes nil, so that positions stay.
//!
//! [`batch`] reads the operations of a `BatchUpdate`, whose properties are stored as their view.
//!
//! Bytes that are no MessagePack value at all (truncated, reserved marker, nested [`token::MAX_DEPTH`] levels
//! or more), or whose whole value has no place in the view, are undecodable.

pub mod batch;
mod conditions;
mod decay_fields;
pub mod encode;
mod fields;
pub mod token;
mod transcode;
mod triples;
mod typed;

#[cfg(test)]
mod tests;

pub use conditions::{meets, merged};
pub use decay_fields::{DecayFields, decay_fields, with_confidence, with_fields};
pub use fields::{Strings, labels, number_field, string_field, strings_field};
pub use transcode::{containers, write_view};
pub use triples::{edge_predicate, node_triples};
pub use typed::{from_bytes, to_bytes};
