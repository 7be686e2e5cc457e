//! Channels and their messages, each state compared with what a restart reads.

use epistemic_storage::{
    Durability, GraphStore, Space,
    channels::{ChannelError, ChannelType, Channels, Keep},
    graph::{GraphError, GraphType, Op},
    limits::{MAX_MEMBERS, MAX_NAME_BYTES},
};

use super::fixture::{put, scan_all};

const MANY: Keep = Keep { messages: 10_000, bytes: 1 << 20 };

fn open(graphs: &GraphStore, keep: Keep) -> Result<Channels<&GraphStore>, GraphError> {
    Ok(Channels::open(graphs, keep, Durability::Sync)?)
}

fn expect<T>(result: Result<T, ChannelError>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn payloads(channels: &Channels<&GraphStore>, id: &str, limit: Option<usize>) -> Vec<String> {
    let messages = expect(channels.messages(id, limit));
    messages.into_iter().map(|message| message.payload).collect()
}

/// Everything that is told of the channels, which a restart must not change.
fn told(channels: &Channels<&GraphStore>) -> String {
    let list = expect(channels.list(None));
    let of = |id: &str| (expect(channels.members(id)), expect(channels.messages(id, None)));
    list.iter().map(|listed| format!("{listed:?} {:?}\n", of(&listed.id))).collect()
}

fn survives(channels: &Channels<&GraphStore>, graphs: &GraphStore, keep: Keep) -> Result<(), GraphError> {
    assert_eq!(told(&open(graphs, keep)?), told(channels), "after a restart");
    Ok(())
}

pub(super) fn lifecycle(graphs: &GraphStore) -> Result<(), GraphError> {
    let channels = open(graphs, MANY)?;
    expect(channels.create("c", ChannelType::Group, "a", &["b", "a", "b"]));
    let again = channels.create("c", ChannelType::PeerToPeer, "z", &[]);
    assert_eq!(again, Err(ChannelError::Exists("c".into())));
    assert_eq!(expect(channels.members("c")), ["a", "b"]);
    for _ in 0..2 {
        expect(channels.join("c", "z"));
    }
    survives(&channels, graphs, MANY)?;
    assert!(expect(channels.is_member("c", "z")));
    for _ in 0..2 {
        assert_eq!(expect(channels.leave("c", "z")), None);
    }
    let stranger = ChannelError::NotAMember { agent: "z".into(), channel: "c".into() };
    assert_eq!(channels.send("c", "z", "x"), Err(stranger));
    expect(channels.send("c", "b", "x"));
    assert_eq!(expect(channels.leave("c", "a")), None);
    survives(&channels, graphs, MANY)?;
    let closed = expect(channels.leave("c", "b")).expect("the last one closes it");
    assert_eq!((closed.kind, closed.creator.as_str(), closed.message_count), (ChannelType::Group, "a", 1));
    assert!(closed.participants.is_empty() && closed.created_ms > 0);
    assert!(closed.closed_ms >= closed.created_ms);
    let missing = || Some(ChannelError::NotFound("c".into()));
    assert_eq!(channels.close("c").err(), missing());
    assert_eq!(channels.join("c", "a").err(), missing());
    assert_eq!(channels.leave("c", "a").err(), missing());
    assert_eq!(channels.send("c", "a", "").err(), missing());
    assert_eq!(channels.members("c").err(), missing());
    assert_eq!(channels.messages("c", None).err(), missing());
    survives(&channels, graphs, MANY)?;
    expect(channels.create("c", ChannelType::Group, "", &[]));
    assert_eq!(expect(channels.members("c")), [""]);
    assert!(payloads(&channels, "c", None).is_empty(), "created again it starts empty");
    assert_eq!(expect(channels.close("c")).participants, [""]);
    Ok(())
}

pub(super) fn peer_to_peer(graphs: &GraphStore) -> Result<(), GraphError> {
    let channels = open(graphs, MANY)?;
    for members in [&[][..], &["a"], &["b", "c"]] {
        let refused = channels.create("p", ChannelType::PeerToPeer, "a", members);
        assert_eq!(refused, Err(ChannelError::NotTwo), "{members:?}");
    }
    expect(channels.create("p", ChannelType::PeerToPeer, "a", &["b", "a"]));
    for agent in ["a", "c"] {
        assert_eq!(channels.join("p", agent), Err(ChannelError::NoJoin));
    }
    assert_eq!(expect(channels.leave("p", "b")), None);
    assert_eq!(channels.join("p", "b"), Err(ChannelError::NoJoin));
    survives(&channels, graphs, MANY)
}

pub(super) fn messages(graphs: &GraphStore) -> Result<(), GraphError> {
    let channels = open(graphs, MANY)?;
    for id in ["c", "d"] {
        expect(channels.create(id, ChannelType::Group, "a", &["b"]));
    }
    for (sender, payload) in [("a", "one"), ("b", ""), ("a", "three\0"), ("b", "four")] {
        expect(channels.send("c", sender, payload));
        expect(channels.send("d", sender, "other"));
    }
    assert_eq!(payloads(&channels, "c", None), ["one", "", "three\0", "four"]);
    assert_eq!(payloads(&channels, "c", Some(2)), ["three\0", "four"]);
    assert_eq!(payloads(&channels, "c", Some(9)).len(), 4);
    assert!(payloads(&channels, "c", Some(0)).is_empty());
    survives(&channels, graphs, MANY)?;
    let again = open(graphs, MANY)?;
    expect(again.send("c", "a", "five"));
    assert_eq!(payloads(&again, "c", Some(2)), ["four", "five"]);
    assert_eq!(expect(again.close("c")).message_count, 5);
    assert_eq!(payloads(&again, "d", None).len(), 4);
    Ok(())
}

pub(super) fn oldest_are_dropped(graphs: &GraphStore) -> Result<(), GraphError> {
    let keep = Keep { messages: 3, bytes: 100 };
    let channels = open(graphs, keep)?;
    expect(channels.create("c", ChannelType::Group, "a", &[]));
    for number in 0..10 {
        expect(channels.send("c", "a", &number.to_string()));
    }
    assert_eq!(payloads(&channels, "c", None), ["7", "8", "9"]);
    expect(channels.send("c", "a", &"x".repeat(70)));
    assert_eq!(payloads(&channels, "c", None).len(), 2, "the bound on bytes");
    survives(&channels, graphs, keep)?;
    let long = "x".repeat(1000);
    expect(channels.send("c", "a", &long));
    assert_eq!(payloads(&channels, "c", None), [long], "the newest is always kept");
    expect(channels.send("c", "a", "after"));
    assert_eq!(payloads(&channels, "c", None), ["after"]);
    for _ in 0..2 {
        expect(channels.send("c", "a", ""));
    }
    let fewer = open(graphs, Keep { messages: 1, bytes: 100 })?;
    expect(fewer.send("c", "a", "last"));
    assert_eq!(payloads(&fewer, "c", None), ["last"]);
    assert_eq!(expect(fewer.close("c")).message_count, 16, "dropped ones count");
    Ok(())
}

pub(super) fn any_id(graphs: &GraphStore) -> Result<(), GraphError> {
    let channels = open(graphs, MANY)?;
    let long = "n".repeat(4096);
    let ids = ["", "\0", "a", "a\0", "ab", "é", "🦀", &long];
    for id in ids {
        expect(channels.create(id, ChannelType::Group, id, &ids));
        expect(channels.send(id, id, id));
    }
    for id in ids {
        assert_eq!(payloads(&channels, id, None), [id]);
        assert_eq!(expect(channels.members(id)).len(), ids.len());
    }
    survives(&channels, graphs, MANY)
}

pub(super) fn limits(graphs: &GraphStore) -> Result<(), GraphError> {
    let channels = open(graphs, MANY)?;
    let long = "n".repeat(MAX_NAME_BYTES + 1);
    let refused = |result| assert!(matches!(result, Err(ChannelError::Limit(_))), "{result:?}");
    refused(channels.create(&long, ChannelType::Group, "a", &[]));
    refused(channels.create("c", ChannelType::Group, &long, &[]));
    refused(channels.create("c", ChannelType::Group, "a", &[&long]));
    let names: Vec<String> = (0..=MAX_MEMBERS).map(|number| number.to_string()).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    refused(channels.create("c", ChannelType::Group, "0", &names));
    assert!(expect(channels.list(None)).is_empty());
    let last = names.remove(MAX_MEMBERS);
    expect(channels.create("c", ChannelType::Group, "0", &names));
    refused(channels.join("c", last));
    expect(channels.join("c", "7"));
    expect(channels.leave("c", "7"));
    refused(channels.join("c", &long));
    expect(channels.join("c", last));
    assert_eq!(expect(channels.list(Some(last))).len(), 1);
    assert!(expect(channels.list(Some("7"))).is_empty(), "it has left");
    survives(&channels, graphs, MANY)
}

/// As many members as a channel may have are not in each of as many channels as there may be.
pub(super) fn limits_in_all(graphs: &GraphStore) -> Result<(), GraphError> {
    let channels = open(graphs, MANY)?;
    let names: Vec<String> = (0..4000).map(|number| format!("{number:0>MAX_NAME_BYTES$}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (few, last) = names.split_at(3999);
    let create = |id, members| channels.create(id, ChannelType::Group, "a", members);
    expect(create("1", &names));
    expect(create("2", &names));
    let refused = |result: Result<(), ChannelError>| match result {
        Err(ChannelError::Limit(limit)) => limit.to_string(),
        other => panic!("{other:?}"),
    };
    let text = refused(create("3", few));
    assert!(text.contains("bytes of names in channels, 67108864 are the most"), "{text}");
    expect(channels.close("2"));
    expect(create("3", few));
    for id in 0..10_000 {
        if channels.create(&format!("{id:0>MAX_NAME_BYTES$}"), ChannelType::Group, "a", &[]).is_err() {
            break;
        }
    }
    refused(channels.join("3", last[0]));
    expect(channels.leave("3", few[0]));
    expect(channels.join("3", last[0]));
    let again = open(graphs, MANY)?;
    assert!(matches!(again.join("3", few[0]), Err(ChannelError::Limit(_))), "it is counted at a start");
    Ok(())
}

pub(super) fn closed_leaves_nothing(graphs: &GraphStore) -> Result<(), GraphError> {
    let channels = open(graphs, Keep { messages: 90, bytes: 1 << 20 })?;
    for sent in [0, 5, 64, 65, 100] {
        expect(channels.create("c", ChannelType::Group, "a", &["b"]));
        for number in 0..sent {
            expect(channels.send("c", "a", &number.to_string()));
        }
        assert_eq!(expect(channels.close("c")).message_count, sent);
        assert!(scan_all(graphs.store(), Space::Channels)?.is_empty(), "{sent} messages");
    }
    Ok(())
}

pub(super) fn damage(graphs: &GraphStore) -> Result<(), GraphError> {
    expect(open(graphs, MANY)?.create("c", ChannelType::Group, "a", &[]));
    let (key, _) = scan_all(graphs.store(), Space::Channels)?.swap_remove(0);
    put(graphs.store(), Space::Channels, &key, b"\xc1")?;
    let damaged = open(graphs, MANY)?;
    assert!(matches!(damaged.list(None), Err(ChannelError::Store(error)) if error.is_corruption()));
    assert!(damaged.create("d", ChannelType::Group, "a", &[]).is_err());
    graphs.write("g", Op::Create { kind: GraphType::Agent, owner: None, tenant: None })?;
    Ok(())
}
