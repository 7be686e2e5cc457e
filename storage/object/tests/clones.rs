//! A new store out of a restore point.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use common::{
    block_on, eventually, get, location, open, points, prefix, put, refusal,
    wrapped::{Fault, Wrapped},
};
use epistemic_object_store::{
    Identity, Location, SlateReader, SlateStore, clone_point, discard_clone,
    lease::{Claim, Taken},
    restored, settle_restored,
};
use epistemic_storage::{Store, StoreError};
use futures_util::StreamExt;
use object_store::{ObjectStore, memory::InMemory};
use slatedb::{
    admin::Admin,
    config::{GarbageCollectorDirectoryOptions, GarbageCollectorOptions},
};

/// A store with a restore point "p", behind which it goes on; some of it is in tables, some was in the log when the point was
/// taken.
fn source(place: &Location) -> SlateStore {
    let store = open(place);
    put(&store, "a", "1").unwrap();
    store.flush().unwrap();
    put(&store, "b", "2").unwrap();
    points(&store).create("p").unwrap();
    put(&store, "a", "behind").unwrap();
    store
}

fn is_whole(clone: &dyn Store) {
    assert_eq!(["a", "b"].map(|key| get(clone, key)), [Some("1".into()), Some("2".into())]);
}

fn clones(from: &Location, to: &Location) {
    let source = source(from);
    let identity = clone_point(from, "p", to).unwrap();
    let origin = identity.cloned.clone().unwrap();
    assert_eq!((origin.store_id.as_str(), origin.point.as_str()), (source.identity().store_id.as_str(), "p"));
    assert_ne!(identity.store_id, source.identity().store_id);
    assert_eq!(Identity::load(to).unwrap().as_ref(), Some(&identity));
    is_whole(&SlateReader::open(to, None, 1 << 20).unwrap());

    // Each goes its own way, also when the restore point is given up and both have compacted.
    let clone = open(to);
    is_whole(&clone);
    put(&clone, "a", "of the clone").unwrap();
    points(&source).delete("p").unwrap();
    put(&source, "b", "of the source").unwrap();
    for store in [&clone, &source] {
        store.flush().unwrap();
    }
    assert_eq!((get(&clone, "a").as_deref(), get(&clone, "b").as_deref()), (Some("of the clone"), Some("2")));
    assert_eq!(get(&source, "a").as_deref(), Some("behind"));
    drop(clone);
    assert_eq!(get(&open(to), "b").as_deref(), Some("2"));

    // It is a copy until somebody has compared it.
    let note = restored(to).unwrap().unwrap();
    assert!(note.from.contains("restore point p") && note.taken_ms == Some(origin.taken_ms), "{note:?}");
    settle_restored(to).unwrap();
    settle_restored(to).unwrap();
    assert_eq!((restored(to), restored(from)), (Ok(None), Ok(None)));
}

#[test]
fn a_clone_goes_its_own_way_in_memory() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    clones(&location(Arc::clone(&objects)), &prefix(objects, "drill/1"));
}

#[test]
fn a_clone_goes_its_own_way_in_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["shard", "drill"]
        .map(|name| Location::parse(&format!("file://{}/{name}", folder.path().display())).unwrap());
    clones(&from, &to);
}

/// What the source has overwritten, merged and collected as garbage is there for the clone, until that is discarded.
#[test]
fn the_source_keeps_what_its_clone_reads() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (from, to) = (location(Arc::clone(&objects)), prefix(Arc::clone(&objects), "drill/1"));
    let source = source(&from);
    clone_point(&from, "p", &to).unwrap();
    points(&source).delete("p").unwrap();
    let admin = || Admin::builder("tier/shard/db", Arc::clone(&objects)).build();
    let tables = || block_on(objects.list(Some(&"tier/shard/db/compacted".into())).count());
    // Until tables are merged: those that the clone reads are in no manifest of the source any more then.
    let mut rounds = 0;
    eventually(|| {
        rounds += 1;
        for key in ["a", "b"] {
            put(&source, key, &format!("overwritten {rounds}")).unwrap();
        }
        source.flush().unwrap();
        let newest = block_on(admin().read_manifest(None)).unwrap().unwrap();
        (!newest.compacted().is_empty()).then_some(())
    });
    let collect = || {
        // Those of the compactor lapse after hours; that of a clone does not.
        for checkpoint in block_on(admin().list_checkpoints(None)).unwrap() {
            if checkpoint.expire_time.is_some() {
                block_on(admin().delete_checkpoint(checkpoint.id)).unwrap();
            }
        }
        let now = Some(GarbageCollectorDirectoryOptions {
            interval: None,
            min_age: Duration::ZERO,
            dry_run: false,
        });
        let garbage = GarbageCollectorOptions {
            wal_options: now,
            wal_fence_options: None,
            compacted_options: now,
            manifest_options: now,
            compactions_options: None,
            detach_options: None,
            ..GarbageCollectorOptions::default()
        };
        block_on(admin().run_gc_once(garbage)).unwrap();
        tables()
    };
    let kept = collect();
    is_whole(&SlateReader::open(&to, None, 1 << 20).unwrap());
    is_whole(&open(&to));
    discard_clone(&to).unwrap();
    let left = collect();
    assert!(left < kept, "{left} tables without the clone, {kept} with it: nothing was kept for it");
    source.verify().unwrap();
}

/// The process ends at each of its writes: until the last one no server opens the clone, and the same command finishes it.
#[test]
fn a_clone_that_was_cut_off_is_nothing_or_whole() {
    let mut steps = 0;
    loop {
        let network = Wrapped::new(Fault::None);
        let objects: Arc<dyn ObjectStore> = Arc::clone(&network.inner) as _;
        // The owner is another process: its writes go on.
        let owner = source(&location(Arc::clone(&objects)));
        let seen: Arc<dyn ObjectStore> = Arc::clone(&network) as _;
        let [from, to] = ["tier/shard", "drill/1"].map(|name| prefix(Arc::clone(&seen), name));
        network.writes_left.store(steps, SeqCst);
        let ended = clone_point(&from, "p", &to);
        network.writes_left.store(i64::MAX, SeqCst);
        if ended.is_ok() {
            break;
        }
        let direct = prefix(Arc::clone(&objects), "drill/1");
        if steps > 0 {
            assert_eq!(Identity::load(&direct), Ok(None), "step {steps}");
            let refused = refusal(&direct);
            assert!(matches!(refused, StoreError::BadDirectory { .. }), "step {steps}: {refused}");
        }
        put(&owner, "c", "goes on").unwrap();
        let again = clone_point(&from, "p", &to);
        assert!(again.is_ok(), "step {steps}: {again:?}");
        is_whole(&open(&direct));
        steps += 1;
    }
    assert!(steps >= 5, "{steps} writes: two manifests, a checkpoint, a note, an identity");
}

#[test]
fn what_holds_something_is_not_cloned_into() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let from = location(Arc::clone(&objects));
    let source = source(&from);
    let refused = |point: &str, to: &Location| clone_point(&from, point, to).unwrap_err().to_string();
    let drill = prefix(Arc::clone(&objects), "drill/1");
    for (point, to, word) in [
        ("none", drill.clone(), "no restore point 'none'"),
        ("p", from.clone(), "lies within the other"),
        ("p", prefix(Arc::clone(&objects), "tier/shard/below"), "lies within the other"),
        ("p", prefix(Arc::new(InMemory::new()), "drill/1"), "in the bucket of its source"),
    ] {
        assert!(refused(point, &to).contains(word), "{word}: {}", refused(point, &to));
    }
    let other = open(&prefix(Arc::clone(&objects), "tier/other"));
    put(&other, "x", "1").unwrap();
    let held = refused("p", &prefix(Arc::clone(&objects), "tier/other"));
    assert!(held.contains(&format!("it holds the store {}", other.identity().store_id)), "{held}");
    // A clone that lost its identity after it was written to is no unfinished one.
    let named = "drill/1/identity.json".into();
    clone_point(&from, "p", &drill).unwrap();
    put(&open(&drill), "x", "1").unwrap();
    block_on(object_store::ObjectStoreExt::delete(&*objects, &named)).unwrap();
    assert!(refused("p", &drill).contains("no clone of it"), "{}", refused("p", &drill));
    put(&source, "a", "goes on").unwrap();
}

/// Nothing of it stays, nor what it had its source keep; and nothing else can be removed that way.
#[test]
fn a_clone_can_be_discarded() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (from, to) = (location(Arc::clone(&objects)), prefix(Arc::clone(&objects), "drill/1"));
    let source = source(&from);
    let pins = || {
        let admin = Admin::builder("tier/shard/db", Arc::clone(&objects)).build();
        block_on(admin.list_checkpoints(None)).unwrap().len()
    };
    assert_eq!(pins(), 1);
    clone_point(&from, "p", &to).unwrap();
    assert_eq!(pins(), 2);
    put(&open(&to), "a", "drilled").unwrap();
    let Taken::Yes(lease) = Claim::new(&to, "tcp://drill").unwrap().take() else { panic!("it has an owner") };
    let refused = discard_clone(&to).unwrap_err().to_string();
    assert!(refused.contains("tcp://drill") && refused.contains("Stop that server"), "{refused}");
    assert_eq!(get(&open(&to), "a").as_deref(), Some("drilled"), "nothing was deleted");
    lease.release();
    discard_clone(&to).unwrap();
    assert_eq!(pins(), 1);
    assert_eq!(block_on(objects.list(Some(&"drill".into())).count()), 0);
    for (place, word) in [(&from, "no clone"), (&to, "holds no store")] {
        let refused = discard_clone(place).unwrap_err().to_string();
        assert!(refused.contains(word), "{refused}");
    }
    put(&source, "a", "goes on").unwrap();
    is_whole(&SlateReader::open(&from, Some("p"), 1 << 20).unwrap());
}
