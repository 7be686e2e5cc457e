//! Records inside chunks.
//!
//! ```text
//! node   = len(id) id sequence len(properties) properties
//! edge   = len(source) source len(target) target sequence len(properties) properties
//! ledger = sequence len(record) record            record as in docs/format.md
//! vector = len(id) id len(components) components  float32 each
//! ```
//!
//! Lengths are 4 bytes, sequences 8, all little-endian.

use crate::stream::record::{Fields, Kind};

/// One record of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'p> {
    /// A node.
    Node {
        /// Its id.
        id: &'p str,
        /// The ledger sequence that inserted it.
        sequence: u64,
        /// Property bytes.
        properties: &'p [u8],
    },
    /// An edge.
    Edge {
        /// Source node id.
        source: &'p str,
        /// Target node id.
        target: &'p str,
        /// The ledger sequence that inserted it.
        sequence: u64,
        /// Property bytes.
        properties: &'p [u8],
    },
    /// A ledger record.
    Ledger {
        /// Its number.
        sequence: u64,
        /// Its stored form.
        record: &'p [u8],
    },
    /// An embedding.
    Vector {
        /// Its node.
        node: &'p str,
        /// Float32 components, little-endian.
        components: &'p [u8],
    },
}

impl Kind {
    /// Reads a record of a chunk of this kind; `None` when it is not all there, or the chunk has no records.
    pub(crate) fn record<'p>(self, fields: &mut Fields<'p>) -> Option<Record<'p>> {
        Some(match self {
            Kind::Nodes => {
                let (id, sequence) = (fields.text()?, fields.sequence()?);
                Record::Node { id, sequence, properties: fields.bytes()? }
            }
            Kind::Edges => {
                let (source, target) = (fields.text()?, fields.text()?);
                let sequence = fields.sequence()?;
                Record::Edge { source, target, sequence, properties: fields.bytes()? }
            }
            Kind::Ledger => Record::Ledger { sequence: fields.sequence()?, record: fields.bytes()? },
            Kind::Vectors => Record::Vector { node: fields.text()?, components: fields.bytes()? },
            Kind::Header | Kind::Service | Kind::Trailer => return None,
        })
    }
}
