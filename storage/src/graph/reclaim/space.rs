//! Gives the room of removed records back: reclamation and cut ledgers only mark them as removed, and on an idle store
//! they would lie in the tables for ever.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    batch::WriteBatch,
    clock,
    error::Result,
    graph::{catalog::graph::Graph, store::GraphStore, write::beside::Room},
    keys::{self, GraphId},
    space::Space,
    store::{Durability, KeyRange, ScanOptions},
};

/// What waits to be given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Awaiting {
    /// Graphs that were deleted, cleared or had their ledger cut.
    pub graphs: u64,
    /// Bytes of their removed records, an estimate: what is only in write buffers does not count.
    pub bytes: u64,
    /// How long the oldest has waited, milliseconds; trimmed records wait ten minutes before that.
    pub oldest_ms: u64,
}

/// What is given back in one go.
struct Turn {
    /// Each with its ticket.
    graphs: Vec<(GraphId, u64)>,
    /// Keys of graphs that are gone.
    gone: Vec<KeyRange>,
    /// Ledger records that were cut off graphs that are there.
    cut: Vec<KeyRange>,
}

impl GraphStore {
    /// What was removed and has not given its room back. The first call after a removal looks at tables; blocks then.
    pub fn awaiting_room(&self) -> Awaiting {
        let now = clock::unix_ms();
        let unknown: Vec<_> = {
            let emptied = self.emptied.lock();
            let unknown = emptied.graphs.iter().filter(|(_, emptied)| emptied.bytes.is_none());
            unknown.map(|(id, emptied)| (*id, emptied.ticket)).collect()
        };
        let living = if unknown.is_empty() { HashMap::new() } else { self.living() };
        for (id, ticket) in unknown {
            let bytes = Some(self.removed_bytes(id, &living));
            if let Some(emptied) = self.emptied.lock().graphs.get_mut(&id)
                && emptied.ticket == ticket
            {
                emptied.bytes = bytes;
            }
        }
        let unread = self.retired.lock().len() as u64;
        let emptied = &self.emptied.lock().graphs;
        let waited = emptied.values().map(|emptied| now.saturating_sub(emptied.waits_from_ms));
        Awaiting {
            graphs: unread + emptied.len() as u64,
            bytes: emptied.values().filter_map(|emptied| emptied.bytes).sum(),
            oldest_ms: waited.max().unwrap_or(0),
        }
    }

    /// Rewrites the tables around removed records without them, but for those that a view still needs. Takes as long as
    /// reading and writing these tables; blocks. For one caller at a time. Returns of how many graphs the room was given
    /// back. A crash or an error leaves the rest for the next call.
    ///
    /// # Errors
    /// Those of the store, `StoreError::DiskFull` when there is no room for the new tables: what needs none was done.
    pub fn give_back_room(&self) -> Result<usize> {
        self.writable()?;
        let Turn { graphs, gone, cut } = self.turn();
        if graphs.is_empty() {
            return Ok(0);
        }
        self.drop_graphs(&gone)?;
        let of_gone =
            Space::OF_GRAPHS.iter().flat_map(|space| gone.iter().map(|range| (*space, range.clone())));
        let of_cut = cut.into_iter().map(|range| (Space::Ledger, range));
        let ranges: Vec<_> = of_gone.chain(of_cut).collect();
        if !self.store().compact(&ranges)? {
            return Ok(0);
        }
        self.forget_emptied(graphs)
    }

    /// Writes all tables of graphs anew, without what was removed or overwritten and no view needs. Takes as long as reading and
    /// writing all of them, and as much room; blocks. False when that is not possible for now.
    ///
    /// # Errors
    /// Those of the store, `StoreError::DiskFull` when there is no room: a part was done then.
    pub fn compact(&self) -> Result<bool> {
        self.writable()?;
        // Keys begin with the number of their graph, and no number is so high.
        let all = || KeyRange { start: Vec::new(), end: Some(vec![0xff; 8]) };
        self.store().compact(&Space::OF_GRAPHS.map(|space| (space, all())))
    }

    /// The graphs whose turn it is: those whose removed records no view needs and that nobody reads.
    fn turn(&self) -> Turn {
        let oldest_view_ms = self.store().oldest_view().map_or(u64::MAX, |seconds| seconds * 1000);
        // A graph that is being deleted is either there or among the retired.
        let _no_commit_meanwhile = self.commits();
        let read: HashSet<GraphId> = self.retired.lock().iter().map(|retired| retired.id).collect();
        let living = self.living();
        let mut turn = Turn { graphs: Vec::new(), gone: Vec::new(), cut: Vec::new() };
        let mut gone = Vec::new();
        for (id, emptied) in &self.emptied.lock().graphs {
            if emptied.since_ms >= oldest_view_ms || read.contains(id) {
                continue;
            }
            turn.graphs.push((*id, emptied.ticket));
            match living.get(id) {
                Some(complete_from) => turn.cut.push(keys::ledger_before(*id, *complete_from)),
                None => gone.push(*id),
            }
        }
        turn.gone = ranges_of(gone);
        turn
    }

    /// The graphs that are there, with the first change that their ledgers tell.
    fn living(&self) -> HashMap<GraphId, u64> {
        let of = |graph: &Arc<Graph>| (graph.id(), graph.counters().complete_from);
        self.catalog.read().values().map(of).collect()
    }

    /// Drops whole tables of graphs that are gone, which needs no room, and removes once more what that brings to light.
    fn drop_graphs(&self, gone: &[KeyRange]) -> Result<()> {
        let mut batch = WriteBatch::new();
        for range in gone {
            for space in Space::OF_GRAPHS {
                self.store().drop_whole(space, range)?;
                if self.holds_any(space, range)?
                    && let Some(end) = &range.end
                {
                    batch.delete_range(space, &range.start, end);
                }
            }
        }
        self.commit_records(Durability::Sync, Room::Frees, move |_, group| group.append(&batch))
    }

    /// Whether something of a range can be read; damage in it is something.
    fn holds_any(&self, space: Space, range: &KeyRange) -> Result<bool> {
        let mut cursor = self.store().scan(space, range.clone(), ScanOptions::SWEEP)?;
        match cursor.next() {
            Ok(first) => Ok(first.is_some()),
            Err(error) if error.is_corruption() => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Forgets these graphs, but for those of which more was removed meanwhile.
    fn forget_emptied(&self, done: Vec<(GraphId, u64)>) -> Result<usize> {
        let (count, forgotten) = (done.len(), done.clone());
        self.commit_records(Durability::Sync, Room::Frees, move |graphs, batch| {
            let emptied = graphs.emptied.lock();
            for (id, ticket) in forgotten {
                if emptied.is_still(id, ticket) {
                    batch.delete(Space::Catalog, keys::emptied(id));
                }
            }
        })?;
        let mut emptied = self.emptied.lock();
        for (id, ticket) in done {
            if emptied.is_still(id, ticket) {
                emptied.graphs.remove(&id);
            }
        }
        Ok(count)
    }

    /// What the removed records of a graph take in tables.
    fn removed_bytes(&self, id: GraphId, living: &HashMap<GraphId, u64>) -> u64 {
        let size_of = |space, range| self.store().size_of(space, range).unwrap_or(0);
        match living.get(&id) {
            Some(complete_from) => size_of(Space::Ledger, keys::ledger_before(id, *complete_from)),
            None => Space::OF_GRAPHS.into_iter().map(|space| size_of(space, keys::graph(id))).sum(),
        }
    }
}

/// The keys of graphs, those of neighbouring ids in one range. Ids between them may be those of graphs that are read or
/// loaded.
fn ranges_of(mut ids: Vec<GraphId>) -> Vec<KeyRange> {
    ids.sort_unstable();
    let mut ranges: Vec<KeyRange> = Vec::new();
    for range in ids.into_iter().map(keys::graph) {
        match ranges.last_mut() {
            Some(last) if last.end.as_ref() == Some(&range.start) => last.end = range.end,
            Some(_) | None => ranges.push(range),
        }
    }
    ranges
}
