//! Two snapshots side by side.

use std::io::Read;

use super::{
    content::{Header, Totals},
    error::SnapshotError,
    reader::SnapshotReader,
    record::Record,
};

/// Kinds of records, in the order in which a snapshot holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// Nodes.
    Node,
    /// Edges.
    Edge,
    /// Ledger records.
    Ledger,
    /// Embeddings.
    Vector,
}

/// What names a record. Keys order as records do in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey<'r> {
    /// What it is.
    pub kind: RecordKind,
    /// Node id; source of an edge; empty for a ledger record.
    pub first: &'r str,
    /// Target of an edge; else empty.
    pub second: &'r str,
    /// Number of an edge or a ledger record; else 0.
    pub sequence: u64,
}

/// How a record differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It is in the first snapshot alone.
    OnlyInFirst,
    /// It is in the second snapshot alone.
    OnlyInSecond,
    /// It is in both and not the same.
    Changed,
}

/// One of the two could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}", .error)]
pub struct CompareError {
    /// 0 for the first, 1 for the second.
    pub which: usize,
    /// Why.
    #[source]
    pub error: SnapshotError,
}

/// Reads two snapshots to their ends at once, with the memory of two chunks, and calls `each` for every record that
/// differs, in their order. Returns header and totals of both: equal digests mean that only ledger records differ, if any.
/// `progress` is told the records read of both.
///
/// # Errors
/// As [`SnapshotReader::next_record`]; differences told before an error need not be any.
pub fn compare(
    first: SnapshotReader<impl Read>,
    second: SnapshotReader<impl Read>,
    each: &mut dyn FnMut(RecordKey<'_>, Difference),
    progress: &mut dyn FnMut(u64),
) -> Result<[(Header, Totals); 2], CompareError> {
    let of = |which| move |error| CompareError { which, error };
    let mut first = Side::new(first).map_err(of(0))?;
    let mut second = Side::new(second).map_err(of(1))?;
    loop {
        let (left, right) = (first.key(), second.key());
        // No key is greater than any: the other side goes on alone.
        let order = match (&left, &right) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(left), Some(right)) => left.cmp(right),
        };
        if order.is_lt() {
            left.into_iter().for_each(|key| each(key, Difference::OnlyInFirst));
        } else if order.is_gt() {
            right.into_iter().for_each(|key| each(key, Difference::OnlyInSecond));
        } else if first.value != second.value {
            left.into_iter().for_each(|key| each(key, Difference::Changed));
        }
        let mut chunk_ended = order.is_le() && first.step().map_err(of(0))?;
        chunk_ended |= order.is_ge() && second.step().map_err(of(1))?;
        if chunk_ended {
            progress(first.reader.records() + second.reader.records());
        }
    }
    Ok([first.reader.into_parts(), second.reader.into_parts()])
}

/// A snapshot with its newest record, copied out of its chunk.
struct Side<R> {
    reader: SnapshotReader<R>,
    kind: Option<RecordKind>,
    first: String,
    second: String,
    sequence: u64,
    value: Vec<u8>,
}

impl<R: Read> Side<R> {
    fn new(reader: SnapshotReader<R>) -> Result<Self, SnapshotError> {
        let (first, second) = (String::new(), String::new());
        let mut side = Self { reader, kind: None, first, second, sequence: 0, value: Vec::new() };
        side.step()?;
        Ok(side)
    }

    /// Goes to the next record; says whether it ends a chunk.
    fn step(&mut self) -> Result<bool, SnapshotError> {
        self.first.clear();
        self.second.clear();
        self.value.clear();
        self.sequence = 0;
        let Some(record) = self.reader.next_record()? else {
            self.kind = None;
            return Ok(true);
        };
        match record {
            Record::Node { id, sequence, properties } => {
                self.kind = Some(RecordKind::Node);
                self.first.push_str(id);
                self.value.extend_from_slice(&sequence.to_le_bytes());
                self.value.extend_from_slice(properties);
            }
            Record::Edge { source, target, sequence, properties } => {
                self.kind = Some(RecordKind::Edge);
                self.first.push_str(source);
                self.second.push_str(target);
                self.sequence = sequence;
                self.value.extend_from_slice(properties);
            }
            Record::Ledger { sequence, record } => {
                self.kind = Some(RecordKind::Ledger);
                self.sequence = sequence;
                self.value.extend_from_slice(record);
            }
            Record::Vector { node, components } => {
                self.kind = Some(RecordKind::Vector);
                self.first.push_str(node);
                self.value.extend_from_slice(components);
            }
        }
        Ok(self.reader.at_end_of_chunk())
    }

    fn key(&self) -> Option<RecordKey<'_>> {
        let kind = self.kind?;
        Some(RecordKey { kind, first: &self.first, second: &self.second, sequence: self.sequence })
    }
}
