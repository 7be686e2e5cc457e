//! Writing one object of a chain.

use anyhow::Result;
use epistemic_storage::clock;
use epistemic_storage::graph::{Changes, LedgerRecord};
use epistemic_storage::increment::{self, IncrementWriter};
use epistemic_storage::snapshot::{Record, SnapshotReader};
use sha2::{Digest, Sha256};

use super::manifest::{Piece, PieceKind};
use super::objects::Objects;
use super::repository::object_name;
use super::source::{Source, Told};
use crate::cli::{Count, Counted, Tee};
use crate::moves::is_truncated;

/// Bytes of ledger records asked for at once.
const CHANGES_BYTES: usize = 4 << 20;

/// Writes objects of one graph in one run.
pub(crate) struct PieceWriter<'w> {
    pub(crate) source: &'w Source<'w>,
    pub(crate) objects: &'w Objects,
    pub(crate) run: &'w str,
    pub(crate) graph: &'w str,
    /// Objects of the run so far.
    pub(crate) written: &'w mut usize,
    pub(crate) told: &'w mut Told<'w>,
}

impl PieceWriter<'_> {
    fn next_name(&mut self, kind: PieceKind) -> String {
        *self.written += 1;
        object_name(self.run, *self.written, kind)
    }

    /// Writes the graph as it is now.
    pub(crate) fn full(mut self) -> Result<Piece> {
        let object = self.next_name(PieceKind::Full);
        let mut upload = self.objects.upload(&object);
        let count = Count::default();
        let stream = Counted { stream: self.source.party.export(self.graph)?.stream, count: count.clone() };
        let mut reader = SnapshotReader::new(Tee { from: stream, to: &mut upload })?;
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
        let written = upload.finish()?;
        let newest = (newest.0 == header.sequence).then_some(newest.1.as_slice());
        Ok(Piece {
            object,
            kind: PieceKind::Full,
            after: 0,
            sequence: header.sequence,
            changed_ms: newest.map_or(Ok(header.created_ms), time)?,
            newest_record: newest.map(digest),
            bytes: written.bytes,
            sha256: written.sha256,
            content: totals.into(),
        })
    }

    /// Writes the changes behind `chain`, up to those of the full backup `upto`; nothing when the ledger does not tell all
    /// of them or one cannot be made again.
    pub(crate) fn increment(mut self, chain: &[Piece], upto: Option<&Piece>) -> Result<Option<Piece>> {
        let Some(previous) = chain.last() else { return Ok(None) };
        let Some(mut newest) = previous.newest_record.clone() else { return Ok(None) };
        let (sequence, content) = match upto {
            Some(full) => (full.sequence, full.content.clone()),
            None => {
                let content = self.source.party.content(self.graph)?;
                (content.sequence, content.into())
            }
        };
        let object = self.next_name(PieceKind::Increment);
        let mut upload = self.objects.upload(&object);
        let header = increment::Header {
            version: increment::VERSION,
            graph: self.graph.to_owned(),
            store_id: self.source.store_id.clone(),
            previous: previous.sha256.clone(),
            after: previous.sequence,
            sequence,
            created_ms: clock::unix_ms(),
        };
        let mut writer = IncrementWriter::new(&mut upload, &header)?;
        let (mut reached, mut changed_ms) = (previous.sequence, u64::MAX);
        while reached < sequence {
            // Each answer begins with the record before, which tells that the graph is still the same one.
            let changes = changes(self.source, self.graph, reached - 1, CHANGES_BYTES)?;
            let Some(changes) = changes.filter(|changes| changes.sequence >= sequence) else {
                return Ok(None);
            };
            let mut records = changes.records.iter().take_while(|(number, _)| *number <= sequence);
            if !records.next().is_some_and(|(number, record)| *number == reached && digest(record) == newest)
            {
                return Ok(None);
            }
            for (number, record) in records {
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
        let written = upload.finish()?;
        Ok(Some(Piece {
            object,
            kind: PieceKind::Increment,
            after: previous.sequence,
            sequence,
            changed_ms,
            newest_record: Some(newest),
            bytes: written.bytes,
            sha256: written.sha256,
            content,
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
