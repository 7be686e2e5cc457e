//! The document of `ToMsgpack` and `FromMsgpack` (wire.md section 8.3), decoded.

use std::{borrow::Cow, collections::BTreeMap};

use epistemic_storage::view::token::{Reader, Token};
use serde::{Deserialize, Deserializer};

use super::bytes_field::bytes;
use super::error::DecodeError;
use super::text::{Text, some_texts, texts};
use super::value::{Value, invalid_type};

/// A whole graph as a client sends it. Every part may be missing; unknown keys are ignored.
#[derive(Debug, Default, Deserialize)]
pub struct Document<'a> {
    /// Node ids and property bytes; of a repeated id the last counts.
    #[serde(borrow, default)]
    pub nodes: Vec<(NodeName<'a>, Properties<'a>)>,
    /// Source, target and property bytes.
    #[serde(borrow, default)]
    pub edges: Vec<(NodeName<'a>, NodeName<'a>, Properties<'a>)>,
    /// Ledger lines; without them the content makes its own.
    #[serde(borrow, default, deserialize_with = "some_texts")]
    pub ledger: Option<Vec<&'a str>>,
    /// Embeddings.
    #[serde(borrow, default)]
    pub semantic_store: SemanticStore<'a>,
}

/// Embeddings, in the form of 0.28 and 0.31 (`embeddings`) or of 2.0 (`dim`, `ids`, `data`).
#[derive(Debug, Default, Deserialize)]
pub struct SemanticStore<'a> {
    /// Components by node id.
    #[serde(borrow, default)]
    pub embeddings: BTreeMap<&'a str, Vec<f32>>,
    /// Components of each embedding in `data`.
    #[serde(default)]
    pub dim: usize,
    /// Node ids.
    #[serde(borrow, default, deserialize_with = "texts")]
    pub ids: Vec<&'a str>,
    /// Components of all embeddings of `ids`, one behind the other.
    #[serde(default)]
    pub data: Vec<f32>,
}

/// Property bytes: a bin, a str or a list of integers.
#[derive(Debug)]
pub struct Properties<'a>(pub Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Properties<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes(deserializer).map(Properties)
    }
}

/// A node id.
#[derive(Debug)]
pub struct NodeName<'a>(pub &'a str);

impl<'de: 'a, 'a> Deserialize<'de> for NodeName<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(|text| NodeName(text.0))
    }
}

impl<'a> Document<'a> {
    /// Decodes a document; bytes behind it are ignored. The error's [`DecodeError::reason`] is what clients are told.
    pub fn parse(document: &'a [u8]) -> Result<Self, DecodeError> {
        let token = Reader::new(document).token()?;
        let Token::Map(_) = token else {
            return Err(invalid_type(token, &"a map"));
        };
        Self::deserialize(Value::new(&mut Reader::new(document), 0))
    }
}
