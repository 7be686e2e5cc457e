//! The operations of a `BatchUpdate` (`docs/reference-protocol.md` section 8.1).

use std::fmt;

use super::token::{Reader, Token, TokenError, text};
use super::{encode, write_view};

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

/// One operation. `properties` are in the form in which they are stored: the decoded view of what was sent, an
/// empty map if nothing was or if it has no view.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of `docs/reference-protocol.md` section 8.1")]
pub enum BatchOp<'a> {
    AddNode { id: &'a str, properties: Vec<u8> },
    RemoveNode { id: &'a str },
    AddEdge { source: &'a str, target: &'a str, properties: Vec<u8> },
    RemoveEdge { source: &'a str, target: &'a str },
    Rejected(Rejection<'a>),
}

/// One operation as clients from 2.27 on know them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the operations beside it")]
pub enum LaterOp<'a> {
    /// One that earlier clients know too.
    Earlier(BatchOp<'a>),
    UpsertNode {
        id: &'a str,
        properties: Vec<u8>,
    },
    /// In place of all edges of the pair.
    UpsertEdge {
        source: &'a str,
        target: &'a str,
        properties: Vec<u8>,
    },
    /// `embedding` is a MessagePack value.
    AddEmbedding {
        id: &'a str,
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

/// The operations of a payload in order, decoded one at a time, so that a batch needs no memory beside its bytes.
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
    type Item = BatchOp<'a>;

    fn next(&mut self) -> Option<BatchOp<'a>> {
        self.next_fields().map(|fields| fields.operation().unwrap_or_else(BatchOp::Rejected))
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

    fn operation(self) -> Result<BatchOp<'a>, Rejection<'a>> {
        Ok(match self.op.unwrap_or_default() {
            "add_node" => {
                BatchOp::AddNode { id: named(self.id, "id")?, properties: self.stored_properties() }
            }
            "remove_node" => BatchOp::RemoveNode { id: named(self.id, "id")? },
            "add_edge" => BatchOp::AddEdge {
                source: named(self.source, "source")?,
                target: named(self.target, "target")?,
                properties: self.stored_properties(),
            },
            "remove_edge" => BatchOp::RemoveEdge {
                source: named(self.source, "source")?,
                target: named(self.target, "target")?,
            },
            unknown => return Err(Rejection::UnknownOperation(unknown)),
        })
    }

    fn later_operation(self) -> Result<LaterOp<'a>, Rejection<'a>> {
        let is_map = |value: &[u8]| matches!(Reader::new(value).token(), Ok(Token::Map(_)));
        if self.properties.is_some_and(|properties| !is_map(properties)) {
            return Err(Rejection::NoMap);
        }
        Ok(match self.op.unwrap_or_default() {
            "upsert_node" => {
                LaterOp::UpsertNode { id: named(self.id, "id")?, properties: self.stored_properties() }
            }
            "upsert_edge" => LaterOp::UpsertEdge {
                source: named(self.source, "source")?,
                target: named(self.target, "target")?,
                properties: self.stored_properties(),
            },
            "add_embedding" => LaterOp::AddEmbedding {
                id: named(self.id, "id")?,
                embedding: self.embedding.ok_or(Rejection::Missing("embedding"))?,
            },
            _ => LaterOp::Earlier(self.operation()?),
        })
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

fn named<'a>(value: Option<&'a str>, field: &'static str) -> Result<&'a str, Rejection<'a>> {
    value.filter(|value| !value.is_empty()).ok_or(Rejection::Missing(field))
}
