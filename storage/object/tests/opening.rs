//! What is opened, what is created, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{
    block_on, get, location, open, put, refusal,
    wrapped::{Fault, Wrapped},
};
use epistemic_object_store::{Identity, Location};
use epistemic_storage::{Store, StoreError};
use futures_util::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, memory::InMemory, path::Path};

fn paths(objects: &InMemory) -> Vec<String> {
    block_on(objects.list(None).map(|object| object.unwrap().location.to_string()).collect())
}

#[test]
fn an_empty_prefix_becomes_a_store_that_keeps_its_identity() {
    let objects = Arc::new(InMemory::new());
    let place = location(objects.clone());
    assert_eq!(Identity::load(&place), Ok(None));
    let store = open(&place);
    let identity = store.identity().clone();
    put(&store, "a", "1").unwrap();
    drop(store);
    assert_eq!(Identity::load(&place), Ok(Some(identity.clone())));
    assert_eq!(open(&place).identity(), &identity);
    let left: Vec<String> = paths(&objects).into_iter().filter(|path| path.contains("probe")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn prefixes_are_stores_of_their_own() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let [one, two] = ["shard-1", "shard-2"]
        .map(|prefix| open(&Location::of(Arc::clone(&objects), prefix, &format!("memory:{prefix}"), true)));
    assert_ne!(one.identity().store_id, two.identity().store_id);
    put(&one, "a", "1").unwrap();
    assert_eq!(get(&two, "a"), None);
}

/// A prefix that lost its records, or its identity, or belongs to something else, does not become a new, empty store.
#[test]
fn nothing_stands_in_for_a_store_that_is_not_there() {
    let objects = Arc::new(InMemory::new());
    let place = location(objects.clone());
    let store = open(&place);
    put(&store, "a", "1").unwrap();
    drop(store);

    let identity = Path::from("tier/shard/identity.json");
    let text = block_on(async { objects.get(&identity).await.unwrap().bytes().await.unwrap() });
    block_on(objects.delete(&identity)).unwrap();
    let refused = refusal(&place);
    assert!(matches!(&refused, StoreError::BadDirectory { .. }), "{refused}");
    assert!(refused.to_string().contains("it has records and no identity.json"), "{refused}");
    assert_eq!(Identity::load(&place), Ok(None), "none was made up");

    block_on(objects.put(&identity, PutPayload::from(text))).unwrap();
    assert_eq!(get(&open(&place), "a").as_deref(), Some("1"));

    for path in paths(&objects).into_iter().filter(|path| path.contains("/manifest/")) {
        block_on(objects.delete(&Path::from(path))).unwrap();
    }
    let refused = refusal(&place).to_string();
    assert!(refused.contains("its database is gone"), "{refused}");

    let foreign = Arc::new(InMemory::new());
    block_on(foreign.put(&Path::from("tier/shard/letters/1"), PutPayload::from_static(b"x"))).unwrap();
    let refused = refusal(&location(foreign.clone())).to_string();
    assert!(refused.contains("'tier/shard/letters/1' lies there"), "{refused}");
    assert_eq!(paths(&foreign).len(), 1, "nothing was created");
}

/// A creation that ended before anything was acknowledged is finished.
#[test]
fn a_creation_that_ended_halfway_is_finished() {
    let objects = Arc::new(InMemory::new());
    let place = location(objects.clone());
    let first = open(&place).identity().clone();
    block_on(objects.delete(&Path::from("tier/shard/identity.json"))).unwrap();
    let store = open(&place);
    assert_ne!(store.identity().store_id, first.store_id);
    put(&store, "a", "1").unwrap();
}

#[test]
fn another_version_is_refused() {
    let objects = Arc::new(InMemory::new());
    let place = location(objects.clone());
    drop(open(&place));
    let path = Path::from("tier/shard/identity.json");
    let text = block_on(async { objects.get(&path).await.unwrap().bytes().await.unwrap() });
    let text = String::from_utf8(text.to_vec()).unwrap();
    for (old, new, word) in [
        ("\"format_version\": 1", "\"format_version\": 2", "format version 2"),
        ("\"slatedb\": \"0.18\"", "\"slatedb\": \"0.99\"", "SlateDB 0.99"),
        ("\"store_id\"", "\"store\"", "is damaged"),
    ] {
        assert!(text.contains(old), "{text}");
        block_on(objects.put(&path, PutPayload::from(text.replace(old, new)))).unwrap();
        let refused = refusal(&place).to_string();
        assert!(refused.contains(word), "{refused}");
    }
}

/// Object stores with which two servers could own one store.
#[test]
fn an_object_store_without_atomic_conditions_is_refused_by_name() {
    for (fault, word) in [
        (Fault::CreatesTwice, "it created an object twice (PUT with If-None-Match"),
        (Fault::ReplacesChanged, "it replaced an object that had changed (PUT with If-Match"),
        (Fault::LooksFirst, "not atomic"),
    ] {
        let objects = Wrapped::new(fault);
        let refused = refusal(&location(objects.clone()));
        assert!(matches!(&refused, StoreError::BadDirectory { .. }), "{refused}");
        assert!(refused.to_string().contains(word), "{fault:?}: {refused}");
        assert!(paths(&objects.inner).is_empty(), "nothing was created");
    }
    open(&location(Wrapped::new(Fault::None))).verify().unwrap();
}
