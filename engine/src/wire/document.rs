//! The document of `ToMsgpack` and `FromMsgpack` (`docs/reference-protocol.md` section 8.3), read where it lies: first where its parts begin,
//! then each part item by item. A document may be most of what a client may send at once.

use std::borrow::Cow;

use epistemic_storage::properties::token::{Reader, Token};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::bytes_field::bytes;
use super::envelope::field;
use super::error::DecodeError;
use super::text::Text;
use super::value::{Value, invalid_type};

/// A whole graph as a client sends it. Every part may be missing; unknown keys are ignored.
pub struct Document<'a> {
    bytes: &'a [u8],
    nodes: Option<usize>,
    edges: Option<usize>,
    ledger: Option<usize>,
    /// Embeddings by node id, the form of 0.28 and 0.31.
    embeddings: Option<usize>,
    flat: Flat<'a>,
}

/// Embeddings in the form of 2.0.
#[derive(Default)]
pub struct Flat<'a> {
    /// Components of each embedding in `data`.
    pub dim: usize,
    /// Node ids.
    pub ids: Vec<&'a str>,
    /// Components of all embeddings of `ids`, one behind the other.
    pub data: Vec<f32>,
}

/// A node id, and where in the document the item is that it begins.
pub type NodePlace<'a> = (&'a str, usize);

/// Source, target and property bytes.
pub type Edge<'a> = (NodeName<'a>, NodeName<'a>, Properties<'a>);

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
    /// Finds the parts; bytes behind the document are ignored. The error's [`DecodeError::reason`] is what clients are
    /// told, here and below.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let names = ["nodes", "edges", "ledger", "semantic_store"];
        let [nodes, edges, ledger, store] = fields(&mut Reader::new(bytes), "a map", names)?;
        let mut document = Self { bytes, nodes, edges, ledger, embeddings: None, flat: Flat::default() };
        if let Some(position) = store {
            let mut reader = Reader::at(bytes, position);
            let names = ["embeddings", "dim", "ids", "data"];
            let [embeddings, dim, ids, data] = fields(&mut reader, "struct SemanticStore", names)?;
            let ids: Vec<Text<'a>> = ids.map_or(Ok(Vec::new()), |ids| document.read(ids))?;
            document.embeddings = embeddings;
            document.flat = Flat {
                dim: dim.map_or(Ok(0), |dim| document.read(dim))?,
                ids: ids.into_iter().map(|id| id.0).collect(),
                data: data.map_or(Ok(Vec::new()), |data| document.read(data))?,
            };
        }
        Ok(document)
    }

    /// Calls `each` with the nodes and their places; of a repeated id the last counts.
    pub fn for_each_node_place<E: From<DecodeError>>(
        &self,
        mut each: impl FnMut(NodePlace<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each(self.nodes, |place, (id, _): (NodeName<'a>, IgnoredAny)| each((id.0, place)))
    }

    /// Calls `each` with the nodes, their places and their properties.
    pub fn for_each_node<E: From<DecodeError>>(
        &self,
        mut each: impl FnMut(NodePlace<'a>, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each(self.nodes, |place, (id, properties): (NodeName<'a>, Properties<'a>)| {
            each((id.0, place), &properties.0)
        })
    }

    /// The properties of the node at this place.
    pub fn properties(&self, place: usize) -> Result<Properties<'a>, DecodeError> {
        let (_, properties): (NodeName<'a>, Properties<'a>) = self.read(place)?;
        Ok(properties)
    }

    /// Calls `each` with the edges.
    pub fn for_each_edge<E: From<DecodeError>>(
        &self,
        mut each: impl FnMut(Edge<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each(self.edges, |_, edge| each(edge))
    }

    /// Whether it has a ledger; without one the content makes its own.
    pub fn has_ledger(&self) -> bool {
        self.ledger.is_some()
    }

    /// Calls `each` with the lines of the ledger.
    pub fn for_each_line<E: From<DecodeError>>(
        &self,
        mut each: impl FnMut(&'a str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each(self.ledger, |_, line: Text<'a>| each(line.0))
    }

    /// Calls `each` with the node ids of the embeddings by node id, and the places of their components.
    pub fn for_each_embedding_place<E: From<DecodeError>>(
        &self,
        mut each: impl FnMut(NodePlace<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(position) = self.embeddings else { return Ok(()) };
        let mut reader = Reader::at(self.bytes, position);
        let token = reader.token().map_err(DecodeError::from)?;
        let Token::Map(pairs) = token else { return Err(invalid_type(token, &"a map").into()) };
        for _ in 0..pairs {
            let id = Text::deserialize(Value::new(&mut reader, 0))?;
            let place = reader.position();
            reader.skip(0).map_err(DecodeError::from)?;
            each((id.0, place))?;
        }
        Ok(())
    }

    /// The components at a place.
    pub fn components(&self, place: usize) -> Result<Vec<f32>, DecodeError> {
        self.read(place)
    }

    /// The embeddings in the form of 2.0.
    pub fn flat(&self) -> &Flat<'a> {
        &self.flat
    }

    fn read<T: Deserialize<'a>>(&self, position: usize) -> Result<T, DecodeError> {
        T::deserialize(Value::new(&mut Reader::at(self.bytes, position), 0))
    }

    fn for_each<T: Deserialize<'a>, E: From<DecodeError>>(
        &self,
        part: Option<usize>,
        mut each: impl FnMut(usize, T) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(position) = part else { return Ok(()) };
        let mut reader = Reader::at(self.bytes, position);
        let token = reader.token().map_err(DecodeError::from)?;
        let Token::Array(items) = token else { return Err(invalid_type(token, &"a sequence").into()) };
        for _ in 0..items {
            let place = reader.position();
            each(place, T::deserialize(Value::new(&mut reader, 0))?)?;
        }
        Ok(())
    }
}

/// The positions of the values that a map has under these names.
fn fields<const N: usize>(
    reader: &mut Reader<'_>,
    expected: &'static str,
    names: [&'static str; N],
) -> Result<[Option<usize>; N], DecodeError> {
    let token = reader.token()?;
    let Token::Map(pairs) = token else { return Err(invalid_type(token, &expected)) };
    let mut found = [None; N];
    for _ in 0..pairs {
        let name = field(reader)?;
        let position = reader.position();
        reader.skip(1)?;
        if let Some(index) = names.iter().position(|known| known.as_bytes() == name)
            && found[index].replace(position).is_some()
        {
            return Err(serde::de::Error::duplicate_field(names[index]));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
