//! The intact tail of a ledger: its newest records that can be read without a gap.

use crate::{
    error::{Result, StoreError},
    graph::{catalog::counters::GraphCounters, ledger::record::LedgerRecord, read::node_record::bad_key},
    keys::{self, GraphId},
    space::Space,
    store::{Cursor, KeyRange, Read, ScanOptions},
};

/// The newest records of a ledger that follow each other up to the newest change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// Sequence number of the first; one behind the newest change when there are none.
    pub(crate) first: u64,
    /// How many of them the protocol shows.
    pub(crate) lines: u64,
    /// What is in the way of the older ones that the ledger ought to have.
    pub(crate) broken: Option<String>,
}

/// Reads the ledger of a graph whose counters are `state`: all of it, and where that fails from its end.
///
/// # Errors
/// Those that are not damage.
pub(crate) fn readable(read: &dyn Read, id: GraphId, counters: &GraphCounters) -> Result<Run> {
    let broken = match forward(read, id, counters) {
        Ok(run) if run.first <= counters.complete_from.max(1) => return Ok(run),
        Ok(run) => {
            format!("the records {} to {} are missing", counters.complete_from, run.first.saturating_sub(1))
        }
        Err(error) if error.is_corruption() => error.to_string(),
        Err(error) => return Err(error),
    };
    Ok(Run { broken: Some(broken), ..backward(read, id, counters)? })
}

/// The form of the record in an entry: its number, and whether the protocol shows it.
fn record(key: &[u8], value: &[u8]) -> Result<(u64, bool)> {
    let sequence = keys::ledger_sequence(key).ok_or_else(|| bad_key(Space::Ledger, key))?;
    Ok((sequence, LedgerRecord::decode(value)?.0.is_shown()))
}

/// Reads all records in their order and stops at the newest change: the next block may be a neighbour's.
fn forward(read: &dyn Read, id: GraphId, counters: &GraphCounters) -> Result<Run> {
    let mut cursor = read.scan(Space::Ledger, keys::ledger_from(id, 0), ScanOptions::FORWARD)?;
    let mut run = Run { first: 1, ..Run::default() };
    let mut last = 0;
    let mut lines_before = 0;
    while last < counters.sequence
        && let Some((key, value)) = cursor.next()?
    {
        let (sequence, shown) = record(key, value)?;
        if sequence != last + 1 {
            run.first = sequence;
            lines_before += run.lines;
            run.lines = 0;
        }
        run.lines += u64::from(shown);
        last = sequence;
    }
    if last == counters.sequence {
        // What lies before a gap where nothing is said to be complete stays, and is counted.
        if run.first <= counters.complete_from {
            run.lines += lines_before;
        }
        return Ok(run);
    }
    Ok(Run { first: counters.sequence + 1, lines: 0, broken: None })
}

/// Reads the newest records up to the first that cannot be read or does not follow.
fn backward(read: &dyn Read, id: GraphId, counters: &GraphCounters) -> Result<Run> {
    let end = Some(keys::ledger(id, counters.sequence + 1));
    let range = KeyRange { end, ..keys::ledger_from(id, 0) };
    let mut run = Run { first: counters.sequence + 1, ..Run::default() };
    let mut cursor = read.scan(Space::Ledger, range, ScanOptions::REVERSE_SWEEP)?;
    while let Some(shown) = before(&mut *cursor, run.first)? {
        run.first -= 1;
        run.lines += u64::from(shown);
    }
    Ok(run)
}

/// The next record backwards, if it is sound and the one before `first`.
fn before(cursor: &mut dyn Cursor, first: u64) -> Result<Option<bool>> {
    let next = cursor.next().and_then(|entry| entry.map(|(key, value)| record(key, value)).transpose());
    match next {
        Ok(Some((sequence, shown))) if sequence + 1 == first => Ok(Some(shown)),
        Ok(_) => Ok(None),
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
