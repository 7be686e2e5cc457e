//! Reading beside the owner.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use common::{block_on, get, location, open, put};
use epistemic_object_store::{Location, SlateReader};
use epistemic_storage::{
    GraphStore, Store, StoreError,
    audit::audit,
    graph::{GraphType, Op},
};
use futures_util::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use slatedb::admin::Admin;

const CACHE: usize = 1 << 20;

fn read(location: &Location) -> SlateReader {
    SlateReader::open(location, None, CACHE).unwrap()
}

/// Also what no table holds yet; and it stays what it was.
fn sees_what_is_durable(location: &Location) {
    let store = open(location);
    put(&store, "a", "1").unwrap();
    let first = read(location);
    assert_eq!(get(&first, "a").as_deref(), Some("1"), "it is in the log alone");
    assert_eq!(first.identity(), store.identity());
    put(&store, "a", "2").unwrap();
    put(&store, "b", "2").unwrap();
    store.flush().unwrap();
    put(&store, "b", "3").unwrap();
    let second = read(location);
    assert_eq!(["a", "b"].map(|key| get(&second, key)), [Some("2".into()), Some("3".into())]);
    assert_eq!(["a", "b"].map(|key| get(&first, key)), [Some("1".into()), None]);
    assert!(second.stats().unwrap().sequence > first.stats().unwrap().sequence);
    second.verify().unwrap();

    assert_eq!(put(&second, "a", "4"), Err(StoreError::ReadOnly));
    assert_eq!(second.accepts_writes(), Err(StoreError::ReadOnly));
    assert!(second.bulk_load().is_err());

    // The owner that ended without a word has left a log.
    put(&store, "c", "5").unwrap();
    std::mem::forget(store);
    assert_eq!(get(&read(location), "c").as_deref(), Some("5"));
}

#[test]
fn a_reader_sees_what_is_durable_in_memory() {
    sees_what_is_durable(&location(Arc::new(InMemory::new())));
}

#[test]
fn a_reader_sees_what_is_durable_in_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    sees_what_is_durable(&Location::parse(&format!("file://{}/shard", folder.path().display())).unwrap());
}

/// SlateDB's own readers look for something newer as soon as they are open.
#[test]
fn a_reader_stays_with_its_state() {
    let place = location(Arc::new(InMemory::new()));
    let store = open(&place);
    put(&store, "a", "0").unwrap();
    let readers: Vec<_> = (1..=20)
        .map(|number: u32| {
            let reader = read(&place);
            put(&store, "a", &number.to_string()).unwrap();
            reader
        })
        .collect();
    store.flush().unwrap();
    let seen: Vec<_> = readers.iter().map(|reader| get(reader, "a").unwrap()).collect();
    assert_eq!(seen, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// It goes on acknowledging, and every reader has one state: two records that change together are read as one.
#[test]
fn the_owner_goes_on() {
    let place = location(Arc::new(InMemory::new()));
    let graphs = GraphStore::open(open(&place)).unwrap();
    graphs.write("g", Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let owner = scope.spawn(|| {
            let mut written = 0u32;
            while !stop.load(SeqCst) {
                let id = format!("n{written}");
                let add = epistemic_storage::Mutation::AddNode { id, properties: vec![0x80] };
                graphs.write("g", add.into()).unwrap();
                written += 1;
                if written.is_multiple_of(50) {
                    graphs.store().flush().unwrap();
                }
            }
            written
        });
        let mut last = 0;
        for _ in 0..8 {
            let reader = GraphStore::open_read_only(read(&place)).unwrap();
            let nodes = reader.graph("g").unwrap().counters().nodes;
            assert!(nodes >= last);
            last = nodes;
            let found = audit(reader.store(), &[], &mut |_| {}).unwrap();
            assert!(found.found.is_empty(), "{:?}", found.found);
        }
        stop.store(true, SeqCst);
        let written = owner.join().unwrap();
        assert!(u64::from(written) >= last && last > 0, "{written} written, {last} read");
    });
    assert!(graphs.poisoned().is_none());
    assert_eq!(graphs.store().accepts_writes(), Ok(()));
}

/// Nothing stays behind but the manifests that SlateDB deletes in its own time.
#[test]
fn a_reader_lets_go_of_what_it_read() {
    let objects = Arc::new(InMemory::new());
    let place = location(objects.clone());
    let store = open(&place);
    put(&store, "a", "1").unwrap();
    let pins = || {
        let admin = Admin::builder("tier/shard/db", objects.clone() as Arc<dyn ObjectStore>).build();
        block_on(admin.list_checkpoints(None)).unwrap().len()
    };
    let reader = read(&place);
    assert_eq!(pins(), 1);
    drop(reader);
    assert_eq!(pins(), 0);
    drop(store);
}

#[test]
fn what_is_no_store_is_not_made_one() {
    let objects = Arc::new(InMemory::new());
    let place = location(objects.clone());
    let refused = |place: &Location| SlateReader::open(place, None, CACHE).map(drop).unwrap_err().to_string();
    assert!(refused(&place).contains("holds no store"), "{}", refused(&place));
    assert_eq!(block_on(objects.list(None).count()), 0);
    drop(open(&place));
    block_on(objects.delete(&Path::from("tier/shard/identity.json"))).unwrap();
    assert!(refused(&place).contains("no identity.json"), "{}", refused(&place));
}
