//! What reads of a graph return: records, neighbours, cursors.

use crate::{
    error::Result,
    graph::read::node_record::{bad_key, decode_node},
    keys,
    space::Space,
    store::Cursor,
};

/// A node or an edge as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Ledger sequence that inserted it: ascending in insertion order.
    pub sequence: u64,
    /// Property bytes as they came.
    pub properties: Vec<u8>,
}

/// Node ids, kept in one buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbors {
    pub(crate) bytes: Vec<u8>,
    pub(crate) spans: Vec<(usize, usize)>,
}

impl Neighbors {
    /// Number of ids.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The ids in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let text = std::str::from_utf8(&self.bytes).expect("each id was checked when it was read");
        self.spans.iter().map(|&(start, end)| &text[start..end])
    }
}

/// Nodes of a graph, one at a time, by id.
pub struct NodeCursor<'r>(pub(crate) Box<dyn Cursor + 'r>);

impl NodeCursor<'_> {
    /// Id and property bytes of the next node, or `None` at the end.
    pub fn advance(&mut self) -> Result<Option<(&str, &[u8])>> {
        let Some((key, value)) = self.0.next()? else { return Ok(None) };
        let id = keys::node_of(key).ok_or_else(|| bad_key(Space::Nodes, key))?;
        Ok(Some((id, decode_node(value)?.1)))
    }
}

/// Edges of a graph, one at a time, by source, target and sequence.
pub struct EdgeCursor<'r>(pub(crate) Box<dyn Cursor + 'r>);

impl EdgeCursor<'_> {
    /// Source and target of the next edge, or `None` at the end.
    pub fn advance(&mut self) -> Result<Option<(String, String)>> {
        let Some((key, _)) = self.0.next()? else { return Ok(None) };
        let (source, target, _) = keys::edge_parts(key).ok_or_else(|| bad_key(Space::OutEdges, key))?;
        Ok(Some((source.into_owned(), target.into_owned())))
    }
}
