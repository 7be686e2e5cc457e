//! Writes the ledger of the graph that is changed.

use crate::{
    error::Result,
    graph::{
        ledger::{record::LedgerRecord, retention::Trim},
        reclaim::emptied::Removal,
        write::record_changes::{Edit, decrement},
    },
    keys::{self, GraphId},
    space::Space,
};

impl Edit<'_, '_> {
    /// Drops the ledger's records.
    pub(crate) fn clear_ledger(&mut self) {
        self.overlay.delete_range(Space::Ledger, keys::graph(self.id()));
        self.working.ledger_cut = Some(Removal::Asked);
        self.log(&LedgerRecord::LedgerCleared);
        self.working.counters.ledger_lines = 0;
        self.working.counters.complete_from = self.working.counters.sequence;
    }

    /// Gives the graph another owner; an empty name is nobody. The entry is to be written ([`Transaction::put_entry`]).
    ///
    /// [`Transaction::put_entry`]: crate::graph::write::transaction::Transaction::put_entry
    pub(crate) fn set_owner(&mut self, owner: &str) {
        self.working.entry.owner = (!owner.is_empty()).then(|| owner.to_owned());
        self.working.state_changed = true;
        self.log(&LedgerRecord::Owned { owner });
    }

    /// Drops the oldest of the ledger's records, if they still are.
    pub(crate) fn trim_ledger(&mut self, trim: &Trim) -> Result<()> {
        if !trim.is_for(self.id(), &self.working.counters) || trim.first > self.working.counters.sequence {
            return Ok(());
        }
        self.overlay.delete_range(Space::Ledger, keys::ledger_before(self.id(), trim.first));
        self.working.ledger_cut = self.working.ledger_cut.or(Some(Removal::Trimmed));
        let counters = &mut self.working.counters;
        counters.complete_from = counters.complete_from.max(trim.first);
        decrement(&mut counters.ledger_lines, trim.lines)
    }

    /// Writes the next ledger record of the graph and returns its sequence number.
    pub(crate) fn log(&mut self, record: &LedgerRecord<'_>) -> u64 {
        let now = self.now_ms;
        self.working.newest_ms = self.working.newest_ms.max(Some(now));
        if let Some(graph) = &self.working.base {
            graph.has_change_at(now);
        }
        let counters = &mut self.working.counters;
        counters.sequence += 1;
        counters.ledger_lines += u64::from(record.is_shown());
        let (id, sequence) = (GraphId(self.working.entry.id), counters.sequence);
        self.overlay.put_with(Space::Ledger, &keys::ledger(id, sequence), |out| record.encode_into(now, out));
        sequence
    }

    /// Gives the change a time that is not before that of the newest one, though the clock was set back meanwhile. A ledger
    /// that cannot be read says nothing.
    pub(crate) fn go_on_from_newest(&mut self) -> Result<()> {
        let newest = match (self.working.newest_ms, &self.working.base) {
            (Some(known), _) => known,
            (None, Some(graph)) if graph.newest_ms() > 0 => graph.newest_ms(),
            (None, _) => match self.overlay.newest_change_ms(self.id()) {
                Err(error) if !error.is_corruption() => return Err(error),
                found => found.unwrap_or(0),
            },
        };
        self.working.newest_ms = Some(newest);
        self.now_ms = self.now_ms.max(newest);
        Ok(())
    }

    /// Logs a change before which the ledger tells nothing.
    pub(crate) fn log_beginning(&mut self, record: &LedgerRecord<'_>) {
        self.working.counters.complete_from = self.log(record);
    }
}
