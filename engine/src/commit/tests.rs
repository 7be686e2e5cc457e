use std::{sync::Barrier, thread};

use epistemic_storage::{
    Mutation, StoreError,
    channels::{ChannelError, ChannelType, Channels, Keep},
    graph::GraphType,
    identities::{Identities, Identity, Role},
};

use super::*;
use crate::testing::remote_store::RemoteStore;

const MANY: Keep = Keep { messages: 10_000, bytes: 1 << 30 };

/// A commit thread over a store in memory.
struct Committing {
    store: RemoteStore,
    graphs: Arc<GraphStore>,
    committer: Committer,
    channels: Channels,
    identities: Identities,
}

impl Committing {
    fn new(store: &RemoteStore, interval: Duration) -> Self {
        Self::paced(store, Pacing { interval, deadline: Duration::from_secs(3600) })
    }

    fn paced(store: &RemoteStore, pacing: Pacing) -> Self {
        let graphs = Arc::new(GraphStore::open(store.clone()).unwrap());
        graphs.write("g", Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).unwrap();
        let channels = Channels::open(Arc::clone(&graphs), MANY, Durability::Sync).unwrap();
        let identities = Identities::open(Arc::clone(&graphs), Durability::Sync).unwrap();
        let metrics = Arc::new(Metrics::new(None, 0).unwrap());
        let dirty = Arc::new(Dirty::new(false));
        let (committer, _) = start(Arc::clone(&graphs), Durability::Sync, pacing, dirty, metrics).unwrap();
        channels.create("c", ChannelType::Group, "a", &[]).unwrap();
        Self { store: store.clone(), graphs, committer, channels, identities }
    }

    fn submit(&self, node: String) -> oneshot::Receiver<Committed> {
        let account = Account { tenant: "t".into(), graph: "g".into() };
        let op = Op::One(Mutation::AddNode { id: node, properties: vec![0x80] });
        self.committer.submit(account, None, op, None, None)
    }

    fn payloads(&self) -> Vec<String> {
        let messages = self.channels.messages("c", None).unwrap();
        messages.into_iter().map(|message| message.payload).collect()
    }

    fn nodes(&self) -> u64 {
        self.graphs.graph("g").unwrap().counters().nodes
    }

    /// What a restart finds.
    fn again(&self) -> Channels {
        let graphs = Arc::new(GraphStore::open(self.store.clone()).unwrap());
        Channels::open(graphs, MANY, Durability::Sync).unwrap()
    }
}

#[test]
fn messages_identities_and_writes_share_commits() {
    const EACH: usize = 8;
    let store = RemoteStore::default();
    let committing = Committing::new(&store, Duration::ZERO);
    store.commits_take(Duration::from_millis(5));
    let before = store.commits();
    let begin = Barrier::new(17);
    thread::scope(|scope| {
        for sender in 0..8 {
            let (committing, begin) = (&committing, &begin);
            scope.spawn(move || {
                begin.wait();
                (0..EACH).for_each(|n| committing.channels.send("c", "a", &format!("{sender} {n}")).unwrap());
            });
            scope.spawn(move || {
                begin.wait();
                (0..EACH)
                    .for_each(|n| drop(committing.submit(format!("{sender} {n}")).blocking_recv().unwrap()));
            });
        }
        let (committing, begin) = (&committing, &begin);
        scope.spawn(move || {
            begin.wait();
            for n in 0..EACH {
                let identity = Identity::new(Role::Agent, Vec::new());
                committing.identities.register(&n.to_string(), identity, || Ok::<_, GraphError>(())).unwrap();
            }
        });
    });
    let (asked, commits) = (17 * EACH, store.commits() - before);
    assert!(commits <= asked / 4, "{commits} commits for {asked} changes");
    assert_eq!((committing.nodes(), committing.identities.list().len()), (64, EACH));
    // Of each sender in its order, all of them, also after a restart.
    let payloads = committing.payloads();
    assert_eq!(payloads.len(), 64);
    for sender in 0..8 {
        let of_sender = payloads.iter().filter(|payload| payload.starts_with(&format!("{sender} ")));
        let expected: Vec<_> = (0..EACH).map(|n| format!("{sender} {n}")).collect();
        assert!(of_sender.eq(&expected));
    }
    let again = committing.again().messages("c", None).unwrap();
    assert!(again.into_iter().map(|message| message.payload).eq(payloads));
}

#[test]
fn a_failing_commit_is_told_to_all_that_are_in_it() {
    let store = RemoteStore::default();
    let committing = Committing::new(&store, Duration::ZERO);
    committing.channels.send("c", "a", "before").unwrap();
    // What the first commit is told is told to the others, whether they are in it or come after it.
    store.put_out_of_reach(true);
    let full = StoreError::DiskFull { path: "/d".into(), detail: "x".into() };
    let begin = Barrier::new(9);
    thread::scope(|scope| {
        let committing = &committing;
        let senders: Vec<_> = (0..8)
            .map(|n| {
                let begin = &begin;
                scope.spawn(move || {
                    begin.wait();
                    committing.channels.send("c", "a", &n.to_string())
                })
            })
            .collect();
        let writes: Vec<_> = (0..8).map(|n| committing.submit(n.to_string())).collect();
        begin.wait();
        store.fail(Some(full.clone()));
        for sender in senders {
            assert_eq!(sender.join().unwrap(), Err(ChannelError::Store(full.clone())));
        }
        for write in writes {
            assert_eq!(write.blocking_recv().unwrap().reply, Err(GraphError::Store(full.clone())));
        }
    });
    assert_eq!((committing.payloads(), committing.nodes()), (vec!["before".to_owned()], 0));
    store.put_out_of_reach(false);
    store.fail(None);
    committing.channels.send("c", "a", "after").unwrap();
    assert_eq!(committing.payloads(), ["before", "after"]);
    assert_eq!(committing.again().messages("c", None).unwrap().len(), 2);
    // Another failure is for good.
    store.fail(Some(StoreError::other("x")));
    assert_eq!(committing.channels.send("c", "a", "lost"), Err(ChannelError::Store(StoreError::other("x"))));
    store.fail(None);
    let poisoned = committing.channels.send("c", "a", "refused");
    assert!(matches!(poisoned, Err(ChannelError::Store(StoreError::Poisoned { .. }))), "{poisoned:?}");
    assert!(committing.graphs.poisoned().is_some());
}

#[test]
fn without_the_thread_changes_are_committed_as_they_come() {
    let store = RemoteStore::default();
    let Committing { channels, committer, .. } = Committing::new(&store, Duration::ZERO);
    drop(committer);
    channels.send("c", "a", "x").unwrap();
    assert_eq!(channels.messages("c", None).unwrap().len(), 1);
}

#[test]
fn a_group_is_as_large_as_the_backend_says() {
    for (writes, most) in [(4, 4), (1024, 64)] {
        let store = RemoteStore::default();
        store.limit_groups(GroupLimits { writes, ..GroupLimits::default() });
        let committing = Committing::new(&store, Duration::ZERO);
        store.put_out_of_reach(true);
        let before = store.commits();
        let first = committing.submit("first".into());
        while store.commits() == before {
            thread::yield_now();
        }
        let rest: Vec<_> = (0..64).map(|n| committing.submit(n.to_string())).collect();
        store.put_out_of_reach(false);
        for write in std::iter::once(first).chain(rest) {
            write.blocking_recv().unwrap().reply.unwrap();
        }
        assert_eq!(store.commits() - before, 1 + 64 / most, "groups of {writes}");
    }
}

#[test]
fn between_two_commits_is_the_interval_unless_a_group_is_full() {
    let store = RemoteStore::default();
    store.limit_groups(GroupLimits { writes: 16, ..GroupLimits::default() });
    // So long that only full groups go in the time of this test, but for the first write.
    let committing = Committing::new(&store, Duration::from_secs(3600));
    let before = store.commits();
    let mut waiting: Vec<_> = (0..15).map(|n| committing.submit(n.to_string())).collect();
    waiting.push(committing.submit("last".into()));
    for write in waiting {
        write.blocking_recv().unwrap().reply.unwrap();
    }
    assert_eq!((store.commits() - before, committing.nodes()), (1, 16));
}

/// Nobody knows whether the commit under way is made: it waits. All others are told that they are not.
#[test]
fn out_of_reach_what_waits_is_refused_and_the_commit_under_way_is_made() {
    let store = RemoteStore::remote();
    let committing =
        Committing::paced(&store, Pacing { interval: Duration::ZERO, deadline: Duration::from_secs(1) });
    store.put_out_of_reach(true);
    let before = store.commits();
    let mut under_way = committing.submit("under way".into());
    while store.commits() == before {
        thread::yield_now();
    }
    let unreachable = |error: &StoreError| matches!(error, StoreError::Unreachable { .. });
    for n in 0..3 {
        let refused = committing.submit(n.to_string()).blocking_recv().unwrap().reply;
        assert!(matches!(&refused, Err(GraphError::Store(error)) if unreachable(error)), "{refused:?}");
        let refused = committing.channels.send("c", "a", "refused");
        assert!(matches!(&refused, Err(ChannelError::Store(error)) if unreachable(error)), "{refused:?}");
        let agent = Identity::new(Role::Agent, Vec::new());
        let refused = committing.identities.register("a", agent, || Ok::<_, GraphError>(()));
        assert!(matches!(&refused, Err(GraphError::Store(error)) if unreachable(error)), "{refused:?}");
    }
    assert!(under_way.try_recv().is_err(), "it waits");
    assert!(committing.graphs.write_refusal().unwrap().contains("cannot be reached"));
    assert_eq!((committing.payloads().len(), committing.nodes()), (0, 0), "reads go on");
    store.put_out_of_reach(false);
    assert!(under_way.blocking_recv().unwrap().reply.is_ok());
    committing.submit("after".into()).blocking_recv().unwrap().reply.unwrap();
    committing.channels.send("c", "a", "after").unwrap();
    assert_eq!((committing.payloads(), committing.nodes()), (vec!["after".to_owned()], 2));
    assert_eq!((committing.graphs.write_refusal(), committing.graphs.poisoned()), (None, None));
}

/// It is told before anybody is answered.
#[test]
fn a_store_that_was_taken_over_is_told_of_before_the_answers() {
    let store = RemoteStore::remote();
    let committing = Committing::new(&store, Duration::ZERO);
    let (told, begun) = std::sync::mpsc::channel();
    let (go_on, released) = std::sync::mpsc::channel::<()>();
    let released = parking_lot::Mutex::new(released);
    committing.graphs.on_fenced(move |error| {
        told.send(error.clone()).unwrap();
        let _ = released.lock().recv();
    });
    let fenced = StoreError::Fenced { detail: "x".into() };
    store.fail(Some(fenced.clone()));
    let mut write = committing.submit("lost".into());
    assert_eq!(begun.recv(), Ok(fenced.clone()));
    assert!(write.try_recv().is_err(), "nobody was answered yet");
    drop(go_on);
    assert_eq!(write.blocking_recv().unwrap().reply, Err(GraphError::Store(fenced)));
    assert_eq!(committing.nodes(), 0);
}
