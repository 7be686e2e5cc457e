//! The runs of a backup: names, manifests, and what earlier runs know of a graph.
//!
//! ```text
//! manifests/RUN.json          written last
//! objects/RUN/NUMBER.full     a snapshot stream
//! objects/RUN/NUMBER.incr     an increment
//! pruning/ID                  while a prune is under way
//! ```
//!
//! No object name holds the name of a graph, and no object is written twice.

use anyhow::Result;
use chrono::{DateTime, NaiveDateTime};

use super::error::BackupError;
use super::manifest::{Manifest, PieceKind};
use super::objects::Objects;

const MANIFESTS: &str = "manifests";
pub(super) const OBJECTS: &str = "objects";

const TIME: &str = "%Y%m%dT%H%M%S%3fZ";

/// A new name for a run that begins now. It sorts behind that of the newest run, even if the clock was set back.
pub(crate) fn new_run(now_ms: u64, newest: Option<&str>) -> String {
    let newest = newest.and_then(|run| NaiveDateTime::parse_from_str(run.split_once('-')?.0, TIME).ok());
    let behind = newest.map_or(0, |time| time.and_utc().timestamp_millis() + 1);
    let ms = i64::try_from(now_ms).unwrap_or(0).max(behind);
    let time = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    format!("{}-{:08x}", time.format(TIME), rand::random::<u32>())
}

/// The name of an object of a run.
pub(crate) fn object_name(run: &str, number: usize, kind: PieceKind) -> String {
    let ending = match kind {
        PieceKind::Full => "full",
        PieceKind::Increment => "incr",
    };
    format!("{OBJECTS}/{run}/{number:06}.{ending}")
}

/// The run that an object belongs to.
pub(super) fn run_of(object: &str) -> Option<&str> {
    object.strip_prefix(OBJECTS)?.strip_prefix('/')?.split_once('/').map(|(run, _)| run)
}

fn manifest_name(run: &str) -> String {
    format!("{MANIFESTS}/{run}.json")
}

/// A run and its manifest, or why the manifest cannot be used.
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) manifest: Result<Manifest, BackupError>,
}

/// The names of all runs, oldest first.
pub(crate) fn run_names(objects: &Objects) -> Result<Vec<String>> {
    let listed = objects.list(MANIFESTS)?;
    let names = listed.iter().filter_map(|listed| {
        Some(listed.name.strip_prefix(MANIFESTS)?.strip_prefix('/')?.strip_suffix(".json")?.to_owned())
    });
    Ok(names.collect())
}

/// The manifest of a run; nothing when there is no such run.
pub(crate) fn load(objects: &Objects, run: &str) -> Result<Option<Run>> {
    let found = objects.get(&manifest_name(run))?;
    Ok(found.map(|bytes| Run { name: run.to_owned(), manifest: Manifest::decode(run, &bytes) }))
}

/// All runs, oldest first. Those whose manifest goes meanwhile are left out.
pub(crate) fn load_all(objects: &Objects) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for name in run_names(objects)? {
        runs.extend(load(objects, &name)?);
    }
    Ok(runs)
}

/// Makes a run visible. Durable on return.
pub(crate) fn publish(objects: &Objects, manifest: &Manifest) -> Result<()> {
    objects.put_new(&manifest_name(&manifest.run), manifest.encode()?.into())
}

/// Makes a run invisible; its objects stay.
pub(crate) fn withdraw(objects: &Objects, run: &str) -> Result<()> {
    objects.delete(&manifest_name(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_runs_sort_by_their_order() {
        let first = new_run(1_795_471_275_372, None);
        assert!(first.starts_with("20261123T220115372Z-"), "{first}");
        let second = new_run(1_795_471_275_372, Some(&first));
        let third = new_run(0, Some(&second));
        assert!(first < second && second < third, "{first} {second} {third}");
        assert!(third.starts_with("20261123T220115374Z-"), "{third}");
    }
}
