//! Brings an index up to the newest state: by the ledger when little has changed, else by reading everything.

use epistemic_storage::{
    StoreError,
    graph::{GraphCounters, GraphReader, LedgerRecord},
};

use super::{SemanticError, index::Index};
use crate::analytics::Cancel;

/// Ledger records that are followed at least, however small the index is.
const FEW_RECORDS: u64 = 64;

/// Reads all embeddings of a graph in `state`.
pub(super) fn build(
    reader: &GraphReader<'_>,
    state: &GraphCounters,
    cancel: &Cancel,
) -> Result<Index, SemanticError> {
    let mut index = Index::new(state.sequence, state.vectors as usize, state.components as usize);
    reader.for_each_embedding(|id, stored| -> Result<(), SemanticError> {
        cancel.check()?;
        index.set(id, stored);
        Ok(())
    })?;
    Ok(index)
}

/// Whether the ledger tells what `index` lacks of `state`, in fewer records than a new index would read.
pub(super) fn can_follow(index: &Index, state: &GraphCounters) -> bool {
    state.complete_from <= index.sequence + 1
        && state.sequence.saturating_sub(index.sequence) <= FEW_RECORDS.max(index.len() as u64 / 8)
}

/// Makes the changes behind the index's sequence. Only if [`can_follow`]; false when it turned out otherwise, and the
/// index is of no use any more then.
pub(super) fn follow(
    index: &mut Index,
    reader: &GraphReader<'_>,
    state: &GraphCounters,
) -> Result<bool, StoreError> {
    let mut follows = true;
    reader.for_each_ledger(index.sequence + 1, |_, record| -> Result<(), StoreError> {
        match LedgerRecord::decode(record)?.0 {
            LedgerRecord::AddEmbedding { node, components } => index.set(node, components),
            LedgerRecord::RemoveNode { id } => index.remove(id),
            LedgerRecord::Created
            | LedgerRecord::Cleared
            | LedgerRecord::Replaced
            | LedgerRecord::LedgerCleared => follows = false,
            LedgerRecord::AddNode { .. }
            | LedgerRecord::AddEdge { .. }
            | LedgerRecord::RemoveEdge { .. }
            | LedgerRecord::SetNode { .. }
            | LedgerRecord::SetEdge { .. }
            | LedgerRecord::RemoveParallel { .. }
            | LedgerRecord::Text(_)
            | LedgerRecord::Owned { .. } => {}
        }
        Ok(())
    })?;
    index.sequence = state.sequence;
    Ok(follows)
}
