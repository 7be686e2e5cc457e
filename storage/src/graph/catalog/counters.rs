//! The counters of a graph.

use crate::{
    error::{Result, StoreError},
    space::Space,
};

/// Counters of one graph, committed in the same batch as what they count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GraphCounters {
    /// Nodes.
    pub nodes: u64,
    /// Edges, parallel ones counted each.
    pub edges: u64,
    /// Sequence number of the newest change. Never falls while the graph exists.
    pub sequence: u64,
    /// Lines the ledger shows ([`crate::graph::LedgerRecord::line`]).
    pub ledger_lines: u64,
    /// The ledger is a complete record of the changes from this sequence number on.
    pub complete_from: u64,
    /// Stored embeddings.
    pub vectors: u64,
    /// Components of all embeddings together.
    pub components: u64,
}

impl GraphCounters {
    /// 8-byte little-endian integers in field order. Where the embeddings have one length on average, that length stands for
    /// their components; else 0 and the components.
    #[doc(hidden)]
    pub fn encode(&self) -> Vec<u8> {
        let counters =
            [self.nodes, self.edges, self.sequence, self.ledger_lines, self.complete_from, self.vectors];
        let components = if self.components.is_multiple_of(self.vectors) {
            vec![self.components.checked_div(self.vectors).unwrap_or(0)]
        } else {
            vec![0, self.components]
        };
        counters.iter().chain(&components).flat_map(|field| field.to_le_bytes()).collect()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let (fields, rest) = bytes.as_chunks::<8>();
        let fields: Vec<u64> = fields.iter().map(|field| u64::from_le_bytes(*field)).collect();
        let counters = match (fields.as_slice(), rest) {
            (&[nodes, edges, sequence, ledger_lines, complete_from, vectors, length], []) => {
                vectors.checked_mul(length).map(|components| Self {
                    nodes,
                    edges,
                    sequence,
                    ledger_lines,
                    complete_from,
                    vectors,
                    components,
                })
            }
            (&[nodes, edges, sequence, ledger_lines, complete_from, vectors, 0, components], []) => {
                Some(Self { nodes, edges, sequence, ledger_lines, complete_from, vectors, components })
            }
            _ => None,
        };
        let unknown =
            || StoreError::corrupt(Space::Catalog, format!("graph counters of {} bytes", bytes.len()));
        counters.ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_round_trips_and_nothing_else_is_taken_for_it() {
        let counters = GraphCounters {
            nodes: 1,
            edges: 2,
            sequence: 3,
            ledger_lines: u64::MAX,
            complete_from: 5,
            vectors: 6,
            components: 42,
        };
        let bytes = counters.encode();
        assert_eq!(bytes[..16], [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((bytes.len(), bytes[48]), (56, 7), "as before embeddings could differ in length");
        assert_eq!(GraphCounters::decode(&bytes), Ok(counters));
        for mixed in [(6, 43), (6, 1), (0, 1), (0, 0), (1, u64::MAX)] {
            let counters = GraphCounters { vectors: mixed.0, components: mixed.1, ..counters };
            assert_eq!(GraphCounters::decode(&counters.encode()), Ok(counters));
        }
        for length in 0..bytes.len() {
            assert!(
                GraphCounters::decode(&bytes[..length]).is_err_and(|error| error.is_corruption()),
                "{length}"
            );
        }
        assert!(GraphCounters::decode(&[&bytes[..], &[0; 8]].concat()).is_err());
    }
}
