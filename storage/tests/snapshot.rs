//! Snapshots: round trips between backends, and streams that must be refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{
    create,
    dump::{Dump, GraphDump, assert_same, check_nothing_unowned, dump},
    fill,
    random::{Random, seed},
};
use epistemic_storage::{
    GraphStore, MemoryStore, Mutation,
    graph::{GraphError, GraphType, LedgerRecord, Op},
    snapshot::{
        Difference, ImportTarget, RecordKind, SnapshotError, SnapshotReader, Totals, compare, content_digest,
        export, import, inspect, verify,
    },
};

/// A graph store, and what must live as long as it.
struct Opened {
    graphs: GraphStore,
    _folder: Option<(epistemic_storage::datadir::DataDir, tempfile::TempDir)>,
}

fn memory() -> Opened {
    Opened { graphs: GraphStore::open(MemoryStore::new()).unwrap(), _folder: None }
}

fn rocksdb() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let (graphs, dir) = common::open(folder.path());
    Opened { graphs, _folder: Some((dir, folder)) }
}

const NAME: &str = "t:ä/.. 🦀";

/// A graph of everything: odd ids, parallel edges, removed records, embeddings, a gap in the ledger.
fn install_sample(graphs: &GraphStore) {
    let mut loader = graphs.load();
    for (number, id) in (1..).zip(["", "\0", "a", "a\0", "é", "x".repeat(300).as_str()]) {
        loader.node(id, number, &common::labelled("L")).unwrap();
        loader.edge(id, "a", 10 + number, b"").unwrap();
        loader.edge(id, "a", 20 + number, b"to a").unwrap();
    }
    for id in ["", "a"] {
        loader.embedding(id, &[0, 0, 128, 63, 0, 0, 0, 64]).unwrap();
    }
    loader.ledger(30, LedgerRecord::RemoveNode { id: "gone" }.encode(99)).unwrap();
    loader.ledger(31, LedgerRecord::Text("as it came").encode(99)).unwrap();
    let mut loaded = loader.finish().unwrap();
    loaded.set_sequence(40, 41);
    graphs.install(NAME, loaded, GraphType::Team, Some("owner".into()), false).unwrap();
}

fn exported(graphs: &GraphStore, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    export(graphs, &graphs.graph(name).unwrap(), &mut bytes, &mut |_| {}).unwrap();
    bytes
}

fn import_as(
    graphs: &GraphStore,
    bytes: &[u8],
    name: Option<&str>,
    replace: bool,
) -> Result<String, SnapshotError> {
    let target = ImportTarget { name: name.map(str::to_owned), replace, ..ImportTarget::default() };
    import(graphs, bytes, &target, &mut |_| {}).map(|(_, _, name)| name)
}

/// The graph as an import may not change it.
fn graph_dump(graphs: &GraphStore, name: &str) -> GraphDump {
    dump(graphs).unwrap().remove(name).unwrap()
}

/// The import fails with a refusal of the stream, `verify` says the same, and the store is as before.
fn refused(graphs: &GraphStore, bytes: &[u8], before: &Dump, told: &str) -> String {
    let error = import_as(graphs, bytes, None, true).err().unwrap_or_else(|| panic!("{told}: imported"));
    let SnapshotError::Refused { offset, .. } = &error else {
        panic!("{told}: {error}");
    };
    assert!(*offset <= bytes.len() as u64, "{told}: offset {offset} of {} bytes", bytes.len());
    let verified = verify(bytes, &mut |_| {}).err().unwrap_or_else(|| panic!("{told}: verified"));
    assert_eq!(verified.to_string(), error.to_string(), "{told}");
    assert!(dump(graphs).unwrap() == *before, "{told}: the store changed");
    error.to_string()
}

#[test]
fn round_trips_between_all_backends() {
    let backends: [fn() -> Opened; 2] = [memory, rocksdb];
    for from in backends {
        for to in backends {
            let (from, to) = (from(), to());
            install_sample(&from.graphs);
            common::fill(&from.graphs, "filled", 40);
            for name in [NAME, "filled", "__commons__"] {
                let mut progress = 0;
                let source = from.graphs.graph(name).unwrap();
                let mut bytes = Vec::new();
                let (header, totals) =
                    export(&from.graphs, &source, &mut bytes, &mut |done| progress = done).unwrap();
                assert_eq!(progress, totals.nodes + totals.edges + totals.ledger + totals.vectors);
                assert_eq!((header.sequence, header.graph.as_str()), (source.counters().sequence, name));
                assert_eq!(inspect(&bytes[..]).unwrap(), header);
                assert_eq!(verify(&bytes[..], &mut |_| {}).unwrap(), (header, totals.clone()));
                assert_eq!(import_as(&to.graphs, &bytes, None, name == "__commons__").unwrap(), name);
                let (found, expected) = (graph_dump(&to.graphs, name), graph_dump(&from.graphs, name));
                if name == "__commons__" {
                    assert_replaced(found, expected);
                } else {
                    assert!(found == expected, "{name} differs");
                }
                let target = to.graphs.graph(name).unwrap();
                assert_eq!(content_digest(&to.graphs, &target).unwrap().digest, totals.digest);
                assert_eq!(content_digest(&from.graphs, &source).unwrap(), totals);
            }
        }
    }
}

/// What replaced a graph is what was exported, but its ledger goes on from the old graph's with one more record.
fn assert_replaced(mut found: common::dump::GraphDump, mut expected: common::dump::GraphDump) {
    let newest = found.state.sequence;
    assert!(newest > expected.state.sequence || newest > 1);
    assert_eq!(found.ledger.remove(&newest), Some(vec![8]), "the record of the replacement");
    for dump in [&mut found, &mut expected] {
        (dump.state.sequence, dump.state.complete_from) = (0, 0);
    }
    assert!(found == expected, "the content differs");
}

#[test]
fn imports_go_where_they_are_told() {
    let Opened { graphs, _folder } = rocksdb();
    install_sample(&graphs);
    let bytes = exported(&graphs, NAME);
    let sample = graph_dump(&graphs, NAME);
    assert_eq!(import_as(&graphs, &bytes, Some("other"), false).unwrap(), "other");
    assert_eq!(graph_dump(&graphs, "other"), sample);
    // An empty `__commons__` is in nobody's way, one with content is.
    assert_eq!(import_as(&graphs, &bytes, Some("__commons__"), false).unwrap(), "__commons__");
    let filled = graph_dump(&graphs, "__commons__");
    assert_eq!((filled.nodes, filled.out_edges), (sample.nodes.clone(), sample.out_edges.clone()));
    assert_eq!(graphs.reclaim().unwrap(), 1, "the empty one");
    for name in [None, Some("other"), Some("__commons__")] {
        let exists = GraphError::GraphExists(name.unwrap_or(NAME).into());
        let before = dump(&graphs).unwrap();
        let error = import_as(&graphs, &bytes, name, false).unwrap_err();
        assert!(matches!(&error, SnapshotError::Graph(found) if *found == exists), "{error}");
        assert_same(&dump(&graphs).unwrap(), &before, "after a refusal");
    }
    fill(&graphs, "full", 10);
    let held = graphs.graph("full").unwrap();
    import_as(&graphs, &bytes, Some("full"), true).unwrap();
    assert_replaced(graph_dump(&graphs, "full"), sample);
    assert!(graphs.latest(&held).has_node("full 3").unwrap(), "who held the replaced graph still reads it");
    let replaced = graphs.graph("full").unwrap().counters().sequence;
    assert!(replaced > held.counters().sequence, "the sequence of a graph never falls");
    drop(held);
    graphs.write("full", common::add_node("after", b"")).unwrap();
    assert_eq!(graphs.graph("full").unwrap().counters().sequence, replaced + 1);
    assert_eq!(graphs.reclaim().unwrap(), 1);
    check_nothing_unowned(&graphs).unwrap();
}

#[test]
fn a_quarantined_graph_is_replaced_by_a_snapshot() {
    let Opened { graphs, _folder } = memory();
    install_sample(&graphs);
    let bytes = exported(&graphs, NAME);
    graphs.graph(NAME).unwrap().quarantine("test");
    let refusal = graphs.write(NAME, common::add_node("n", b""));
    assert!(matches!(refusal, Err(GraphError::Quarantined { .. })), "{refusal:?}");
    import_as(&graphs, &bytes, None, true).unwrap();
    graphs.write(NAME, common::add_node("n", b"")).unwrap();
    graphs.graph(NAME).unwrap().quarantine("again");
    graphs.write(NAME, Op::Delete).unwrap();
}

#[test]
fn every_flip_and_every_truncation_is_refused() {
    let Opened { graphs, _folder } = memory();
    install_sample(&graphs);
    let bytes = exported(&graphs, NAME);
    let before = dump(&graphs).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        refused(&graphs, &damaged, &before, &format!("byte {at} of {} flipped", bytes.len()));
        refused(&graphs, &bytes[..at], &before, &format!("cut to {at} of {} bytes", bytes.len()));
    }
    graphs.reclaim().unwrap();
    check_nothing_unowned(&graphs).unwrap();
    import_as(&graphs, &bytes, Some("whole"), false).unwrap();
}

/// The chunks of a snapshot, each with frame and checksum.
fn chunks(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &bytes[8..];
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[5..9].try_into().unwrap()) as usize;
        let (chunk, behind) = rest.split_at(9 + length + 4);
        chunks.push(chunk.to_vec());
        rest = behind;
    }
    chunks
}

/// A snapshot of these chunks, numbered and with right checksums.
fn sealed(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"EGSNAP01".to_vec();
    for (index, chunk) in (0u32..).zip(chunks) {
        let mut body = chunk[..chunk.len() - 4].to_vec();
        body[1..5].copy_from_slice(&index.to_le_bytes());
        let length = body.len() as u32 - 9;
        body[5..9].copy_from_slice(&length.to_le_bytes());
        let crc = crc32fast::hash(&body).to_le_bytes();
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(&crc);
    }
    bytes
}

#[test]
fn other_orders_of_chunks_are_refused() {
    let Opened { graphs, _folder } = memory();
    install_sample(&graphs);
    let bytes = exported(&graphs, NAME);
    let before = dump(&graphs).unwrap();
    let whole = chunks(&bytes);
    assert_eq!((whole.len(), sealed(&whole)), (6, bytes));
    let raw = |chunks: &[Vec<u8>]| [&b"EGSNAP01"[..], &chunks.concat()].concat();
    for left in 0..whole.len() {
        let mut dropped = whole.clone();
        dropped.remove(left);
        let mut repeated = whole.clone();
        repeated.insert(left, whole[left].clone());
        let mut cases =
            vec![(dropped, format!("chunk {left} dropped")), (repeated, format!("chunk {left} repeated"))];
        for right in left + 1..whole.len() {
            let mut swapped = whole.clone();
            swapped.swap(left, right);
            cases.push((swapped, format!("chunks {left} and {right} swapped")));
        }
        for (chunks, told) in cases {
            refused(&graphs, &raw(&chunks), &before, &told);
            refused(&graphs, &sealed(&chunks), &before, &format!("{told}, numbered anew"));
        }
    }
}

/// Contents that disagree although every checksum is right.
#[test]
fn contents_that_disagree_are_refused() {
    let Opened { graphs, _folder } = memory();
    install_sample(&graphs);
    let bytes = exported(&graphs, NAME);
    let before = dump(&graphs).unwrap();
    let whole = chunks(&bytes);
    let with = |index: usize, change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = whole.clone();
        let body = &mut changed[index];
        let mut payload = body[9..body.len() - 4].to_vec();
        change(&mut payload);
        *body = [&body[..9], &payload, &[0; 4]].concat();
        sealed(&changed)
    };
    let replace = |from: &'static str, to: &'static str| {
        move |payload: &mut Vec<u8>| {
            let text = String::from_utf8(payload.clone()).unwrap();
            assert!(text.contains(from), "{text}");
            *payload = text.replace(from, to).into_bytes();
        }
    };
    let last = whole.len() - 1;
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (with(0, &replace("\"version\":1", "\"version\":2")), "format version 2"),
        (with(0, &replace("\"version\":1", "\"version\":\"1\"")), "header"),
        (with(0, &replace("\"nodes\":6", "\"nodes\":7")), "the header says 7 nodes"),
        (with(0, &replace("\"edges\":12", "\"edges\":0")), "and 0 edges"),
        (
            with(0, &replace("\"sequence\":40,\"complete_from\":41", "\"sequence\":30,\"complete_from\":31")),
            "has sequence 31",
        ),
        (with(0, &replace("\"sequence\":40", "\"sequence\":39")), "ledger complete from 41"),
        (with(0, &replace("\"sequence\":40", "\"sequence\":18446744073709551615")), "header: sequence"),
        (with(0, &|payload| payload.clear()), "header"),
        (with(1, &|payload| payload.truncate(payload.len() - 1)), "cut off"),
        (with(1, &|payload| payload.push(0)), "cut off"),
        (with(1, &|payload| *payload = [&payload[..], payload].concat()), "does not follow"),
        (with(2, &|payload| *payload.last_mut().unwrap() ^= 1), "the records are"),
        (with(3, &|payload| payload[12] = 77), "unknown form"),
        (with(4, &|payload| payload[8] ^= 1), "the records are"),
        (with(last, &replace("\"ledger\":2", "\"ledger\":3")), "the trailer says"),
        (with(last, &replace("\"digest\":\"", "\"digest\":\"0")), "the trailer says"),
        (with(last, &|payload| payload.clear()), "trailer"),
    ];
    for (bytes, reason) in cases {
        let text = refused(&graphs, &bytes, &before, reason);
        assert!(text.contains(reason), "{reason}: {text}");
    }
}

#[test]
fn foreign_streams_are_refused() {
    let Opened { graphs, _folder } = memory();
    create(&graphs, "g");
    let bytes = exported(&graphs, "g");
    let before = dump(&graphs).unwrap();
    let huge = [&b"EGSNAP01"[..], &[1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]].concat();
    let large = [&b"EGSNAP01"[..], &[1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x3f], b"short"].concat();
    let long = [&b"EGSNAP01"[..], &[1, 0, 0, 0, 0, 0, 0, 1, 0], b"short"].concat();
    let cases: [(&[u8], &str); 10] = [
        (b"", "truncated"),
        (b"{}", "truncated"),
        (b"{\"graph\": \"g\", \"nodes\": []}", "not a graph snapshot"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\0\0", "not a graph snapshot"),
        (b"EGSNAP02\0\0\0", "not a graph snapshot"),
        (b"EGSNAP01", "truncated"),
        (&huge, "claims 4294967295 bytes"),
        (&large, "claims 1073741823 bytes"),
        (&long, "after 5 of 65536 bytes"),
        (&[&bytes[..], b"\0"].concat(), "bytes follow the trailer"),
    ];
    for (stream, reason) in cases {
        let text = refused(&graphs, stream, &before, reason);
        assert!(text.contains(reason) && text.contains("offset"), "{reason}: {text}");
    }
    let twice = [&bytes[..], &bytes].concat();
    refused(&graphs, &twice, &before, "two snapshots in a row");
}

/// Past the size up to which records wait in memory: the load writes to the store before all is checked.
#[test]
fn large_imports_are_as_careful() {
    for source in [memory(), rocksdb()] {
        let graphs = &source.graphs;
        let mut loader = graphs.load();
        for number in 0..3000u64 {
            let id = format!("node {number}");
            loader.node(&id, number, &[&common::labelled("L")[..], &[0; 3000]].concat()).unwrap();
            loader.edge(&id, "node 0", number, &[1; 10]).unwrap();
        }
        graphs.install("large", loader.finish().unwrap(), GraphType::Agent, None, false).unwrap();
        let bytes = exported(graphs, "large");
        assert!(bytes.len() > 8 << 20);
        let expected = graph_dump(graphs, "large");

        let Opened { graphs: target, _folder } = rocksdb();
        create(&target, "large");
        let before = dump(&target).unwrap();
        let parts = chunks(&bytes);
        let last = parts.len() - 1;
        let mut flipped = bytes.clone();
        flipped[bytes.len() - 100] ^= 1;
        let without_a_chunk = sealed(&[&parts[..last - 2], &parts[last - 1..]].concat());
        let truncated = bytes[..bytes.len() - 1].to_vec();
        for (damaged, told) in
            [(flipped, "flipped"), (without_a_chunk, "a chunk less"), (truncated, "truncated")]
        {
            refused(&target, &damaged, &before, told);
            assert!(target.reclaim().unwrap() > 0, "{told}: the load had begun to write");
            check_nothing_unowned(&target).unwrap();
        }
        import_as(&target, &bytes, None, true).unwrap();
        assert_replaced(graph_dump(&target, "large"), expected);
        import_as(&target, &bytes, Some("second"), false).unwrap();
        target.reclaim().unwrap();
        check_nothing_unowned(&target).unwrap();
        target.store().verify().unwrap();
        let digest =
            |graphs: &GraphStore, name| content_digest(graphs, &graphs.graph(name).unwrap()).unwrap();
        assert_eq!(digest(&target, "second"), digest(graphs, "large"));
    }
}

/// The differences of two graphs, from their dumps: kind, first, second, sequence, how.
fn expected_differences(first: &GraphDump, second: &GraphDump) -> Vec<Told> {
    fn by_key<K: Ord + Clone, V: PartialEq>(
        first: &BTreeMap<K, V>,
        second: &BTreeMap<K, V>,
        name: impl Fn(&K) -> (String, String, u64),
        kind: RecordKind,
    ) -> Vec<Told> {
        let keys: BTreeSet<_> = first.keys().chain(second.keys()).cloned().collect();
        let how = |key: &K| match (first.get(key), second.get(key)) {
            (Some(left), Some(right)) => (left != right).then_some(Difference::Changed),
            (Some(_), None) => Some(Difference::OnlyInFirst),
            (None, _) => Some(Difference::OnlyInSecond),
        };
        keys.iter().filter_map(|key| Some((kind, name(key), how(key)?))).collect()
    }
    let text = |key: &Vec<u8>| (String::from_utf8(key.clone()).unwrap(), String::new(), 0);
    [
        by_key(&first.nodes, &second.nodes, |id| (id.clone(), String::new(), 0), RecordKind::Node),
        by_key(&first.out_edges, &second.out_edges, Clone::clone, RecordKind::Edge),
        by_key(&first.ledger, &second.ledger, |at| (String::new(), String::new(), *at), RecordKind::Ledger),
        by_key(&first.vectors, &second.vectors, text, RecordKind::Vector),
    ]
    .concat()
}

type Told = (RecordKind, (String, String, u64), Difference);

fn differences(first: &[u8], second: &[u8]) -> (Vec<Told>, bool) {
    let mut found = Vec::new();
    let readers = [first, second].map(|bytes| SnapshotReader::new(bytes).unwrap());
    let [first, second] = readers;
    let mut progress = 0;
    let [(_, left), (_, right)] = compare(
        first,
        second,
        &mut |key, how| found.push((key.kind, (key.first.into(), key.second.into(), key.sequence), how)),
        &mut |records| progress = records,
    )
    .unwrap();
    let records = |totals: &Totals| totals.nodes + totals.edges + totals.ledger + totals.vectors;
    assert_eq!(progress, records(&left) + records(&right));
    (found, left.digest == right.digest)
}

#[test]
fn two_graphs_differ_where_their_records_do() {
    let mut random = Random::new(seed());
    for _ in 0..20 {
        let Opened { graphs, _folder } = memory();
        common::fill(&graphs, "first", 20);
        let copy = graphs.fork(&graphs.graph("first").unwrap()).unwrap();
        graphs.install("second", copy, GraphType::Agent, Some("tester".into()), false).unwrap();
        let (first, second) = (exported(&graphs, "first"), exported(&graphs, "second"));
        assert_eq!(differences(&first, &second), (Vec::new(), true));
        for _ in 0..random.below(12) {
            let (id, other) = (format!("first {}", random.below(25)), format!("first {}", random.below(20)));
            let op = match random.below(5) {
                0 => common::add_node(&id, &common::labelled("M")),
                1 => Op::One(Mutation::RemoveNode { id }),
                2 => common::add_edge(&id, &other, b""),
                3 => Op::One(Mutation::RemoveEdge { source: id, target: other }),
                _ => common::add_embedding(&id, &[1.0, 2.0, random.below(9) as f32]),
            };
            // Refused when its nodes are not there.
            let _ = graphs.write(if random.below(3) == 0 { "first" } else { "second" }, op);
        }
        let dumps = dump(&graphs).unwrap();
        // Records as they are, times included.
        let timed = |name: &str| {
            let mut found = dumps[name].clone();
            let graph = graphs.graph(name).unwrap();
            graphs
                .latest(&graph)
                .for_each_ledger(0, |at, record| {
                    found.ledger.insert(at, record.to_vec());
                    Ok::<_, epistemic_storage::StoreError>(())
                })
                .unwrap();
            found
        };
        let expected = expected_differences(&timed("first"), &timed("second"));
        let (found, equal) = differences(&exported(&graphs, "first"), &exported(&graphs, "second"));
        assert_eq!(found, expected);
        assert_eq!(equal, found.iter().all(|(kind, ..)| *kind == RecordKind::Ledger));
    }
}
