//! Following a store beside its owner.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use common::{block_on, get, location, open, put};
use epistemic_object_store::{FollowedStore, Follower, Location, SlateStore};
use epistemic_storage::{
    Durability, GraphStore, Mutation, Space, Store, StoreError,
    audit::audit,
    channels::{ChannelType, Channels, Keep},
    graph::{Graph, GraphError, GraphReader, GraphType, Op},
    identities::{Identities, Identity, Role},
};
use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory};

const CACHE: usize = 1 << 20;

fn follow(location: &Location) -> (Follower, FollowedStore) {
    Follower::open(location, CACHE).unwrap()
}

/// Publishes a newer state, if there is one.
fn go_on(follower: &mut Follower) -> bool {
    follower.look().unwrap().map(|newer| newer.publish(&[])).is_some()
}

/// The same with the graphs of it.
fn go_on_with(follower: &mut Follower, graphs: &GraphStore) -> bool {
    let Some(newer) = follower.look().unwrap() else { return false };
    graphs.follow(newer.records(), |gone| newer.publish(gone)).unwrap();
    true
}

fn goes_on(location: &Location) {
    let store = open(location);
    put(&store, "a", "1").unwrap();
    let (mut follower, followed) = follow(location);
    assert_eq!(get(&followed, "a").as_deref(), Some("1"), "it is in the log alone");
    assert_eq!(follower.identity(), store.identity());
    assert!(!go_on(&mut follower));

    put(&store, "a", "2").unwrap();
    put(&store, "b", "2").unwrap();
    assert_eq!(get(&followed, "a").as_deref(), Some("1"), "nothing newer was published");
    let before = followed.read_view();
    assert!(go_on(&mut follower) && !go_on(&mut follower));
    assert_eq!(["a", "b"].map(|key| get(&followed, key)), [Some("2".into()), Some("2".into())]);
    let old = before.get(Space::Catalog, b"a").unwrap();
    assert_eq!(old.as_deref(), Some(&b"1"[..]), "a view stays what it is");

    // From the log to a table, and on.
    store.flush().unwrap();
    put(&store, "b", "3").unwrap();
    assert!(go_on(&mut follower));
    assert_eq!(["a", "b"].map(|key| get(&followed, key)), [Some("2".into()), Some("3".into())]);
    followed.verify().unwrap();

    // An owner that ended without a word, and the next one with its fence.
    put(&store, "c", "4").unwrap();
    std::mem::forget(store);
    let next = open(location);
    put(&next, "c", "5").unwrap();
    while go_on(&mut follower) {}
    assert_eq!(get(&followed, "c").as_deref(), Some("5"));
    drop(next);
    let third = open(location);
    put(&third, "c", "6").unwrap();
    while go_on(&mut follower) {}
    assert_eq!(get(&followed, "c").as_deref(), Some("6"));

    assert_eq!(put(&followed, "a", "4"), Err(StoreError::ReadOnly));
    assert_eq!(followed.accepts_writes(), Err(StoreError::ReadOnly));
    assert!(followed.bulk_load().is_err());
}

#[test]
fn a_follower_goes_on_in_memory() {
    goes_on(&location(Arc::new(InMemory::new())));
}

#[test]
fn a_follower_goes_on_in_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    goes_on(&Location::parse(&format!("file://{}/shard", folder.path().display())).unwrap());
}

/// Neither a checkpoint nor a note of who follows.
#[test]
fn a_follower_writes_nothing() {
    let objects = Arc::new(InMemory::new());
    let store = open(&location(objects.clone()));
    // A location of its own has counters of its own.
    let (mut follower, followed) = follow(&location(objects));
    for number in 0..30 {
        put(&store, "a", &number.to_string()).unwrap();
        go_on(&mut follower);
        if number % 10 == 9 {
            store.flush().unwrap();
        }
    }
    assert_eq!(follower.owner().unwrap(), None);
    followed.verify().unwrap();
    let activity = followed.remote_activity().unwrap();
    drop((follower, followed));
    for asked in activity.requests {
        let reads = matches!(asked.kind, "get" | "head" | "list");
        assert!(reads == (asked.requests > 0), "{asked:?}");
    }
}

fn create(graphs: &GraphStore, name: &str) {
    graphs.write(name, Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).unwrap();
}

fn add(graphs: &GraphStore, graph: &str, node: &str) {
    let add = Mutation::AddNode { id: node.into(), properties: vec![0x80] };
    graphs.write(graph, add.into()).unwrap();
}

/// What is in memory of all graphs.
fn told(graphs: &GraphStore) -> Vec<String> {
    let tell = |graph: &Arc<Graph>| {
        let (name, id, owner) = (graph.name(), graph.id(), graph.owner());
        format!("{name} {id} {owner:?} {:?} {:?}", graph.counters(), graph.migration_state())
    };
    graphs.graphs().iter().map(tell).collect()
}

struct Pair {
    owner: GraphStore,
    replica: GraphStore,
    follower: Follower,
}

impl Pair {
    fn new() -> (Location, Self) {
        let place = location(Arc::new(InMemory::new()));
        let owner = GraphStore::open(open(&place)).unwrap();
        let (follower, followed) = follow(&place);
        let replica = GraphStore::open_read_only(followed).unwrap();
        (place, Self { owner, replica, follower })
    }

    fn go_on(&mut self) {
        while go_on_with(&mut self.follower, &self.replica) {}
        assert_eq!(told(&self.replica), told(&self.owner));
    }
}

#[test]
fn the_catalog_follows() {
    let (_place, mut pair) = Pair::new();
    for name in ["a", "b", "c"] {
        create(&pair.owner, name);
        add(&pair.owner, name, "1");
    }
    pair.go_on();
    let b = pair.replica.graph("b").unwrap();
    let (before, unchanged) = (b.versions(), pair.replica.graph("c").unwrap());
    add(&pair.owner, "b", "2");
    pair.owner.write("b", Op::SetOwner(Some("someone".into()))).unwrap();
    pair.owner.write("a", Op::Delete).unwrap();
    create(&pair.owner, "a");
    create(&pair.owner, "later");
    pair.go_on();
    assert!(Arc::ptr_eq(&b, &pair.replica.graph("b").unwrap()) && b.versions() != before);
    assert!(Arc::ptr_eq(&unchanged, &pair.replica.graph("c").unwrap()));
    assert_eq!(pair.replica.graph("a").unwrap().counters().nodes, 0);
    pair.owner.write("c", Op::Delete).unwrap();
    pair.go_on();
    assert!(pair.replica.graph("c").is_err());
    assert!(audit(pair.replica.store(), &[], &mut |_| {}).unwrap().found.is_empty());
}

/// The owner removes the records of a graph that nobody reads there. Who has it here reads it on.
#[test]
fn graphs_that_are_gone_are_read_as_they_were() {
    let (_place, mut pair) = Pair::new();
    for name in ["g", "other"] {
        create(&pair.owner, name);
        (0..100).for_each(|number| add(&pair.owner, name, &number.to_string()));
    }
    pair.go_on();
    let (held, other) = (pair.replica.graph("g").unwrap(), pair.replica.graph("other").unwrap());
    let counters = held.counters();
    pair.owner.write("g", Op::Delete).unwrap();
    create(&pair.owner, "g");
    while pair.owner.reclaim().unwrap() > 0 {}
    pair.go_on();
    add(&pair.owner, "other", "more");
    pair.go_on();

    let view = pair.replica.read_view();
    let on_view = GraphReader::new(&*view, &held);
    for reader in [pair.replica.latest(&held), on_view] {
        assert_eq!(reader.counters().unwrap(), counters);
        assert!(reader.has_node("99").unwrap() && reader.node("0").unwrap().is_some());
        assert_eq!(reader.have_nodes(&["1", "2", "none"]).unwrap(), [true, true, false]);
        let mut nodes = 0;
        reader
            .for_each_node(|_, _, _| {
                nodes += 1;
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert_eq!(nodes, 100);
    }
    assert!(pair.replica.latest(&other).has_node("more").unwrap());
    let new = pair.replica.graph("g").unwrap();
    assert!(new.id() != held.id() && !pair.replica.latest(&new).has_node("99").unwrap());
}

#[test]
fn identities_and_channels_follow() {
    let (_place, mut pair) = Pair::new();
    let (owner, durability) = (Arc::new(pair.owner), Durability::Sync);
    let keep = Keep { messages: 10, bytes: 1 << 20 };
    let known = Identities::open(Arc::clone(&owner), durability).unwrap();
    let channels = Channels::open(Arc::clone(&owner), keep, durability).unwrap();
    let replica = Arc::new(pair.replica);
    let followed = Identities::open(Arc::clone(&replica), durability).unwrap();
    let heard = Channels::open(Arc::clone(&replica), keep, durability).unwrap();
    let identity = |role| Identity { role, teams: Vec::new(), registered_ms: 1 };
    let mut go_on = || {
        while let Some(newer) = pair.follower.look().unwrap() {
            followed.follow(newer.records()).unwrap();
            heard.follow(newer.records()).unwrap();
            newer.publish(&[]);
        }
        assert_eq!(followed.list(), known.list());
        assert_eq!((followed.any(), followed.any_system()), (known.any(), known.any_system()));
        assert_eq!(followed.name_bytes(), known.name_bytes());
        assert_eq!(
            (heard.list(None).unwrap(), heard.name_bytes()),
            (channels.list(None).unwrap(), channels.name_bytes())
        );
    };
    known.register("root", identity(Role::System), || Ok::<_, GraphError>(())).unwrap();
    known.register("a", identity(Role::Agent), || Ok::<_, GraphError>(())).unwrap();
    channels.create("talk", ChannelType::Group, "a", &["b"]).unwrap();
    channels.send("talk", "a", "hello").unwrap();
    go_on();
    assert_eq!(heard.messages("talk", None).unwrap(), channels.messages("talk", None).unwrap());
    known.unregister("root").unwrap();
    channels.leave("talk", "b").unwrap();
    go_on();
    assert!(!heard.is_member("talk", "b").unwrap());
    known.unregister("a").unwrap();
    channels.close("talk").unwrap();
    go_on();
    assert!(!followed.any() && heard.messages("talk", None).is_err());
}

/// Every state that is read is one of the owner's, and none is older than the one before, while it writes tables and merges them.
#[test]
fn every_state_is_one_of_the_owners() {
    let (_place, mut pair) = Pair::new();
    create(&pair.owner, "g");
    pair.go_on();
    let stop = AtomicBool::new(false);
    let Pair { owner, replica, follower } = &mut pair;
    let (owner, replica) = (&*owner, &*replica);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut written = 0u32;
            while !stop.load(SeqCst) {
                add(owner, "g", &format!("{written:06}"));
                written += 1;
                if written.is_multiple_of(40) {
                    owner.store().flush().unwrap();
                }
            }
            written
        });
        let reading: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut last, mut looks) = (0, 0);
                    while !stop.load(SeqCst) || looks == 0 {
                        let graph = replica.graph("g").unwrap();
                        let view = replica.read_view();
                        let reader = GraphReader::new(&*view, &graph);
                        let counted = reader.counters().unwrap().nodes;
                        let mut ids = Vec::new();
                        reader
                            .for_each_node(|id, _, _| {
                                ids.push(id.to_owned());
                                Ok::<_, StoreError>(())
                            })
                            .unwrap();
                        let expected: Vec<_> = (0..counted).map(|number| format!("{number:06}")).collect();
                        assert!(ids == expected && counted >= last, "{counted} after {last}: {}", ids.len());
                        let (state, _) = replica.newest(&graph).unwrap();
                        assert!(state.nodes >= counted, "{} is older than {counted}", state.nodes);
                        (last, looks) = (counted, looks + 1);
                    }
                    looks
                })
            })
            .collect();
        let mut states = 0;
        while states < 60 {
            states += u32::from(go_on_with(follower, replica));
        }
        stop.store(true, SeqCst);
        let looks: u32 = reading.into_iter().map(|reader| reader.join().unwrap()).sum();
        println!("{} writes, {states} states, {looks} looks", writing.join().unwrap());
    });
    pair.go_on();
    assert!(pair.owner.poisoned().is_none());
}

#[test]
fn what_is_no_store_is_not_followed() {
    let place = location(Arc::new(InMemory::new()));
    let refused = Follower::open(&place, CACHE).map(drop).unwrap_err().to_string();
    assert!(refused.contains("holds no store"), "{refused}");
    drop::<SlateStore>(open(&place));
    follow(&place);
}

/// Its log would be taken for the rest of the one that was followed.
#[test]
fn another_store_in_its_place_is_not_followed() {
    let objects = Arc::new(InMemory::new());
    let place = location(objects.clone());
    let store = open(&place);
    put(&store, "a", "1").unwrap();
    let (mut follower, followed) = follow(&place);
    drop(store);
    let all: Vec<_> = block_on(objects.list(None).try_collect()).unwrap();
    for object in all {
        block_on(objects.delete(&object.location)).unwrap();
    }
    let other = open(&place);
    (0..20).for_each(|number| put(&other, "a", &format!("other {number}")).unwrap());
    let refused = follower.look().map(drop).unwrap_err().to_string();
    assert!(
        refused.contains(&other.identity().store_id) && refused.contains("start this server anew"),
        "{refused}"
    );
    assert_eq!(get(&followed, "a").as_deref(), Some("1"));
}
