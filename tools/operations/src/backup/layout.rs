//! Names in a backup:
//!
//! ```text
//! stores/STORE/runs/RUN.json              a manifest, written last
//! stores/STORE/marks/RUN                  that manifest was written
//! stores/STORE/objects/RUN/NUMBER.pack    pieces, each compressed on its own
//! stores/STORE/objects/RUN/index.zst      a layer
//! tiers/RUN.json                          the runs of a whole tier
//! pruning/ID                              while a prune is under way
//!
//! manifests/RUN.json                      a manifest of version 1
//! objects/RUN/NUMBER.full                 of version 1: a snapshot stream
//! objects/RUN/NUMBER.incr                 of version 1: an increment
//! ```
//!
//! No name holds the name of a graph, and no object is written twice.

use chrono::{DateTime, NaiveDateTime};

/// Below it are the stores.
pub(super) const STORES: &str = "stores";
/// Below it are the manifests of version 1.
pub(super) const MANIFESTS_V1: &str = "manifests";
/// Below it are the objects of version 1.
pub(super) const OBJECTS_V1: &str = "objects";
/// Below it are the runs of whole tiers.
pub(super) const TIERS: &str = "tiers";
/// Below it are the marks of prunes under way.
pub(super) const PRUNING: &str = "pruning";

const TIME: &str = "%Y%m%dT%H%M%S%3fZ";

/// A new name for a run that begins now. It sorts behind that of the newest run, even if the clock was set back.
pub fn new_run(now_ms: u64, newest: Option<&str>) -> String {
    let newest = newest.and_then(|run| NaiveDateTime::parse_from_str(run.split_once('-')?.0, TIME).ok());
    let behind = newest.map_or(0, |time| time.and_utc().timestamp_millis() + 1);
    let ms = i64::try_from(now_ms).unwrap_or(0).max(behind);
    let time = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    format!("{}-{:08x}", time.format(TIME), rand::random::<u32>())
}

/// The folder of a store: its identity, or for one in memory a name made of where it is.
pub(crate) fn store_key(store_id: Option<&str>, source: &str) -> String {
    let is_plain = |id: &&str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match store_id.filter(is_plain) {
        Some(id) => id.to_owned(),
        None => format!("memory-{}", &super::pieces::digest(source.as_bytes())[..16]),
    }
}

/// The manifest of a run.
pub(super) fn manifest(store: &str, run: &str) -> String {
    format!("{STORES}/{store}/runs/{run}.json")
}

/// What tells that a manifest was written.
pub(super) fn mark(store: &str, run: &str) -> String {
    format!("{STORES}/{store}/marks/{run}")
}

/// A pack of a run.
pub(super) fn pack(store: &str, run: &str, number: u64) -> String {
    format!("{STORES}/{store}/objects/{run}/{number:06}.pack")
}

/// The layer of a run.
pub(super) fn index(store: &str, run: &str) -> String {
    format!("{STORES}/{store}/objects/{run}/index.zst")
}

/// The run of a whole tier.
pub(super) fn tier(run: &str) -> String {
    format!("{TIERS}/{run}.json")
}

/// The run that an object belongs to, of either version.
pub(super) fn run_of(object: &str) -> Option<&str> {
    let rest = match object.strip_prefix(STORES) {
        Some(rest) => rest.strip_prefix('/')?.split_once('/')?.1,
        None => object,
    };
    rest.strip_prefix(OBJECTS_V1)?.strip_prefix('/')?.split_once('/').map(|(run, _)| run)
}

/// What an object below [`STORES`] is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named<'n> {
    /// The manifest of a run.
    Manifest { store: &'n str, run: &'n str },
    /// That a manifest was written.
    Mark { store: &'n str, run: &'n str },
    /// An object of a run.
    Object { store: &'n str, run: &'n str },
}

/// Takes a name apart; nothing when it is none of ours.
pub(super) fn parse(name: &str) -> Option<Named<'_>> {
    let (store, rest) = name.strip_prefix(STORES)?.strip_prefix('/')?.split_once('/')?;
    let (kind, rest) = rest.split_once('/')?;
    match kind {
        "runs" => rest.strip_suffix(".json").map(|run| Named::Manifest { store, run }),
        "marks" => Some(Named::Mark { store, run: rest }),
        "objects" => rest.split_once('/').map(|(run, _)| Named::Object { store, run }),
        _ => None,
    }
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

    #[test]
    fn names_are_taken_apart_as_they_are_made() {
        assert_eq!(parse(&manifest("s", "r")), Some(Named::Manifest { store: "s", run: "r" }));
        assert_eq!(parse(&mark("s", "r")), Some(Named::Mark { store: "s", run: "r" }));
        assert_eq!(parse(&pack("s", "r", 1)), Some(Named::Object { store: "s", run: "r" }));
        assert_eq!([run_of(&index("s", "r")), run_of("objects/r/000001.full")], [Some("r"); 2]);
        assert_eq!([parse("stores/s/other/r"), parse("objects/r/1")], [None, None]);
        assert!(store_key(Some("../x"), "unix:///a").starts_with("memory-"));
    }
}
