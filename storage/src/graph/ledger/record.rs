//! Records of the ledger: the ordered change log of a graph.
//!
//! Value: kind (1 byte), Unix milliseconds (8, little-endian), then the fields of the kind; every string but
//! the last is preceded by its length (4, little-endian).

use crate::{
    error::{Result, StoreError},
    space::Space,
};

/// One change of a graph. The borrowed form is what is written; reading gives owned fields through [`LedgerRecord::decode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerRecord<'r> {
    /// A node was added or its properties replaced.
    AddNode {
        /// Node id.
        id: &'r str,
        /// Property bytes.
        properties: &'r [u8],
    },
    /// An edge was added.
    AddEdge {
        /// Source node id.
        source: &'r str,
        /// Target node id.
        target: &'r str,
        /// Property bytes.
        properties: &'r [u8],
    },
    /// A node and its edges were removed.
    RemoveNode {
        /// Node id.
        id: &'r str,
    },
    /// All edges of an ordered pair were removed.
    RemoveEdge {
        /// Source node id.
        source: &'r str,
        /// Target node id.
        target: &'r str,
    },
    /// A line that came with an imported document and is kept as it was.
    Text(&'r str),
    /// The graph was created. Not shown.
    Created,
    /// All records were dropped. Not shown.
    Cleared,
    /// All records were replaced by a document. Not shown.
    Replaced,
    /// Earlier ledger records were dropped. Not shown.
    LedgerCleared,
    /// The properties of a node were rewritten by the service. Not shown.
    SetNode {
        /// Node id.
        id: &'r str,
        /// Property bytes.
        properties: &'r [u8],
    },
    /// The properties of one edge were rewritten by the service. Not shown.
    SetEdge {
        /// Source node id.
        source: &'r str,
        /// Target node id.
        target: &'r str,
        /// The sequence number that inserted the edge.
        edge: u64,
        /// Property bytes.
        properties: &'r [u8],
    },
    /// The embedding of a node was added or replaced. Not shown.
    AddEmbedding {
        /// Node id.
        node: &'r str,
        /// Float32 components, little-endian.
        components: &'r [u8],
    },
    /// One edge was removed: one of several parallel ones, or one of many that go before their node or pair does, which is
    /// shown. Not shown itself.
    RemoveParallel {
        /// Source node id.
        source: &'r str,
        /// Target node id.
        target: &'r str,
        /// The sequence number that inserted the edge.
        edge: u64,
    },
    /// The graph was given another owner; nobody, where the name is empty. Not shown.
    Owned {
        /// Identity of the new owner.
        owner: &'r str,
    },
}

impl<'r> LedgerRecord<'r> {
    fn kind(&self) -> u8 {
        match self {
            LedgerRecord::AddNode { .. } => 1,
            LedgerRecord::AddEdge { .. } => 2,
            LedgerRecord::RemoveNode { .. } => 3,
            LedgerRecord::RemoveEdge { .. } => 4,
            LedgerRecord::Text(_) => 5,
            LedgerRecord::Created => 6,
            LedgerRecord::Cleared => 7,
            LedgerRecord::Replaced => 8,
            LedgerRecord::LedgerCleared => 9,
            LedgerRecord::SetNode { .. } => 10,
            LedgerRecord::SetEdge { .. } => 11,
            LedgerRecord::AddEmbedding { .. } => 12,
            LedgerRecord::RemoveParallel { .. } => 13,
            LedgerRecord::Owned { .. } => 14,
        }
    }

    /// The stored form.
    pub fn encode(&self, unix_ms: u64) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(unix_ms, &mut out);
        out
    }

    /// Appends the stored form.
    pub(crate) fn encode_into(&self, unix_ms: u64, out: &mut Vec<u8>) {
        out.push(self.kind());
        out.extend_from_slice(&unix_ms.to_le_bytes());
        match self {
            LedgerRecord::AddNode { id, properties } | LedgerRecord::SetNode { id, properties } => {
                prefixed(out, id);
                out.extend_from_slice(properties);
            }
            LedgerRecord::AddEmbedding { node, components } => {
                prefixed(out, node);
                out.extend_from_slice(components);
            }
            LedgerRecord::AddEdge { source, target, properties } => {
                prefixed(out, source);
                prefixed(out, target);
                out.extend_from_slice(properties);
            }
            LedgerRecord::RemoveNode { id: text }
            | LedgerRecord::Text(text)
            | LedgerRecord::Owned { owner: text } => out.extend_from_slice(text.as_bytes()),
            LedgerRecord::RemoveEdge { source, target } => {
                prefixed(out, source);
                out.extend_from_slice(target.as_bytes());
            }
            LedgerRecord::SetEdge { source, target, edge, properties } => {
                prefixed(out, source);
                prefixed(out, target);
                out.extend_from_slice(&edge.to_le_bytes());
                out.extend_from_slice(properties);
            }
            LedgerRecord::RemoveParallel { source, target, edge } => {
                prefixed(out, source);
                prefixed(out, target);
                out.extend_from_slice(&edge.to_le_bytes());
            }
            LedgerRecord::Created
            | LedgerRecord::Cleared
            | LedgerRecord::Replaced
            | LedgerRecord::LedgerCleared => {}
        }
    }

    /// Reads the stored form: the record and its time in Unix milliseconds.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are not a record.
    pub fn decode(value: &'r [u8]) -> Result<(Self, u64)> {
        Self::parse(value).ok_or_else(|| StoreError::corrupt(Space::Ledger, "ledger record of unknown form"))
    }

    fn parse(value: &'r [u8]) -> Option<(Self, u64)> {
        let (&kind, rest) = value.split_first()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let record = match kind {
            1 => {
                let (id, properties) = unprefixed(rest)?;
                LedgerRecord::AddNode { id, properties }
            }
            2 => {
                let (source, rest) = unprefixed(rest)?;
                let (target, properties) = unprefixed(rest)?;
                LedgerRecord::AddEdge { source, target, properties }
            }
            3 => LedgerRecord::RemoveNode { id: text(rest)? },
            4 => {
                let (source, rest) = unprefixed(rest)?;
                LedgerRecord::RemoveEdge { source, target: text(rest)? }
            }
            5 => LedgerRecord::Text(text(rest)?),
            6 => LedgerRecord::Created,
            7 => LedgerRecord::Cleared,
            8 => LedgerRecord::Replaced,
            9 => LedgerRecord::LedgerCleared,
            10 => {
                let (id, properties) = unprefixed(rest)?;
                LedgerRecord::SetNode { id, properties }
            }
            11 => {
                let (source, rest) = unprefixed(rest)?;
                let (target, rest) = unprefixed(rest)?;
                let (edge, properties) = rest.split_first_chunk::<8>()?;
                LedgerRecord::SetEdge { source, target, edge: u64::from_le_bytes(*edge), properties }
            }
            12 => {
                let (node, components) = unprefixed(rest)?;
                if !components.len().is_multiple_of(size_of::<f32>()) {
                    return None;
                }
                LedgerRecord::AddEmbedding { node, components }
            }
            13 => {
                let (source, rest) = unprefixed(rest)?;
                let (target, rest) = unprefixed(rest)?;
                let edge = u64::from_le_bytes(rest.try_into().ok()?);
                LedgerRecord::RemoveParallel { source, target, edge }
            }
            14 => LedgerRecord::Owned { owner: text(rest)? },
            _ => return None,
        };
        Some((record, u64::from_le_bytes(*time)))
    }

    /// Whether the protocol's ledger shows the record.
    pub fn is_shown(&self) -> bool {
        self.kind() <= 5
    }

    /// Whether the change can be made again from the record alone; others replaced the content as a whole.
    pub fn can_be_replayed(&self) -> bool {
        !matches!(self, LedgerRecord::Text(_) | LedgerRecord::Cleared | LedgerRecord::Replaced)
    }

    /// The line of the protocol's ledger, or `None` for records that it does not show.
    pub fn line(&self) -> Option<String> {
        match self {
            LedgerRecord::AddNode { id, properties } => {
                Some(format!("ADD_NODE|{id}|{}", hex::encode(properties)))
            }
            LedgerRecord::AddEdge { source, target, properties } => {
                Some(format!("ADD_EDGE|{source}|{target}|{}", hex::encode(properties)))
            }
            LedgerRecord::RemoveNode { id } => Some(format!("REMOVE_NODE|{id}")),
            LedgerRecord::RemoveEdge { source, target } => Some(format!("REMOVE_EDGE|{source}|{target}")),
            LedgerRecord::Text(line) => Some((*line).to_owned()),
            LedgerRecord::Created
            | LedgerRecord::Cleared
            | LedgerRecord::Replaced
            | LedgerRecord::LedgerCleared
            | LedgerRecord::SetNode { .. }
            | LedgerRecord::SetEdge { .. }
            | LedgerRecord::AddEmbedding { .. }
            | LedgerRecord::RemoveParallel { .. }
            | LedgerRecord::Owned { .. } => None,
        }
    }
}

fn prefixed(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn unprefixed(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (text_bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((text(text_bytes)?, rest))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip() {
        let records = [
            LedgerRecord::AddNode { id: "a|b", properties: &[0x81, 0xa1, 0x78, 1] },
            LedgerRecord::AddEdge { source: "", target: "é", properties: &[] },
            LedgerRecord::RemoveNode { id: "a" },
            LedgerRecord::RemoveEdge { source: "a", target: "b" },
            LedgerRecord::Text("X|y"),
            LedgerRecord::Created,
            LedgerRecord::Cleared,
            LedgerRecord::Replaced,
            LedgerRecord::LedgerCleared,
            LedgerRecord::SetNode { id: "a", properties: &[0x80] },
            LedgerRecord::SetEdge { source: "a", target: "b", edge: 7, properties: &[0x80] },
            LedgerRecord::AddEmbedding { node: "a|b", components: &[0, 0, 128, 63] },
            LedgerRecord::RemoveParallel { source: "a", target: "b", edge: u64::MAX },
            LedgerRecord::Owned { owner: "é" },
            LedgerRecord::Owned { owner: "" },
        ];
        for record in records {
            let bytes = record.encode(42);
            assert_eq!(LedgerRecord::decode(&bytes).unwrap(), (record, 42));
            assert!(bytes.is_empty() || LedgerRecord::decode(&bytes[..5]).is_err());
        }
    }

    #[test]
    fn lines_are_the_contract() {
        assert_eq!(
            LedgerRecord::AddEdge { source: "a", target: "b", properties: &[0x81, 0xa1] }.line().unwrap(),
            "ADD_EDGE|a|b|81a1"
        );
        for hidden in [LedgerRecord::Created, LedgerRecord::AddEmbedding { node: "a", components: &[0; 4] }] {
            assert_eq!((hidden.line(), hidden.is_shown()), (None, false));
        }
    }
}
