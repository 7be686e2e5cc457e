//! What the catalog says: which graphs there are, their counters, and what awaits reclamation.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    counters::Stored,
    finding::{FindingKind, Found},
    recorder::Recorder,
};
use crate::{
    error::Result,
    graph::{CatalogEntry, GraphCounters},
    keys::{self, GraphId},
    space::Space,
    store::{KeyRange, Read, ScanOptions},
};

/// The catalog as far as it can be read.
#[derive(Default)]
pub(super) struct Catalog {
    /// Graphs by name.
    pub(super) graphs: BTreeMap<Arc<str>, GraphId>,
    states: BTreeMap<GraphId, Stored>,
    pub(super) reclaims: BTreeSet<GraphId>,
    /// Ids of which removed records may still lie in tables: some may come to light while these are dropped.
    pub(super) emptied: BTreeSet<GraphId>,
    /// Whether every entry was understood: only then is it known that a record belongs to nobody.
    pub(super) whole: bool,
}

impl Catalog {
    /// The stored counters of a graph.
    pub(super) fn state(&self, id: GraphId) -> Stored {
        self.states.get(&id).copied().unwrap_or(Stored::Missing)
    }

    /// Whether there are counters of this number.
    pub(super) fn has_state(&self, id: GraphId) -> bool {
        self.states.contains_key(&id)
    }

    /// What the counters expect a pass over all these graphs to read.
    pub(super) fn expected_records<'g>(&self, graphs: impl Iterator<Item = &'g GraphId>) -> u64 {
        let states = graphs.filter_map(|id| self.state(*id).state());
        // A state may say anything: nothing is added up that could overflow.
        let of = |state: GraphCounters| {
            let ledger = (state.sequence.saturating_add(1)).saturating_sub(state.complete_from);
            let records = state.nodes.saturating_mul(2).saturating_add(state.edges.saturating_mul(2));
            records.saturating_add(state.vectors).saturating_add(ledger)
        };
        states.map(of).fold(0, u64::saturating_add)
    }
}

/// Reads the catalog and tells what is wrong within it.
pub(super) fn check(read: &dyn Read, recorder: &mut Recorder<'_>) -> Result<Catalog> {
    let mut catalog = Catalog { whole: true, ..Catalog::default() };
    for range in [keys::reclaims(), keys::all_emptied(), keys::states(), keys::names()] {
        if let Err(error) = read_part(read, range, &mut catalog, recorder) {
            catalog.whole = false;
            recorder.unreadable(Space::Catalog, error)?;
        }
    }
    let mut owners: BTreeMap<GraphId, &Arc<str>> = BTreeMap::new();
    for (name, &id) in &catalog.graphs {
        if let Some(first) = owners.insert(id, name) {
            let detail = format!("graph {first:?} has the same records (number {id})");
            recorder.found(Found::new(
                FindingKind::SharedRecords,
                Space::Catalog,
                &keys::name(name),
                detail,
            ))?;
        }
        if catalog.reclaims.contains(&id) {
            let detail = format!(
                "its records (number {id}) are to be reclaimed: a start of the server would remove them"
            );
            let found = Found::new(FindingKind::Doomed, Space::Catalog, &keys::reclaim(id), detail);
            recorder.found(found.remove())?;
        }
    }
    // What awaits reclamation keeps its counters until then.
    let known = |id: &&GraphId| owners.contains_key(*id) || catalog.reclaims.contains(*id);
    for id in catalog.states.keys().filter(|id| !known(id)) {
        let detail = "no graph of the catalog has these counters";
        // The name of a graph may be lost, and with its counters more would be: it is not repaired.
        let found = Found::new(FindingKind::StateWithoutGraph, Space::Catalog, &keys::state(*id), detail);
        recorder.found(found)?;
    }
    Ok(catalog)
}

fn read_part(
    read: &dyn Read,
    range: KeyRange,
    catalog: &mut Catalog,
    recorder: &mut Recorder<'_>,
) -> Result<()> {
    let tag = range.start.clone();
    let mut cursor = read.scan(Space::Catalog, range, ScanOptions::FORWARD)?;
    while let Some((key, value)) = cursor.next()? {
        recorder.passed(key.len() + value.len());
        let understood = if tag == keys::names().start {
            entry(key, value).map(|(name, id)| catalog.graphs.insert(name, id)).is_some()
        } else if let Some(id) = keys::tagged_id(key) {
            if tag == keys::states().start {
                catalog.states.insert(id, GraphCounters::decode(value).map_or(Stored::Bad, Stored::State));
            } else if tag == keys::all_emptied().start {
                catalog.emptied.insert(id);
            } else {
                catalog.reclaims.insert(id);
            }
            true
        } else {
            false
        };
        if !understood {
            catalog.whole = false;
            let detail = "key or value of unknown form";
            recorder.found(Found::new(FindingKind::BadRecord, Space::Catalog, key, detail))?;
        }
    }
    Ok(())
}

fn entry(key: &[u8], value: &[u8]) -> Option<(Arc<str>, GraphId)> {
    let name = keys::name_of(key)?;
    let entry = CatalogEntry::decode(name, value).ok()?;
    Some((name.into(), GraphId(entry.id)))
}
