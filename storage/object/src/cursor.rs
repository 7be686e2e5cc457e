//! Scans. Entries are fetched from the store's runtime many at a time.

use std::{collections::VecDeque, sync::Arc};

use epistemic_storage::{
    Space,
    backend::{Cursor, Direction, Entry, KeyRange, ScanOptions},
};
use slatedb::{DbIterator, DbReadOps, DbSnapshot, KeyValue};

use crate::{
    Result,
    error::of_slatedb,
    keys::{self, Stretch},
    read::View,
    settings,
};

/// Entries that are fetched first: most scans are of one node and its neighbours.
const FIRST: usize = 16;
/// Entries that are fetched at a time in a long scan.
const MOST: usize = 2048;
/// Bytes that are fetched at a time.
const MOST_BYTES: usize = 1 << 20;

pub(crate) struct SlateCursor<R = DbSnapshot> {
    view: View<R>,
    space: Space,
    options: ScanOptions,
    /// What is still to be scanned, in the order of the scan.
    ahead: VecDeque<Stretch>,
    running: Option<DbIterator>,
    fetched: VecDeque<KeyValue>,
    fetch: usize,
    key: Vec<u8>,
    current: Option<KeyValue>,
}

impl<R: DbReadOps + Send + Sync + 'static> SlateCursor<R> {
    /// Nothing is read before its first entry is asked for.
    pub(crate) fn new(view: View<R>, space: Space, range: &KeyRange, options: ScanOptions) -> Self {
        let mut ahead = VecDeque::from(keys::stretches(space, range));
        if options.direction == Direction::Reverse {
            ahead.make_contiguous().reverse();
        }
        Self {
            view,
            space,
            options,
            ahead,
            running: None,
            fetched: VecDeque::new(),
            fetch: FIRST,
            key: Vec::new(),
            current: None,
        }
    }

    /// Fetches entries; none are left when there are none afterwards.
    fn fetch(&mut self) -> Result<()> {
        while self.fetched.is_empty() {
            let begin = if self.running.is_none() { self.ahead.pop_front() } else { None };
            if self.running.is_none() && begin.is_none() {
                return Ok(());
            }
            let (running, most) = (self.running.take(), self.fetch);
            let (snapshot, options) = (Arc::clone(&self.view.snapshot), settings::scan(self.options));
            let fetched = self.view.runtime.wait(async move {
                let running = match (running, begin) {
                    (None, Some(Stretch { start, end })) => {
                        Some(snapshot.scan_with_options(start..end, &options).await?)
                    }
                    (running, _) => running,
                };
                take(running, most).await
            })?;
            // After an error nothing is left to be scanned.
            let fetched = fetched.inspect_err(|_| self.ahead.clear());
            (self.running, self.fetched) = fetched.map_err(|error| of_slatedb(&self.view.url, &error))?;
            self.fetch = (self.fetch * 4).min(MOST);
        }
        Ok(())
    }
}

/// The next entries of a scan, and the scan unless it has ended.
async fn take(
    running: Option<DbIterator>,
    most: usize,
) -> Result<(Option<DbIterator>, VecDeque<KeyValue>), slatedb::Error> {
    let Some(mut running) = running else { return Ok((None, VecDeque::new())) };
    let (mut entries, mut bytes) = (VecDeque::with_capacity(most), 0);
    while entries.len() < most && bytes < MOST_BYTES {
        let Some(entry) = running.next().await? else { return Ok((None, entries)) };
        bytes += entry.key.len() + entry.value.len();
        entries.push_back(entry);
    }
    Ok((Some(running), entries))
}

impl<R: DbReadOps + Send + Sync + 'static> Cursor for SlateCursor<R> {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        loop {
            if self.fetched.is_empty() {
                self.fetch()?;
            }
            self.current = self.fetched.pop_front();
            let Some(entry) = &self.current else { return Ok(None) };
            // Between the graphs of a range lie records of other spaces.
            if keys::restore(self.space, &entry.key, &mut self.key) {
                break;
            }
        }
        Ok(self.current.as_ref().map(|entry| (self.key.as_slice(), &*entry.value)))
    }
}
