//! Restore points: states that are kept under a name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, atomic::Ordering::SeqCst};

use common::{
    get, location, open, points, put,
    wrapped::{Fault, Wrapped},
};
use epistemic_object_store::{Location, Options, SlateReader, SlateStore, delete_point, list_points};
use epistemic_storage::{Store, StoreError};
use object_store::{ObjectStore, memory::InMemory};

const CACHE: usize = 1 << 20;

fn names(location: &Location) -> Vec<String> {
    list_points(location).unwrap().into_iter().map(|point| point.name).collect()
}

fn kept_as_it_was(location: &Location) {
    let store = open(location);
    put(&store, "a", "1").unwrap();
    let sequence = store.stats().unwrap().sequence;
    let first = points(&store).create("one").unwrap();
    assert_eq!((first.name.as_str(), first.sequence), ("one", sequence));
    assert!(first.bytes > 0 && first.created_ms > 0, "{first:?}");
    // Nothing was written since.
    points(&store).create("same").unwrap();
    put(&store, "a", "2").unwrap();
    put(&store, "b", "2").unwrap();
    points(&store).create("two").unwrap();
    put(&store, "a", "3").unwrap();
    assert_eq!(names(location), ["one", "same", "two"]);
    assert_eq!(points(&store).list().unwrap(), list_points(location).unwrap());

    let read = |point| {
        let reader = SlateReader::open(location, Some(point), CACHE).unwrap();
        ["a", "b"].map(|key| get(&reader, key))
    };
    let one = |value: &str| Some(value.to_owned());
    assert_eq!(read("one"), [one("1"), None]);
    assert_eq!(read("same"), [one("1"), None]);
    assert_eq!(read("two"), [one("2"), one("2")]);

    // By the owner, and beside it.
    points(&store).delete("one").unwrap();
    delete_point(location, "same").unwrap();
    delete_point(location, "same").unwrap();
    assert_eq!(names(location), ["two"]);
    let gone = SlateReader::open(location, Some("one"), CACHE).map(drop).unwrap_err();
    assert!(gone.to_string().contains("no restore point 'one'"), "{gone}");
    put(&store, "c", "4").unwrap();
    drop(store);
    let store = open(location);
    assert_eq!(get(&store, "c").as_deref(), Some("4"));
    assert_eq!((names(location), read("two")), (vec!["two".to_owned()], [one("2"), one("2")]));
}

#[test]
fn restore_points_are_kept_as_they_were_in_memory() {
    kept_as_it_was(&location(Arc::new(InMemory::new())));
}

#[test]
fn restore_points_are_kept_as_they_were_in_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    kept_as_it_was(&Location::parse(&format!("file://{}/shard", folder.path().display())).unwrap());
}

#[test]
fn a_prefix_without_a_store_has_none() {
    let nothing = list_points(&location(Arc::new(InMemory::new()))).unwrap_err();
    assert!(nothing.to_string().contains("holds no store"), "{nothing}");
}

/// An outage is told in time, and a deposed owner makes none.
#[test]
fn an_object_store_that_does_not_answer_is_told() {
    let network = Wrapped::new(Fault::None);
    let place = location(Arc::clone(&network) as Arc<dyn ObjectStore>);
    let options = Options { unreachable_after: std::time::Duration::from_millis(300), ..Options::default() };
    let store = SlateStore::open(&place, &options).unwrap();
    put(&store, "a", "1").unwrap();
    network.down.store(true, SeqCst);
    let refused = points(&store).create("late").unwrap_err();
    assert!(matches!(refused, StoreError::Unreachable { .. }), "{refused}");
    network.down.store(false, SeqCst);
    let _owner = open(&place);
    common::eventually(|| store.recover().err());
    let fenced = points(&store).create("deposed").unwrap_err();
    assert!(matches!(fenced, StoreError::Fenced { .. }), "{fenced}");
}

/// Requests are counted, so that somebody can tell what they cost.
#[test]
fn requests_are_counted() {
    let store = open(&location(Arc::new(InMemory::new())));
    let puts = || {
        let activity = store.remote_activity().unwrap();
        activity.requests.iter().find(|of| of.kind == "put").unwrap().requests
    };
    let before = puts();
    for number in 0..20 {
        put(&store, "a", &number.to_string()).unwrap();
    }
    assert!(puts() >= before + 20, "{before} and {}", puts());
    assert!(store.remote_activity().unwrap().log_objects > 0);
    store.flush().unwrap();
    assert_eq!(store.remote_activity().unwrap().log_objects, 0);
}
