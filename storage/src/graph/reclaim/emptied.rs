//! Graphs whose records are to be reclaimed, and graphs of which removed records may still lie in tables.

use std::{collections::HashMap, sync::Arc};

use crate::{
    clock,
    error::{Result, StoreError},
    graph::catalog::graph::Graph,
    keys::{self, GraphId},
    space::Space,
    store::{ScanOptions, Store},
};

/// Records to reclaim once nobody reads them any more.
pub(crate) struct Retired {
    pub(crate) id: GraphId,
    pub(crate) readers: Option<Arc<Graph>>,
}

/// Trimmed records wait so much longer than deleted ones: nobody asked for them to go, and there are more of them soon.
const TRIM_PATIENCE_MS: u64 = 600_000;

/// Why records were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// They were deleted or cleared.
    Asked,
    /// Their ledger was trimmed.
    Trimmed,
}

/// A graph of which removed records may still lie in tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Emptied {
    /// Another one with each removal.
    pub(crate) ticket: u64,
    /// When records were removed last, Unix milliseconds; of an earlier run when the store was opened.
    pub(crate) since_ms: u64,
    /// From when on the oldest of them wait.
    pub(crate) waits_from_ms: u64,
    /// What they take, once that was looked at.
    pub(crate) bytes: Option<u64>,
}

/// The graphs of which removed records may still lie in tables.
#[derive(Debug, Default)]
pub(crate) struct EmptiedGraphs {
    pub(crate) tickets: u64,
    pub(crate) graphs: HashMap<GraphId, Emptied>,
}

impl EmptiedGraphs {
    /// The ids that an earlier run has left.
    pub(crate) fn left_over(store: &dyn Store) -> Result<Self> {
        let mut emptied = Self::default();
        let mut cursor = store.scan(Space::Catalog, keys::all_emptied(), ScanOptions::FORWARD)?;
        while let Some((key, _)) = cursor.next()? {
            let id =
                keys::tagged_id(key).ok_or_else(|| StoreError::corrupt(Space::Catalog, "emptied key"))?;
            emptied.add(id, Removal::Asked);
        }
        Ok(emptied)
    }

    /// Records of this graph were removed.
    pub(crate) fn add(&mut self, id: GraphId, why: Removal) {
        self.tickets += 1;
        let (ticket, since_ms) = (self.tickets, clock::unix_ms());
        let patience = if why == Removal::Trimmed { TRIM_PATIENCE_MS } else { 0 };
        let waits_from_ms = since_ms + patience;
        let earlier = self.graphs.get(&id).map_or(waits_from_ms, |emptied| emptied.waits_from_ms);
        let waits_from_ms = waits_from_ms.min(earlier);
        self.graphs.insert(id, Emptied { ticket, since_ms, waits_from_ms, bytes: None });
    }

    /// Whether nothing was removed of this graph since it got this ticket.
    pub(crate) fn is_still(&self, id: GraphId, ticket: u64) -> bool {
        self.graphs.get(&id).is_some_and(|emptied| emptied.ticket == ticket)
    }

    /// Every number that is taken.
    pub(crate) fn ids(&self) -> impl Iterator<Item = GraphId> {
        self.graphs.keys().copied()
    }
}
