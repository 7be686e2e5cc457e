//! The ledger of a graph, read as a change log.

use anyhow::{Context, Result, bail, ensure};

use super::event::Change;
use crate::wire::{Client, Value, field, params};

/// Bytes asked for at a time; the most that the server gives.
const PIECE_BYTES: usize = 8 << 20;

/// One ledger record (docs/format.md, "Ledger record").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The graph was created.
    Created,
    /// One change.
    Change(Change),
    /// A kind that no write of a history makes.
    Other(u8),
}

/// All changes of a graph, oldest first, numbered from 1.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Decoded and stored forms.
    pub records: Vec<(Record, Vec<u8>)>,
}

impl Log {
    /// Reads the whole ledger with `LedgerRead`.
    ///
    /// # Errors
    /// Also when a number is missing or the ledger ends before the newest change.
    pub fn read(client: &mut Client, graph: &str) -> Result<Log> {
        let mut log = Log::default();
        loop {
            let after = log.records.len() as u64;
            let fields = [("after", after.into()), ("max_bytes", PIECE_BYTES.into())];
            let answer = client.call(graph, "LedgerRead", params(fields))?;
            let newest = field(&answer, "sequence").and_then(Value::as_u64).context("no sequence")?;
            for (sequence, bytes) in unpacked(&answer)? {
                let expected = log.records.len() as u64 + 1;
                ensure!(sequence == expected, "record {sequence} stands where {expected} should");
                log.records.push((decoded(bytes)?, bytes.to_vec()));
            }
            let read = log.records.len() as u64;
            if read == newest {
                return Ok(log);
            }
            ensure!(read > after, "the ledger ends at {read}, the newest change is {newest}");
        }
    }
}

/// Numbers and stored forms of the records in an answer of `LedgerRead`.
pub(super) fn unpacked(answer: &Value) -> Result<Vec<(u64, &[u8])>> {
    let mut rest =
        field(answer, "records").and_then(Value::as_slice).context("LedgerRead without records")?;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (sequence, behind) = rest.split_first_chunk::<8>().context("a record that is cut off")?;
        let (bytes, behind) = prefixed(behind)?;
        records.push((u64::from_le_bytes(*sequence), bytes));
        rest = behind;
    }
    Ok(records)
}

fn decoded(record: &[u8]) -> Result<Record> {
    let (kind, rest) = record.split_first().context("an empty record")?;
    let fields = rest.get(8..).context("a record without a time")?;
    Ok(Record::Change(match kind {
        1 => {
            let (id, properties) = prefixed(fields)?;
            Change::AddNode { id: text(id)?, properties: properties.to_vec() }
        }
        2 => {
            let (source, fields) = prefixed(fields)?;
            let (target, properties) = prefixed(fields)?;
            Change::AddEdge { source: text(source)?, target: text(target)?, properties: properties.to_vec() }
        }
        3 => Change::RemoveNode { id: text(fields)? },
        4 => {
            let (source, target) = prefixed(fields)?;
            Change::RemoveEdge { source: text(source)?, target: text(target)? }
        }
        6 => return Ok(Record::Created),
        12 => {
            let (node, components) = prefixed(fields)?;
            Change::AddEmbedding { node: text(node)?, components: components.to_vec() }
        }
        0 | 14.. => bail!("a ledger record of the unknown kind {kind}"),
        other => return Ok(Record::Other(*other)),
    }))
}

fn prefixed(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let split = bytes.split_first_chunk::<4>();
    let split = split.and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize));
    split.context("a field that is cut off")
}

fn text(bytes: &[u8]) -> Result<String> {
    Ok(std::str::from_utf8(bytes)?.to_owned())
}
