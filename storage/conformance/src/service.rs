//! The copy of identities and channels.

use epistemic_storage::{
    Durability, GraphStore, MemoryStore, Space,
    channels::{ChannelType, Channels, Keep},
    graph::GraphError,
    identities::{Identities, Identity, Role},
    service::{Header, Imported, ServiceError, Wanted, export, import, inspect},
};

use super::fixture::{put, scan_all};

const KEEP: Keep = Keep { messages: 1_000, bytes: 1 << 20 };
const ALL: Wanted = Wanted { identities: true, channels: true };

fn open(
    graphs: &GraphStore,
    keep: Keep,
) -> Result<(Identities<&GraphStore>, Channels<&GraphStore>), GraphError> {
    Ok((Identities::open(graphs, Durability::Sync)?, Channels::open(graphs, keep, Durability::Sync)?))
}

fn copy(graphs: &GraphStore) -> Vec<u8> {
    let mut bytes = Vec::new();
    export(graphs, &mut bytes).unwrap_or_else(|error| panic!("{error}"));
    bytes
}

fn taken(graphs: &GraphStore, keep: Keep, bytes: &[u8], wanted: Wanted) -> Result<Imported, ServiceError> {
    let (identities, channels) = open(graphs, keep).expect("the store opens");
    import(&identities, &channels, bytes, wanted, |_, _| Ok(())).map(|(_, _, imported)| imported)
}

fn fill(graphs: &GraphStore) -> Result<(), GraphError> {
    let (identities, channels) = open(graphs, KEEP)?;
    for (agent, role) in
        [("s", Role::System), ("", Role::Agent), ("é", Role::Manager { subordinates: vec![] })]
    {
        identities.register(agent, Identity::new(role, vec!["t".into()]), || Ok::<_, GraphError>(()))?;
    }
    for (channel, messages) in [("quiet", 0), ("a\0b", 3), ("long", 300)] {
        channels.create(channel, ChannelType::Group, "s", &["a"]).expect("created");
        for number in 0..messages {
            let payload = format!("{number}").repeat(1 + number);
            channels.send(channel, "a", &payload).expect("sent");
        }
    }
    Ok(())
}

/// What a copy is taken from and where it comes to tell the same; a copy of the copy is the same stream.
pub(super) fn round_trip(graphs: &GraphStore) -> Result<(), GraphError> {
    assert_eq!(taken(graphs, KEEP, &copy(graphs), ALL).expect("empty"), Imported::default());
    fill(graphs)?;
    let bytes = copy(graphs);
    let header = inspect(&*bytes).expect("a header");
    assert_eq!((header.identities, header.channels), (3, 3));
    let other = GraphStore::open(MemoryStore::new())?;
    let imported = taken(&other, KEEP, &bytes, ALL).expect("taken");
    assert_eq!((imported.identities, imported.channels), (3, 3));
    assert_eq!(copy(&other), bytes);
    assert_eq!(taken(&other, KEEP, &bytes, ALL).expect("again").identities, 0);
    let (identities, channels) = open(&other, KEEP)?;
    assert_eq!(identities.list(), open(graphs, KEEP)?.0.list());
    for id in ["quiet", "a\0b", "long"] {
        let messages = open(graphs, KEEP)?.1.messages(id, None);
        assert_eq!(channels.messages(id, None), messages, "{id}");
    }
    // The channel goes on with its next number.
    channels.send("long", "a", "next").expect("sent");
    assert_eq!(channels.close("long").expect("closed").message_count, 301);
    Ok(())
}

/// What is there stays and is named; less is kept where less may be kept.
pub(super) fn what_is_there_stays(graphs: &GraphStore) -> Result<(), GraphError> {
    fill(graphs)?;
    let bytes = copy(graphs);
    let other = GraphStore::open(MemoryStore::new())?;
    let (identities, channels) = open(&other, KEEP)?;
    identities.register("s", Identity::new(Role::Agent, vec![]), || Ok::<_, GraphError>(()))?;
    channels.create("quiet", ChannelType::Group, "z", &[]).expect("created");
    let few = Keep { messages: 10, bytes: 1 << 20 };
    let only = Wanted { identities: true, channels: false };
    let imported = taken(&other, few, &bytes, only).expect("taken");
    assert_eq!((imported.identities, imported.channels), (2, 0));
    assert_eq!(imported.other_identities, ["s"]);
    let imported = taken(&other, few, &bytes, ALL).expect("taken");
    assert_eq!((imported.identities, imported.channels), (0, 2));
    assert_eq!(imported.other_channels, ["quiet"]);
    let (identities, channels) = open(&other, few)?;
    assert!(identities.with("s", |found| found.is_some_and(|found| found.role == Role::Agent)));
    assert_eq!(channels.messages("long", None).expect("messages").len(), 10);
    assert_eq!(channels.close("long").expect("closed").message_count, 300);
    Ok(())
}

/// Every cut and flip is refused, and nobody is registered whom the check refuses.
pub(super) fn damage(graphs: &GraphStore) -> Result<(), GraphError> {
    let (identities, channels) = open(graphs, KEEP)?;
    identities.register("s", Identity::new(Role::System, vec![]), || Ok::<_, GraphError>(()))?;
    channels.create("c", ChannelType::Group, "s", &[]).expect("created");
    channels.send("c", "s", "x").expect("sent");
    let bytes = copy(graphs);
    let other = || GraphStore::open(MemoryStore::new());
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        for (what, bytes) in [("flipped", &flipped[..]), ("cut", &bytes[..at])] {
            let refused = taken(&other()?, KEEP, bytes, ALL);
            assert!(matches!(refused, Err(ServiceError::Refused { .. })), "{what} at {at}: {refused:?}");
        }
    }
    let (empty, refuse) = (other()?, |agent: &str, _: &Identity| Err(format!("not {agent}")));
    let (identities, channels) = open(&empty, KEEP)?;
    let refused = import(&identities, &channels, &*bytes, ALL, refuse);
    assert!(matches!(refused, Err(ServiceError::Identity { .. })), "{refused:?}");
    assert!(!identities.any() && scan_all(empty.store(), Space::Channels)?.is_empty());
    put(graphs.store(), Space::Channels, b"\x02damaged", b"")?;
    assert!(
        matches!(export(graphs, std::io::sink()), Err(ServiceError::Store(error)) if error.is_corruption())
    );
    let Header { version, .. } = inspect(&*bytes).expect("a header");
    assert_eq!(version, 1);
    Ok(())
}
