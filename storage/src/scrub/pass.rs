//! One pass over all tables.

use std::collections::VecDeque;

use super::{Finding, LastPass, Place, ScrubLog, Table, TableCheck};
use crate::{
    clock,
    error::{Result, StoreError},
    graph::GraphStore,
};

/// A pass over the tables that a store had when it began. Younger ones are left to the next pass: what they hold was just
/// written, or was read and checked when it was merged into them.
pub struct Pass {
    place: Place,
    queue: VecDeque<Table>,
    /// So many tables of the queue are out of their order.
    ahead: usize,
    left: u64,
    current: Option<(Table, Box<dyn TableCheck>)>,
    /// How often damage had been met when the pass began; none for one that began in an earlier run of the process, or that
    /// has left something out.
    met_before: Option<u64>,
}

/// What a step of a pass came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Bytes read from the disk.
    pub read: u64,
    /// A table has been done since the last step: a good moment for [`ScrubLog::store`].
    pub table_done: bool,
    /// The pass is complete; `log` says so.
    pub is_last: bool,
}

impl Pass {
    /// Begins a pass, or goes on with the one that `log` says is not complete.
    ///
    /// # Errors
    /// The store cannot tell its tables.
    pub fn begin(graphs: &GraphStore, log: &mut ScrubLog) -> Result<Self> {
        let mut tables = graphs.store().tables()?;
        tables.sort_unstable_by_key(|table| table.number);
        let resumed = log.running;
        let place = resumed.unwrap_or_else(|| Place {
            begun_ms: clock::unix_ms(),
            next: 0,
            upto: tables.last().map_or(0, |last| last.number),
            read: 0,
        });
        // Where damage was found, it is looked for first: so its graphs are quarantined soon after a restart too.
        let (known, others): (Vec<_>, Vec<_>) = tables
            .into_iter()
            .partition(|table| log.findings.iter().any(|finding| finding.table == table.name));
        let rest = others.into_iter().filter(|table| (place.next..=place.upto).contains(&table.number));
        let ahead = known.len();
        let queue: VecDeque<_> = known.into_iter().chain(rest).collect();
        (log.running, log.findings, log.found) = (Some(place), Vec::new(), 0);
        Ok(Self {
            place,
            left: queue.iter().map(|table| table.bytes).sum(),
            queue,
            ahead,
            current: None,
            met_before: resumed.is_none().then(|| graphs.store().damage_met()),
        })
    }

    /// Bytes that it will have read at its end, about.
    pub fn total(&self) -> u64 {
        self.place.read + self.left
    }

    /// Reads on and contains what is found to be damaged, as [`GraphStore::contain`] does. At the end of a pass that found
    /// nothing while nobody else met damage, the store is taken for sound again. Blocks for one read of the disk, and for
    /// more when something is damaged.
    ///
    /// # Errors
    /// A table cannot be read for another reason than damage: it is left out of this pass.
    pub fn step(&mut self, graphs: &GraphStore, log: &mut ScrubLog) -> Result<Step> {
        let stepped = match self.current.take() {
            None => self.next_table(graphs, log),
            Some((table, check)) => self.read_on(graphs, log, table, check),
        };
        if stepped.is_err() {
            // What was left out may be damaged.
            self.met_before = None;
            self.ahead = self.ahead.saturating_sub(1);
        }
        stepped
    }

    fn read_on(
        &mut self,
        graphs: &GraphStore,
        log: &mut ScrubLog,
        table: Table,
        mut check: Box<dyn TableCheck>,
    ) -> Result<Step> {
        let checked = check.step()?;
        self.place.read += checked.read;
        self.left = self.left.saturating_sub(checked.read);
        for part in &checked.damaged {
            let quarantined = graphs.contain(part);
            let (table, space) = (part.table.clone(), part.space.to_string());
            log.add(Finding { table, space, graphs: quarantined, reason: part.error.to_string() });
        }
        if !checked.is_last {
            self.current = Some((table, check));
        } else if self.ahead > 0 {
            self.ahead -= 1;
        } else {
            self.place.next = table.number + 1;
        }
        log.running = Some(self.place);
        Ok(Step { read: checked.read, table_done: checked.is_last, is_last: false })
    }

    fn next_table(&mut self, graphs: &GraphStore, log: &mut ScrubLog) -> Result<Step> {
        let Some(table) = self.queue.pop_front() else {
            self.end(graphs, log)?;
            return Ok(Step { is_last: true, table_done: true, ..Step::default() });
        };
        match graphs.store().check_table(&table)? {
            Some(check) => self.current = Some((table, check)),
            // It was merged into others meanwhile, which read and checked it.
            None => {
                self.left = self.left.saturating_sub(table.bytes);
                self.ahead = self.ahead.saturating_sub(1);
            }
        }
        Ok(Step::default())
    }

    fn end(&mut self, graphs: &GraphStore, log: &mut ScrubLog) -> Result<(), StoreError> {
        let Place { begun_ms, read, .. } = self.place;
        log.last = Some(LastPass { begun_ms, ended_ms: clock::unix_ms(), read, found: log.found });
        log.running = None;
        let store = graphs.store();
        if log.found == 0 && self.met_before == Some(store.damage_met()) && store.damage().is_some() {
            store.forget_damage()?;
            tracing::info!("no block of any table is damaged any more: tables are merged again");
        }
        Ok(())
    }
}
