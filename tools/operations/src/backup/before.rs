//! The run that a new one goes on from.

use std::collections::BTreeMap;

use anyhow::Result;

use super::line::Line;
use super::manifest::Manifest;
use super::objects::Objects;
use super::runs::Listed;

/// The newest run of a store whose manifest is intact, and what is to be said about those that are not.
pub(super) fn newest(
    objects: &Objects,
    listed: &Listed,
    store: &str,
) -> Result<(Option<Manifest>, Vec<String>)> {
    let mut warnings = Vec::new();
    for run in listed.stores.get(store).into_iter().flatten().rev() {
        match Listed::load(objects, store, run)?.map(|run| run.manifest) {
            Some(Ok(manifest)) => return Ok((Some(manifest), warnings)),
            Some(Err(error)) => warnings.push(error.to_string()),
            None => {}
        }
    }
    let mut joined = None;
    for run in listed.load_v1(objects)? {
        match run.manifest {
            Ok(manifest) if manifest.store == store => joined = Some(join(joined, manifest)),
            Ok(_) => {}
            Err(error) => warnings.push(error.to_string()),
        }
    }
    Ok((joined, warnings))
}

/// Runs of version 1 of some graphs have those alone: what the runs before them know of others stays.
fn join(before: Option<Manifest>, later: Manifest) -> Manifest {
    let Some(before) = before.filter(|_| !later.is_of_all()) else { return later };
    let mut lines: BTreeMap<String, Line> =
        before.inline.into_iter().map(|line| (line.name.clone(), line)).collect();
    lines.extend(later.inline.into_iter().map(|line| (line.name.clone(), line)));
    Manifest { settled_ms: before.settled_ms, inline: lines.into_values().collect(), ..later }
}
