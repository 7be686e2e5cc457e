//! Records that belong to nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    catalog::Catalog,
    finding::{FindingKind, Fix, Found},
    recorder::Recorder,
};
use crate::{
    error::Result,
    keys::{self, GraphId},
    space::Space,
    store::{KeyRange, Read, ScanOptions},
};

/// Looks at the first record of every graph in every space: no other record is read.
///
/// Records whose counters are there are left alone, and all are while an entry of the catalog is damaged: they may be those
/// of a graph whose name is lost.
pub(super) fn check(read: &dyn Read, catalog: &Catalog, recorder: &mut Recorder<'_>) -> Result<()> {
    let awaiting = catalog.reclaims.iter().chain(&catalog.emptied);
    let owned: BTreeSet<GraphId> = catalog.graphs.values().chain(awaiting).copied().collect();
    let mut orphans: BTreeMap<GraphId, Vec<&str>> = BTreeMap::new();
    for space in Space::OF_GRAPHS {
        let mut start = Vec::new();
        loop {
            let first = match first_key(read, space, &start) {
                Ok(Some(key)) => key,
                Ok(None) => break,
                Err(error) => {
                    recorder.unreadable(space, error)?;
                    break;
                }
            };
            let Some(id) = keys::graph_of(&first) else {
                let found = Found::new(FindingKind::BadRecord, space, &first, "the key belongs to no graph");
                recorder.found(found)?;
                start = [&first[..], &[0]].concat();
                continue;
            };
            if !owned.contains(&id) {
                orphans.entry(id).or_default().push(space.name());
            }
            match keys::graph(id).end {
                Some(end) => start = end,
                None => break,
            }
        }
    }
    for (id, spaces) in orphans {
        let key = keys::reclaim(id);
        let detail =
            format!("no graph of the catalog has the records of number {id} in {}", spaces.join(", "));
        let found = Found::new(FindingKind::Orphans, Space::Catalog, &key, detail);
        let left_over = catalog.whole && !catalog.has_state(id);
        let fix = Fix { space: Space::Catalog, key, value: Some(Vec::new()) };
        recorder.found(if left_over { found.fixed(fix) } else { found })?;
    }
    Ok(())
}

fn first_key(read: &dyn Read, space: Space, start: &[u8]) -> Result<Option<Vec<u8>>> {
    let range = KeyRange { start: start.to_vec(), ..KeyRange::all() };
    let mut cursor = read.scan(space, range, ScanOptions::SWEEP)?;
    Ok(cursor.next()?.map(|(key, _)| key.to_vec()))
}
