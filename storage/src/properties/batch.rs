//! The operations of a `BatchUpdate` (`docs/reference-protocol.md` section 8.1).

use std::fmt;

use super::token::{Reader, Token, TokenError, text};
use super::{encode, write_view};
use crate::mutation::Mutation;

/// The payload as a whole cannot be read; nothing of it may be applied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NoBatch<'a> {
    /// It is something else than an array.
    NotAnArray(Token<'a>),
    /// It is broken somewhere.
    Broken(TokenError),
}

impl From<TokenError> for NoBatch<'_> {
    fn from(error: TokenError) -> Self {
        Self::Broken(error)
    }
}

/// One operation as clients from 2.27 on know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaterOp<'a> {
    /// One that earlier clients know too.
    Earlier(Mutation),
    /// An `upsert_node`, which adds a node, or an `upsert_edge`, which replaces all edges of the pair.
    Upsert(Mutation),
    /// An `add_embedding`.
    AddEmbedding {
        /// Node id.
        id: &'a str,
        /// A MessagePack value.
        embedding: &'a [u8],
    },
}

/// Why one element is no operation; its text goes behind `op[i]: ` in the result's `errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection<'a> {
    /// Not one of the four names; empty when the element names none.
    UnknownOperation(&'a str),
    /// An id or endpoint that is absent, empty or not a string; an embedding that is absent.
    Missing(&'static str),
    /// Properties that are no map, where that is asked for.
    NoMap,
}

impl fmt::Display for Rejection<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOperation(name) => write!(formatter, "unknown operation '{name}'"),
            Self::Missing(field) => write!(formatter, "missing `{field}`"),
            Self::NoMap => write!(formatter, "`properties` is no map"),
        }
    }
}

/// The operations of a payload in order, decoded one at a time, so that a batch needs no memory beside its bytes. Their
/// `properties` are in the form in which they are stored: the decoded view of what was sent, an empty map if nothing was or
/// if it has no view.
#[derive(Debug, Clone)]
pub struct BatchOps<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> BatchOps<'a> {
    /// Checks the whole payload, without decoding the operations. Bytes after the array are ignored.
    ///
    /// # Errors
    /// It is no array, or broken somewhere.
    pub fn parse(payload: &'a [u8]) -> Result<Self, NoBatch<'a>> {
        let mut reader = Reader::new(payload);
        let token = reader.token()?;
        let Token::Array(left) = token else {
            return Err(NoBatch::NotAnArray(token));
        };
        Reader::new(payload).skip(0)?;
        Ok(Self { reader, left })
    }

    /// The next operation as clients from 2.27 on know them.
    ///
    /// # Errors
    /// It is none.
    pub fn next_later(&mut self) -> Option<Result<LaterOp<'a>, Rejection<'a>>> {
        self.next_fields().map(Fields::later_operation)
    }

    fn next_fields(&mut self) -> Option<Fields<'a>> {
        self.left = self.left.checked_sub(1)?;
        Some(Fields::read(&mut self.reader).expect("parse() walked over every element"))
    }
}

impl<'a> Iterator for BatchOps<'a> {
    type Item = Result<Mutation, Rejection<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_fields().map(Fields::operation)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for BatchOps<'_> {}

/// The known fields of one element; of a repeated one the last value.
#[derive(Default)]
struct Fields<'a> {
    op: Option<&'a str>,
    id: Option<&'a str>,
    source: Option<&'a str>,
    target: Option<&'a str>,
    properties: Option<&'a [u8]>,
    embedding: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, TokenError> {
        let mut fields = Self::default();
        let element = *reader;
        let Token::Map(pairs) = reader.token()? else {
            *reader = element;
            reader.skip(0)?;
            return Ok(fields);
        };
        for _ in 0..pairs {
            let key = string(reader)?;
            let start = reader.position();
            let value = string(reader)?;
            match key {
                Some("op") => fields.op = value,
                Some("id") => fields.id = value,
                Some("source") => fields.source = value,
                Some("target") => fields.target = value,
                Some("properties") => fields.properties = Some(reader.since(start)),
                Some("embedding") => fields.embedding = Some(reader.since(start)),
                _ => {}
            }
        }
        Ok(fields)
    }

    fn operation(self) -> Result<Mutation, Rejection<'a>> {
        Ok(match self.op.unwrap_or_default() {
            "add_node" => self.add_node()?,
            "remove_node" => Mutation::RemoveNode { id: named(self.id, "id")? },
            "add_edge" => {
                let (source, target) = self.ends()?;
                Mutation::AddEdge { source, target, properties: self.stored_properties() }
            }
            "remove_edge" => {
                let (source, target) = self.ends()?;
                Mutation::RemoveEdge { source, target }
            }
            unknown => return Err(Rejection::UnknownOperation(unknown)),
        })
    }

    fn later_operation(self) -> Result<LaterOp<'a>, Rejection<'a>> {
        let is_map = |value: &[u8]| matches!(Reader::new(value).token(), Ok(Token::Map(_)));
        if self.properties.is_some_and(|properties| !is_map(properties)) {
            return Err(Rejection::NoMap);
        }
        Ok(match self.op.unwrap_or_default() {
            "upsert_node" => LaterOp::Upsert(self.add_node()?),
            "upsert_edge" => {
                let (source, target) = self.ends()?;
                LaterOp::Upsert(Mutation::ReplaceEdges {
                    source,
                    target,
                    properties: self.stored_properties(),
                })
            }
            "add_embedding" => LaterOp::AddEmbedding {
                id: present(self.id, "id")?,
                embedding: self.embedding.ok_or(Rejection::Missing("embedding"))?,
            },
            _ => LaterOp::Earlier(self.operation()?),
        })
    }

    fn add_node(&self) -> Result<Mutation, Rejection<'a>> {
        Ok(Mutation::AddNode { id: named(self.id, "id")?, properties: self.stored_properties() })
    }

    fn ends(&self) -> Result<(String, String), Rejection<'a>> {
        Ok((named(self.source, "source")?, named(self.target, "target")?))
    }

    fn stored_properties(&self) -> Vec<u8> {
        let sent = self.properties.unwrap_or_default();
        let mut stored = Vec::with_capacity(sent.len().max(1));
        if !write_view(sent, &mut stored) {
            encode::map(&mut stored, 0);
        }
        stored
    }
}

/// Passes over a value and returns it if it is a string.
fn string<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, TokenError> {
    let mut ahead = *reader;
    reader.skip(0)?;
    Ok(if let Token::Str(bytes) = ahead.token()? { text(bytes) } else { None })
}

fn named<'a>(value: Option<&'a str>, field: &'static str) -> Result<String, Rejection<'a>> {
    present(value, field).map(str::to_owned)
}

fn present<'a>(value: Option<&'a str>, field: &'static str) -> Result<&'a str, Rejection<'a>> {
    value.filter(|value| !value.is_empty()).ok_or(Rejection::Missing(field))
}
