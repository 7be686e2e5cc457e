//! The protocol at the level of bytes (`docs/reference-protocol.md`): everything between a socket's bytes and typed requests, and
//! between results and a socket's bytes. No graph, no I/O.
//!
//! The way of a request: [`frame`] cuts it out of the stream, [`envelope`] finds its fields in one scan without
//! touching the parameters, [`TokenKey`] checks the token, [`method`] names the operation, [`params`] decodes what
//! the operation needs, borrowing from the frame; [`batch`] reads the operations inside a `BatchUpdate`. The
//! answer is written by [`response`].

pub mod batch;
mod bytes_field;
pub mod document;
pub mod envelope;
mod error;
mod fields;
mod floats;
pub mod frame;
pub mod in_place;
pub(crate) mod json;
mod ledger_lines;
pub mod method;
pub mod params;
pub mod response;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub use batch::{BatchError, parse_batch};
pub use envelope::Envelope;
pub use epistemic_protocol::TokenKey;
pub use epistemic_storage::graph::GraphType;
pub use epistemic_storage::properties::encode;
pub use error::DecodeError;
pub use floats::embedding;
pub use ledger_lines::{LineError, parse_ledger_lines};
pub use method::{Method, method_named};
pub use params::{EdgeEnds, NoParams, NodeId, NodeIds, OrNone, Params, Undecoded};
pub use response::ReplyTo;
pub use text::WeightedEdge;

pub(crate) use fields::{
    bin_or_nil, counts, decoded_or_empty, decoded_or_nil, field_str, field_uint, str_or_nil, strings,
};
/// For `deserialize_with` of parameters.
pub(crate) use {
    bytes_field::{bytes, some_bytes},
    floats::components,
    text::{items, pairs, some_text, some_texts, text, text_or_nil, texts, triples, weights},
};
