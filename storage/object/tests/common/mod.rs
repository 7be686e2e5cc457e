//! What several tests of this crate share.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod stepped;
pub mod wrapped;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use epistemic_object_store::{Location, Options, SlateStore};
use epistemic_storage::{Durability, RestorePoints, Space, Store, StoreError, WriteBatch};
use object_store::ObjectStore;

/// A prefix in memory.
pub fn location(objects: Arc<dyn ObjectStore>) -> Location {
    prefix(objects, "tier/shard")
}

/// Another one.
pub fn prefix(objects: Arc<dyn ObjectStore>, prefix: &str) -> Location {
    Location::of(objects, prefix, &format!("memory:{prefix}"), true)
}

pub fn points(store: &dyn Store) -> &dyn RestorePoints {
    store.restore_points().unwrap()
}

pub fn open(location: &Location) -> SlateStore {
    SlateStore::open(location, &Options::default()).unwrap()
}

/// Why it cannot be opened.
pub fn refusal(location: &Location) -> StoreError {
    SlateStore::open(location, &Options::default()).map(drop).unwrap_err()
}

/// What a request to the objects of a test comes to.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// What `look` finds, looked for again and again.
pub fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within a minute");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Commits one record.
pub fn put(store: &dyn Store, key: &str, value: &str) -> Result<(), StoreError> {
    let mut batch = WriteBatch::new();
    batch.put(Space::Catalog, key, value);
    store.commit(batch, Durability::Sync)
}

pub fn get(store: &dyn Store, key: &str) -> Option<String> {
    let value = store.get(Space::Catalog, key.as_bytes()).unwrap();
    value.map(|value| String::from_utf8(value).unwrap())
}
