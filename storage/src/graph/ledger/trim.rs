//! Trims ledgers to what is to be kept of them.

use crate::{
    clock,
    error::Result,
    graph::{
        catalog::{counters::GraphCounters, graph::Graph},
        error::GraphError,
        ledger::{
            record::LedgerRecord,
            retention::{LedgerKeep, Trim},
        },
        read::reader::GraphReader,
        store::GraphStore,
        write::op::Op,
    },
    keys,
    space::Space,
    store::{Read, ScanOptions},
};

/// Records that one step drops at most.
const STEP_RECORDS: u64 = 10_000;
/// Bytes after which a step ends.
const STEP_BYTES: u64 = 8 << 20;
/// A ledger is trimmed once it has a tenth more than it keeps, so that this happens now and then only.
const SLACK: u64 = 10;

/// What one look at the oldest records says.
struct Look<'k> {
    keep: &'k LedgerKeep,
    now_ms: u64,
    /// Bytes that are too many.
    surplus_bytes: u64,
    sequence: u64,
}

impl Look<'_> {
    fn drops(&self, sequence: u64, time_ms: u64, passed_bytes: u64) -> bool {
        let LedgerKeep { records, bytes, seconds } = *self.keep;
        let newer = self.sequence - sequence;
        records.is_some_and(|records| newer >= records)
            || (bytes.is_some() && passed_bytes <= self.surplus_bytes)
            || seconds
                .is_some_and(|seconds| time_ms.saturating_add(seconds.saturating_mul(1000)) < self.now_ms)
    }
}

impl GraphStore {
    /// Drops one step of the oldest records of a ledger that has more than `keep`, unless somebody lately copied the graph
    /// and may still need them. Returns how many were dropped; call again while there are some. Durable on return; blocks,
    /// and other writes wait for a moment. Of a graph that is not served here, moves or is damaged nothing is dropped.
    ///
    /// # Errors
    /// As [`GraphStore::commit`].
    pub fn trim_ledger(&self, graph: &Graph, keep: &LedgerKeep) -> Result<u64, GraphError> {
        if keep.is_all()
            || !graph.is_served()
            || graph.quarantined().is_some()
            || self.fenced_by(graph).is_some()
        {
            return Ok(0);
        }
        let view = self.read_view();
        let counters = GraphReader::new(&*view, graph).counters()?;
        let trim = self
            .oldest(&*view, graph, &counters, keep)
            .map_err(|error| self.quarantine_if_corrupt(graph.name(), error))?;
        drop(view);
        let Some(trim) = trim else { return Ok(0) };
        self.write(graph.name(), Op::TrimLedger(trim))?;
        Ok(trim.records)
    }

    fn oldest(
        &self,
        view: &dyn Read,
        graph: &Graph,
        counters: &GraphCounters,
        keep: &LedgerKeep,
    ) -> Result<Option<Trim>> {
        let held = (counters.sequence + 1).saturating_sub(counters.complete_from);
        let many = keep.records.is_some_and(|records| held > records.saturating_add(records / SLACK));
        let surplus_bytes = self.surplus_bytes(graph, counters, keep)?;
        if !many && surplus_bytes == 0 && keep.seconds.is_none() {
            return Ok(None);
        }
        // The newest record stays: copies of the graph are known by it.
        let most = counters.sequence.min(graph.ledger_pin().held().unwrap_or(u64::MAX));
        let look = Look { keep, now_ms: clock::unix_ms(), surplus_bytes, sequence: counters.sequence };
        let mut cursor = view.scan(Space::Ledger, keys::ledger_from(graph.id(), 0), ScanOptions::FORWARD)?;
        let mut trim =
            Trim { of: graph.id(), complete_from: counters.complete_from, first: 0, records: 0, lines: 0 };
        let mut bytes = 0;
        while trim.records < STEP_RECORDS
            && bytes < STEP_BYTES
            && let Some((key, value)) = cursor.next()?
        {
            let Some(sequence) = keys::ledger_sequence(key).filter(|sequence| *sequence < most) else {
                break;
            };
            let (record, time_ms) = LedgerRecord::decode(value)?;
            bytes += (key.len() + value.len()) as u64;
            if !look.drops(sequence, time_ms, bytes) {
                break;
            }
            trim.records += 1;
            trim.lines += u64::from(record.is_shown());
            trim.first = sequence + 1;
        }
        Ok((trim.records > 0).then_some(trim))
    }

    /// Bytes of the ledger that are too many, once they are a tenth of what is kept.
    fn surplus_bytes(&self, graph: &Graph, counters: &GraphCounters, keep: &LedgerKeep) -> Result<u64> {
        let Some(most) = keep.bytes else { return Ok(0) };
        // What was trimmed before lies in tables for a while and does not count.
        let kept = keys::ledger_from(graph.id(), counters.complete_from);
        let size = self.store().size_of(Space::Ledger, kept)?;
        Ok(if size > most.saturating_add(most / SLACK) { size - most } else { 0 })
    }
}
