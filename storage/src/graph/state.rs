//! The counters of a graph.

use crate::error::{Result, StoreError};
use crate::space::Space;

/// Counters of one graph, committed in the same batch as what they count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GraphState {
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
    /// Components of each embedding; 0 while there are none.
    pub dimension: u64,
}

const FIELDS: usize = 7;

impl GraphState {
    /// Seven 8-byte little-endian integers in field order.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let fields: [u64; FIELDS] = [
            self.nodes,
            self.edges,
            self.sequence,
            self.ledger_lines,
            self.complete_from,
            self.vectors,
            self.dimension,
        ];
        fields.iter().flat_map(|field| field.to_le_bytes()).collect()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let (fields, rest) = bytes.as_chunks::<8>();
        let fields: Vec<u64> = fields.iter().map(|field| u64::from_le_bytes(*field)).collect();
        match (fields.as_slice(), rest) {
            (&[nodes, edges, sequence, ledger_lines, complete_from, vectors, dimension], []) => {
                Ok(Self { nodes, edges, sequence, ledger_lines, complete_from, vectors, dimension })
            }
            _ => Err(StoreError::corrupt(Space::Catalog, format!("graph state of {} bytes", bytes.len()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_round_trips_and_nothing_else_is_taken_for_it() {
        let state = GraphState {
            nodes: 1,
            edges: 2,
            sequence: 3,
            ledger_lines: u64::MAX,
            complete_from: 5,
            vectors: 6,
            dimension: 7,
        };
        let bytes = state.encode();
        assert_eq!(bytes[..16], [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(GraphState::decode(&bytes), Ok(state));
        for length in 0..bytes.len() {
            assert!(
                GraphState::decode(&bytes[..length]).is_err_and(|error| error.is_corruption()),
                "{length}"
            );
        }
        assert!(GraphState::decode(&[&bytes[..], &[0; 8]].concat()).is_err());
    }
}
