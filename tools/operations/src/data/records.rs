//! A snapshot stream, item by item.

use std::io::{BufReader, Read};

use anyhow::Result;
use epistemic_storage::snapshot::{Header, Record, SnapshotReader};

use super::source::{Edge, Summary};

/// Bytes read at once.
const BUFFER: usize = 1 << 20;

/// What a graph holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A node.
    Node {
        /// Its id.
        id: String,
        /// Property bytes.
        properties: Vec<u8>,
    },
    /// An edge.
    Edge(Edge),
    /// A ledger record.
    Ledger {
        /// Its number.
        sequence: u64,
        /// Its stored form.
        record: Vec<u8>,
    },
    /// An embedding.
    Embedding {
        /// Id of its node.
        node: String,
        /// Its components.
        components: Vec<f32>,
    },
}

/// The items of a snapshot: nodes by id, edges by source and target, the ledger, embeddings by node. None is given out
/// before the bytes around it were checked.
pub struct Records<R> {
    reader: SnapshotReader<BufReader<R>>,
}

impl<R: Read> Records<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is no snapshot of this version.
    pub fn open(input: R) -> Result<Self> {
        Ok(Self { reader: SnapshotReader::new(BufReader::with_capacity(BUFFER, input))? })
    }

    /// What the snapshot says of its graph.
    pub fn header(&self) -> &Header {
        self.reader.header()
    }

    /// The same in short.
    pub fn summary(&self) -> Summary {
        let header = self.header();
        Summary {
            kind: header.kind.name().to_owned(),
            owner: header.owner.clone(),
            nodes: header.nodes,
            edges: header.edges,
            sequence: header.sequence,
            ledger_from: Some(header.complete_from),
        }
    }

    /// Items given out so far.
    pub fn count(&self) -> u64 {
        self.reader.records()
    }

    /// The next item; nothing once all were read and found intact.
    ///
    /// # Errors
    /// Damage, or the stream fails. Do not go on then.
    pub fn next_item(&mut self) -> Result<Option<Item>> {
        Ok(self.reader.next_record()?.map(item))
    }
}

fn item(record: Record<'_>) -> Item {
    match record {
        Record::Node { id, properties, .. } => {
            Item::Node { id: id.to_owned(), properties: properties.to_vec() }
        }
        Record::Edge { source, target, properties, .. } => Item::Edge(Edge {
            source: source.to_owned(),
            target: target.to_owned(),
            properties: properties.to_vec(),
        }),
        Record::Ledger { sequence, record } => Item::Ledger { sequence, record: record.to_vec() },
        Record::Vector { node, components } => {
            let components =
                components.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            Item::Embedding { node: node.to_owned(), components }
        }
    }
}
