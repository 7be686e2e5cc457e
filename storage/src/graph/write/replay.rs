//! Replays ledger records on a copy, byte for byte.

use crate::{
    error::{Result, StoreError},
    graph::{error::GraphError, ledger::record::LedgerRecord, write::record_changes::Edit},
    keys,
    space::Space,
};

/// Sequence number, time in Unix milliseconds, and change.
pub(crate) type Change<'r> = (u64, u64, LedgerRecord<'r>);

/// Decodes records that follow `newest` without a gap, all of which can be made again.
///
/// # Errors
/// [`GraphError::NotReplayable`]; [`GraphError::MoveConflict`] for a gap or what is no record.
pub(crate) fn decode<'r>(
    name: &str,
    newest: u64,
    records: impl Iterator<Item = &'r (u64, Vec<u8>)>,
) -> Result<Vec<Change<'r>>, GraphError> {
    let mut changes = Vec::new();
    for (expected, (sequence, record)) in (newest + 1..).zip(records) {
        if *sequence != expected {
            let detail = format!("record {sequence} does not follow record {}", expected - 1);
            return Err(GraphError::conflict(name, detail));
        }
        let (record, time) = LedgerRecord::decode(record)
            .map_err(|error| GraphError::conflict(name, format!("record {sequence}: {error}")))?;
        if !record.can_be_replayed() {
            return Err(GraphError::NotReplayable { graph: name.to_owned(), sequence: *sequence });
        }
        changes.push((*sequence, time, record));
    }
    Ok(changes)
}

impl Edit<'_, '_> {
    /// Makes the change of record `sequence` again, which follows the newest one. The clock of the edit is that of the
    /// record, so the ledger gets the same bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the change does not do what it did on the original: this is no copy of it.
    pub(crate) fn replay(&mut self, sequence: u64, record: &LedgerRecord<'_>) -> Result<()> {
        let differs = |why: String| {
            let place = format!("record {sequence} of the ledger");
            StoreError::Corrupt { place, detail: format!("the copy differs from the original: {why}") }
        };
        let done = match record {
            LedgerRecord::AddNode { id, properties } => self.add_node(id, properties),
            LedgerRecord::AddEdge { source, target, properties } => self.add_edge(source, target, properties),
            LedgerRecord::RemoveNode { id } => self.remove_node(id).map(drop),
            LedgerRecord::RemoveEdge { source, target } => self.remove_edge(source, target),
            LedgerRecord::SetNode { id, properties } => {
                match self.overlay.has_node(&keys::node(self.id(), id))? {
                    true => self.set_node(id, properties).map_err(GraphError::from),
                    false => Err(differs("the node is not there".into()).into()),
                }
            }
            LedgerRecord::SetEdge { source, target, edge, properties } => {
                match self.overlay.edge(&keys::edge(self.id(), source, target, *edge))?.is_some() {
                    true => {
                        self.set_edge(source, target, *edge, properties);
                        Ok(())
                    }
                    false => Err(differs("the edge is not there".into()).into()),
                }
            }
            LedgerRecord::AddEmbedding { node, components } => self.add_embedding(node, components),
            LedgerRecord::RemoveParallel { source, target, edge } => {
                let key = keys::edge(self.id(), source, target, *edge);
                match self.overlay.edge(&key)?.is_some() {
                    true => self.drop_edge(source, target, *edge).map_err(GraphError::from),
                    false => Err(differs("the edge is not there".into()).into()),
                }
            }
            LedgerRecord::LedgerCleared => {
                self.clear_ledger();
                Ok(())
            }
            LedgerRecord::Created => {
                self.log_beginning(record);
                Ok(())
            }
            LedgerRecord::Owned { owner } => {
                self.set_owner(owner);
                Ok(())
            }
            LedgerRecord::Text(_) | LedgerRecord::Cleared | LedgerRecord::Replaced => {
                Err(StoreError::corrupt(Space::Ledger, "not a change that can be made again").into())
            }
        };
        match done {
            Ok(()) if self.working.counters.sequence == sequence => Ok(()),
            Ok(()) => Err(differs(format!("it led to record {}", self.working.counters.sequence))),
            Err(GraphError::Store(error)) => Err(error),
            Err(refusal) => Err(differs(refusal.to_string())),
        }
    }
}
