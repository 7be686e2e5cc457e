//! One durable state, and the graphs that are gone in it but are read still.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use epistemic_storage::{
    Space,
    backend::{Cursor, Entry, KeyRange, Read, ScanOptions},
    graph::Graph,
    keys,
};
use slatedb::DbReader;

use crate::{Result, cursor::SlateCursor, read::View};

/// A reader that is closed when nobody has it any more: it has a task of its own.
pub(super) struct Opened(pub(super) View<DbReader>);

impl Drop for Opened {
    fn drop(&mut self) {
        let reader = Arc::clone(&self.0.snapshot);
        // Nobody waits for it, and it has nothing to lose.
        drop(self.0.runtime.start_work(async move { reader.close().await }));
    }
}

/// A state as it was published. The owner removes the records of a graph that was deleted, cleared or replaced, as soon as nobody *there*
/// reads them. Who still has the graph here reads it as it was in the last state that had it.
pub(super) struct State {
    pub(super) newest: Arc<Opened>,
    /// By the first bytes of the keys of their records.
    gone: HashMap<[u8; 8], Gone>,
    /// By the keys of their counters.
    counters: HashMap<Vec<u8>, Arc<Opened>>,
}

#[derive(Clone)]
struct Gone {
    graph: Weak<Graph>,
    last: Arc<Opened>,
}

impl State {
    pub(super) fn first(newest: Arc<Opened>) -> Self {
        Self { newest, gone: HashMap::new(), counters: HashMap::new() }
    }

    /// The state after this one, which does not have the graphs `gone` any more.
    pub(super) fn next(&self, newest: Arc<Opened>, gone: &[Arc<Graph>]) -> Self {
        let held = self.gone.values().filter(|gone| gone.graph.strong_count() > 0).cloned();
        let now =
            gone.iter().map(|graph| Gone { graph: Arc::downgrade(graph), last: Arc::clone(&self.newest) });
        let mut next = Self::first(newest);
        for gone in held.chain(now) {
            let Some(graph) = gone.graph.upgrade() else { continue };
            next.counters.insert(keys::state(graph.id()), Arc::clone(&gone.last));
            next.gone.insert(graph.id().number().to_be_bytes(), gone);
        }
        next
    }

    /// Where a record, or the first one of a range, is read.
    fn of(&self, space: Space, key: &[u8]) -> &Arc<Opened> {
        if self.gone.is_empty() {
            return &self.newest;
        }
        let last = match space {
            Space::Channels => None,
            Space::Catalog => self.counters.get(key),
            Space::Nodes
            | Space::OutEdges
            | Space::InEdges
            | Space::Labels
            | Space::Ledger
            | Space::Vectors => key.first_chunk().and_then(|id| self.gone.get(id)).map(|gone| &gone.last),
        };
        last.unwrap_or(&self.newest)
    }

    /// Where all these records are read; nothing when they are not read in one place.
    fn of_all(&self, space: Space, keys: &[Vec<u8>]) -> Option<&Arc<Opened>> {
        let mut places = keys.iter().map(|key| self.of(space, key));
        let first = places.next().unwrap_or(&self.newest);
        places.all(|place| Arc::ptr_eq(place, first)).then_some(first)
    }

    pub(super) fn cursor(&self, space: Space, range: &KeyRange, options: ScanOptions) -> Box<dyn Cursor> {
        let opened = Arc::clone(self.of(space, &range.start));
        let scan = SlateCursor::new(opened.0.clone(), space, range, options);
        Box::new(Scan { scan, _opened: opened })
    }
}

impl Read for State {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.of(space, key).0.get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.of(space, key).0.contains(space, key)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        match self.of_all(space, keys) {
            Some(opened) => opened.0.multi_get(space, keys),
            None => keys.iter().map(|key| self.get(space, key)).collect(),
        }
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        match self.of_all(space, keys) {
            Some(opened) => opened.0.multi_contains(space, keys),
            None => keys.iter().map(|key| self.contains(space, key)).collect(),
        }
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(self.cursor(space, &range, options))
    }
}

/// A scan, and the reader that must not be closed meanwhile.
struct Scan {
    scan: SlateCursor<DbReader>,
    _opened: Arc<Opened>,
}

impl Cursor for Scan {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        self.scan.next()
    }
}
