//! Writing one object of a chain.

use anyhow::{Result, bail};
use epistemic_storage::clock;
use epistemic_storage::graph::{Changes, LedgerRecord};
use epistemic_storage::increment::{self, IncrementWriter};
use epistemic_storage::snapshot::{Record, SnapshotReader};
use sha2::{Digest, Sha256};

use super::manifest::{Piece, PieceKind};
use super::pack::Packs;
use super::source::{Source, Told};
use crate::hosts::is_truncated;
use crate::streams::{Count, Counted, Tee};

/// Bytes of ledger records asked for at once.
const CHANGES_BYTES: usize = 4 << 20;

/// Writes objects of one graph in one run.
pub(crate) struct PieceWriter<'w, 'p, 't> {
    /// What is backed up.
    pub(crate) source: &'w Source<'w>,
    /// Where the objects go.
    pub(crate) packs: &'w mut Packs<'p>,
    /// Exact name.
    pub(crate) graph: &'w str,
    /// Told of progress.
    pub(crate) told: &'w mut Told<'t>,
}

impl PieceWriter<'_, '_, '_> {
    /// Writes the graph as it is now.
    pub(crate) fn full(self) -> Result<Piece> {
        let mut part = self.packs.begin()?;
        let count = Count::default();
        let stream = Counted { stream: self.source.party.export(self.graph)?.stream, count: count.clone() };
        let mut reader = SnapshotReader::new(Tee { from: stream, to: &mut part })?;
        let mut newest = (0, Vec::new());
        while let Some(record) = reader.next_record()? {
            if let Record::Ledger { sequence, record } = record {
                newest.0 = sequence;
                newest.1.clear();
                newest.1.extend_from_slice(record);
            }
            if reader.at_end_of_chunk() {
                (self.told)(count.bytes(), reader.records());
            }
        }
        let (header, totals) = reader.into_parts();
        let stored = part.finish()?;
        let newest = (newest.0 == header.sequence).then_some(newest.1.as_slice());
        Ok(Piece {
            kind: PieceKind::Full,
            after: 0,
            sequence: header.sequence,
            changed_ms: newest.map_or(Ok(header.created_ms), time)?,
            newest_record: newest.map(digest),
            content: totals.into(),
            stored,
        })
    }

    /// Writes the changes behind `chain`, up to those of the full backup `upto`; nothing when the ledger does not tell all
    /// of them or one cannot be made again.
    pub(crate) fn increment(self, chain: &[Piece], upto: Option<&Piece>) -> Result<Option<Piece>> {
        let Some(previous) = chain.last() else { return Ok(None) };
        let Some(mut newest) = previous.newest_record.clone() else { return Ok(None) };
        let (sequence, content) = match upto {
            Some(full) => (full.sequence, full.content.clone()),
            None => {
                let content = self.source.party.content(self.graph)?;
                (content.sequence, content.into())
            }
        };
        let mut part = self.packs.begin()?;
        let header = increment::Header {
            version: increment::VERSION,
            graph: self.graph.to_owned(),
            store_id: self.source.listing.store_id.clone(),
            previous: previous.stored.sha256.clone(),
            after: previous.sequence,
            sequence,
            created_ms: clock::unix_ms(),
        };
        let mut writer = IncrementWriter::new(&mut part, &header)?;
        let (mut reached, mut changed_ms) = (previous.sequence, u64::MAX);
        while reached < sequence {
            let changes = changes(self.source, self.graph, reached, CHANGES_BYTES)?;
            let Some(changes) = changes.filter(|changes| changes.sequence >= sequence) else {
                return Ok(None);
            };
            // The record before tells that the graph is still the same one.
            if changes.before.map(hex::encode).as_ref() != Some(&newest) {
                return Ok(None);
            }
            if changes.records.is_empty() {
                bail!(
                    "'{}' sent no changes of graph '{}' behind {reached}",
                    self.source.party.endpoint(),
                    self.graph
                );
            }
            for (number, record) in changes.records.iter().take_while(|(number, _)| *number <= sequence) {
                let (change, time) = LedgerRecord::decode(record)?;
                if !change.can_be_replayed() {
                    return Ok(None);
                }
                writer.record(*number, record)?;
                (reached, changed_ms, newest) = (*number, changed_ms.min(time), digest(record));
            }
            (self.told)(0, reached - previous.sequence);
        }
        writer.finish()?;
        let stored = part.finish()?;
        Ok(Some(Piece {
            kind: PieceKind::Increment,
            after: previous.sequence,
            sequence,
            changed_ms,
            newest_record: Some(newest),
            content,
            stored,
        }))
    }
}

/// The ledger records behind `after`; nothing when the ledger does not tell all of them any more.
pub(super) fn changes(
    source: &Source<'_>,
    graph: &str,
    after: u64,
    max_bytes: usize,
) -> Result<Option<Changes>> {
    match source.party.changes(graph, after, max_bytes) {
        Err(error) if is_truncated(&error) => Ok(None),
        changes => changes.map(Some),
    }
}

/// Lower-case hexadecimal SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Time of a ledger record, Unix milliseconds.
fn time(record: &[u8]) -> Result<u64> {
    Ok(LedgerRecord::decode(record)?.1)
}
