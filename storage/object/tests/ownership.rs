//! One owner, whatever happens to the others.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use common::{
    eventually, get, location, open, put,
    wrapped::{Fault, Frozen, Wrapped},
};
use epistemic_object_store::{Location, Options, SlateStore};
use epistemic_storage::{Space, Store, StoreError, backend::Read};
use object_store::{ObjectStore, memory::InMemory};
use slatedb::{
    admin::Admin,
    config::{GarbageCollectorDirectoryOptions, GarbageCollectorOptions},
};

fn takes_over(location: &Location) {
    let first = open(location);
    put(&first, "a", "1").unwrap();
    let second = open(location);
    assert_eq!(first.identity(), second.identity());
    assert_eq!(get(&second, "a").as_deref(), Some("1"), "what was acknowledged");
    put(&second, "a", "2").unwrap();

    let refused = put(&first, "b", "lost").unwrap_err();
    assert!(matches!(refused, StoreError::Fenced { .. }) && !refused.is_passing(), "{refused}");
    assert_eq!(first.accepts_writes(), Err(refused));
    assert!(first.get(Space::Catalog, b"b").is_err(), "the deposed owner serves nothing");
    assert!(put(&first, "c", "lost").is_err());

    drop(first);
    put(&second, "d", "4").unwrap();
    drop(second);
    let third = open(location);
    let all = ["a", "b", "c", "d"].map(|key| get(&third, key));
    assert_eq!(all.each_ref().map(Option::as_deref), [Some("2"), None, None, Some("4")]);
}

#[test]
fn who_opens_a_store_takes_it_over_in_memory() {
    takes_over(&location(Arc::new(InMemory::new())));
}

#[test]
fn who_opens_a_store_takes_it_over_in_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    takes_over(&Location::parse(&format!("file://{}", folder.path().display())).unwrap());
}

/// An owner that is idle finds out by itself.
#[test]
fn an_idle_owner_notices() {
    let location = location(Arc::new(InMemory::new()));
    let first = open(&location);
    put(&first, "a", "1").unwrap();
    let _second = open(&location);
    let noticed = eventually(|| first.recover().err());
    assert!(matches!(noticed, StoreError::Fenced { .. }), "{noticed}");
}

/// An owner is frozen while its write is under way, deposed, and thawed after everything that may be deleted was.
fn zombie(fences: Option<GarbageCollectorDirectoryOptions>) -> (Result<(), StoreError>, Option<String>) {
    let network = Wrapped::new(Fault::None);
    let frozen = open(&location(Arc::clone(&network) as Arc<dyn ObjectStore>));
    put(&frozen, "before", "1").unwrap();
    let direct = location(Arc::clone(&network.inner) as Arc<dyn ObjectStore>);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    network.frozen.send_replace(Frozen::Everything);
    let acknowledged = std::thread::scope(|scope| {
        let late = scope.spawn(|| put(&frozen, "late", "acknowledged"));
        runtime.block_on(network.arrived.notified());

        let successor = open(&direct);
        for number in 0..3 {
            put(&successor, "after", &number.to_string()).unwrap();
            successor.flush().unwrap();
        }
        let now = Some(GarbageCollectorDirectoryOptions {
            interval: None,
            min_age: Duration::ZERO,
            dry_run: false,
        });
        let garbage = GarbageCollectorOptions {
            wal_options: now,
            wal_fence_options: fences,
            compacted_options: None,
            manifest_options: None,
            compactions_options: None,
            detach_options: None,
            ..GarbageCollectorOptions::default()
        };
        let objects = Arc::clone(&network.inner) as Arc<dyn ObjectStore>;
        runtime.block_on(Admin::builder("tier/shard/db", objects).build().run_gc_once(garbage)).unwrap();
        drop(successor);

        // Its write is the first thing that goes on; what would tell it of the successor comes later.
        network.frozen.send_replace(Frozen::AllButLog);
        for _ in 0..500 {
            if !late.is_finished() {
                std::thread::park_timeout(Duration::from_millis(10));
            }
        }
        network.frozen.send_replace(Frozen::Nothing);
        late.join().unwrap()
    });
    drop(frozen);
    let last = open(&direct);
    assert_eq!(get(&last, "before").as_deref(), Some("1"));
    assert_eq!(get(&last, "after").as_deref(), Some("2"));
    (acknowledged, get(&last, "late"))
}

#[test]
fn a_thawed_owner_acknowledges_nothing() {
    let (acknowledged, kept) = zombie(None);
    assert!(matches!(acknowledged, Err(StoreError::Fenced { .. })), "{acknowledged:?}");
    assert_eq!(kept, None);
}

/// The negative control: with fences deleted the same run loses a write that was acknowledged. That is why they never are.
#[test]
fn with_fences_deleted_a_thawed_owner_loses_a_write() {
    let now = GarbageCollectorDirectoryOptions { interval: None, min_age: Duration::ZERO, dry_run: false };
    let (acknowledged, kept) = zombie(Some(now));
    assert_eq!((acknowledged, kept), (Ok(()), None));
}

/// While the object store does not answer, the commit under way waits, others are refused, and all goes on afterwards.
#[test]
fn an_outage_heals() {
    let network = Wrapped::new(Fault::None);
    let options = Options { unreachable_after: Duration::from_millis(300), ..Options::default() };
    let place = location(Arc::clone(&network) as Arc<dyn ObjectStore>);
    let store = SlateStore::open(&place, &options).unwrap();
    put(&store, "a", "1").unwrap();
    network.down.store(true, SeqCst);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| put(&store, "a", "2"));
        let refused = eventually(|| store.accepts_writes().err());
        assert!(matches!(refused, StoreError::Unreachable { .. }) && refused.is_passing(), "{refused}");
        let other = put(&store, "b", "1").unwrap_err();
        assert!(matches!(other, StoreError::Unreachable { .. }), "{other}");
        assert_eq!(get(&store, "a").as_deref(), Some("1"), "reads see what is durable");
        network.down.store(false, SeqCst);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(store.accepts_writes(), Ok(()));
    assert_eq!((get(&store, "a").as_deref(), get(&store, "b")), (Some("2"), None));
    put(&store, "b", "2").unwrap();
    drop(store);
    assert_eq!(get(&open(&place), "a").as_deref(), Some("2"));
}
