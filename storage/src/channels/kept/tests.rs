//! Changes that share a commit come to the same as one by one.

use std::sync::{
    Arc,
    mpsc::{Receiver, sync_channel},
};

use super::*;
use crate::{
    MemoryStore, Space,
    channels::{ChannelType, Channels},
    store::{KeyRange, Read, ScanOptions},
};

const MANY: Keep = Keep { messages: 10_000, bytes: 1 << 30 };

fn opened(store: &MemoryStore, keep: Keep) -> Channels {
    let graphs = Arc::new(GraphStore::open(store.clone()).unwrap());
    Channels::open(graphs, keep, Durability::Sync).unwrap()
}

fn together(channels: &Channels, changes: Vec<Change>) -> Vec<Reply> {
    in_groups(channels, changes).1
}

/// Has all of them wait before the first is committed; tells in how many groups they were.
fn in_groups(channels: &Channels, changes: Vec<Change>) -> (usize, Vec<Reply>) {
    let wait = |change| {
        let (reply, replied) = sync_channel(1);
        channels.kept().wait(Waiter { change, reply });
        replied
    };
    let replies: Vec<Receiver<Reply>> = changes.into_iter().map(wait).collect();
    let kept: [Arc<dyn Beside>; 1] = [Arc::clone(channels.kept()) as _];
    let mut groups = 1;
    channels.graphs().commit_with(&[], &[], &kept, Durability::Sync);
    while kept[0].has_more() {
        channels.graphs().commit_with(&[], &[], &kept, Durability::Sync);
        groups += 1;
    }
    (groups, replies.into_iter().map(|reply| reply.recv().unwrap()).collect())
}

/// All that is told of channels but times.
fn told(channels: &Channels) -> String {
    let list = channels.list(None).unwrap();
    let of = |id: &str| {
        let messages = channels.messages(id, None).unwrap();
        let messages = messages.into_iter().map(|message| (message.sender, message.payload));
        (channels.members(id).unwrap(), messages.collect::<Vec<_>>())
    };
    list.iter().map(|listed| format!("{listed:?} {:?}\n", of(&listed.id))).collect()
}

fn create(id: &str) -> Change {
    let members = ["a".to_owned()].into_iter().collect();
    Change::Create { id: id.into(), kind: ChannelType::Group, creator: "a".into(), members, open: false }
}

fn send(id: &str, payload: &str) -> Change {
    Change::Send { id: id.into(), sender: "a".into(), payload: payload.into() }
}

#[test]
fn what_waits_together_is_one_commit() {
    let store = MemoryStore::new();
    let channels = opened(&store, MANY);
    let mut changes = vec![create("c")];
    changes.extend((0..50).map(|n| send("c", &n.to_string())));
    let (groups, replies) = in_groups(&channels, changes);
    assert!(groups == 1 && replies.iter().all(Result::is_ok));
    assert_eq!(channels.messages("c", None).unwrap().len(), 50);
    assert_eq!(told(&opened(&store, MANY)), told(&channels));
}

/// Messages that are dropped before they were ever committed leave nothing behind.
#[test]
fn the_oldest_are_dropped_inside_of_a_commit() {
    for keep in [Keep { messages: 2, bytes: 1 << 20 }, Keep { messages: 100, bytes: 40 }] {
        let store = MemoryStore::new();
        let channels = opened(&store, keep);
        together(&channels, vec![create("c"), send("c", "0")]);
        together(&channels, (1..9).map(|n| send("c", &n.to_string())).collect());
        let payloads: Vec<_> = channels.messages("c", None).unwrap().into_iter().map(|m| m.payload).collect();
        assert!(payloads.len() == 2 && payloads == ["7", "8"], "{payloads:?}");
        assert_eq!(told(&opened(&store, keep)), told(&channels));
        channels.close("c").unwrap();
        let range = KeyRange::all();
        let mut left = store.scan(Space::Channels, range, ScanOptions::FORWARD).unwrap();
        assert!(left.next().unwrap().is_none());
    }
}

#[test]
fn much_is_committed_in_several_groups() {
    let store = MemoryStore::new();
    let channels = opened(&store, MANY);
    channels.create("c", ChannelType::Group, "a", &[]).unwrap();
    let large = "x".repeat(2 << 20);
    let (groups, replies) = in_groups(&channels, (0..4).map(|_| send("c", &large)).collect());
    assert!(groups == 2 && replies.iter().all(Result::is_ok), "two of them are more than a group");
    assert_eq!(channels.messages("c", None).unwrap().len(), 4);
}

/// Closed and made again, with the same number, joined, left and written to, in groups of any size.
#[test]
fn groups_come_to_the_same_as_one_by_one() {
    for seed in 1..200_u64 {
        let mut state = seed;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let keep = Keep { messages: 1 + random(5), bytes: 1 << 20 };
        let (one, other) = (MemoryStore::new(), MemoryStore::new());
        let (single, grouped) = (opened(&one, keep), opened(&other, keep));
        for _ in 0..12 {
            let draw: Vec<_> = (0..=random(9)).map(|_| [random(6), random(2), random(3)]).collect();
            let changes = || draw.iter().map(|&[kind, channel, agent]| drawn(kind, channel, agent)).collect();
            let singly: Vec<Change> = changes();
            let singly: Vec<_> =
                singly.into_iter().flat_map(|change| together(&single, vec![change])).collect();
            let outcomes = |replies: Vec<Reply>| -> Vec<String> { replies.iter().map(outcome).collect() };
            assert_eq!(outcomes(together(&grouped, changes())), outcomes(singly), "seed {seed}");
            assert_eq!(told(&grouped), told(&single), "seed {seed}");
            assert_eq!(grouped.name_bytes(), single.name_bytes(), "seed {seed}");
            assert_eq!(told(&opened(&other, keep)), told(&grouped), "seed {seed}");
        }
    }
}

fn drawn(kind: u64, channel: u64, agent: u64) -> Change {
    let (id, agent) = (format!("c{channel}"), ["a", "b", "c"][agent as usize].to_owned());
    match kind {
        0 => create(&id),
        1 => Change::Join { id, agent },
        2 => Change::Leave { id, agent },
        3 => Change::Close { id },
        _ => Change::Send { payload: format!("of {agent}"), id, sender: agent },
    }
}

fn outcome(reply: &Reply) -> String {
    match reply {
        Ok(Changed::Closed(closed)) => format!("{:?} {}", closed.participants, closed.message_count),
        other => format!("{other:?}"),
    }
}
