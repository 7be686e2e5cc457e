//! Snapshots that are intact by their checksums, counts and digest, and make no sense: an import refuses them, or what it
//! makes of them is a graph that the audit finds nothing wrong with and that can be written, exported and imported again.
//!
//! `EG_IMPORTS` sets the number of random ones.

use std::cell::Cell;

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use sha2::{Digest, Sha256};

use super::{Header, ImportTarget, SNAPSHOT, SnapshotError, Totals, VERSION, export, import, verify};
use crate::{
    MemoryStore,
    audit::audit,
    graph::{GraphStore, GraphType, LedgerRecord, Mutation, Op},
    stream::{
        chunk::ChunkWriter,
        record::{Kind, put_bytes, put_sequence},
    },
};

/// What a snapshot says, in the order in which it says it.
#[derive(Debug, Clone)]
struct Content {
    header: Header,
    nodes: Vec<(String, u64)>,
    edges: Vec<(String, String, u64)>,
    ledger: Vec<(u64, Vec<u8>)>,
    vectors: Vec<(String, Vec<f32>)>,
    /// Bytes of properties of each node: more than 4 MiB in all are loaded another way.
    padding: usize,
}

impl Content {
    /// Three nodes, edges between them, embeddings and a whole ledger.
    fn sound() -> Self {
        let record = |record: LedgerRecord<'_>| record.encode(7);
        let node = |id| record(LedgerRecord::AddNode { id, properties: b"\x80" });
        let edge = |source, target| record(LedgerRecord::AddEdge { source, target, properties: b"" });
        let components = [0, 0, 128, 63];
        let vector = |node| record(LedgerRecord::AddEmbedding { node, components: &components });
        let header = Header {
            version: VERSION,
            graph: "made up".into(),
            kind: GraphType::Agent,
            owner: None,
            tenant: None,
            sequence: 7,
            complete_from: 1,
            ledger_keep: None,
            nodes: 3,
            edges: 2,
            created_ms: 1,
        };
        Self {
            header,
            nodes: vec![("a".into(), 1), ("b".into(), 2), ("c".into(), 3)],
            edges: vec![("a".into(), "b".into(), 4), ("c".into(), "c".into(), 5)],
            ledger: vec![
                (1, node("a")),
                (2, node("b")),
                (3, node("c")),
                (4, edge("a", "b")),
                (5, edge("c", "c")),
                (6, vector("a")),
                (7, vector("b")),
            ],
            vectors: vec![("a".into(), vec![1.0]), ("b".into(), vec![1.0])],
            padding: 0,
        }
    }

    /// The stream, with the order, counts, checksums and digest that it has to have.
    fn stream(&self) -> Vec<u8> {
        let (mut nodes, mut edges, mut vectors) =
            (self.nodes.clone(), self.edges.clone(), self.vectors.clone());
        nodes.sort();
        nodes.dedup_by(|later, earlier| later.0 == earlier.0);
        edges.sort();
        edges.dedup();
        vectors.sort_by(|a, b| a.0.cmp(&b.0));
        vectors.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut ledger = self.ledger.clone();
        ledger.sort();
        ledger.dedup_by_key(|(sequence, _)| *sequence);

        let mut sections = [const { Vec::new() }; 4];
        let properties = [b"\x81\xa4type\xa1L".as_slice(), &vec![b'x'; self.padding]].concat();
        for (id, sequence) in &nodes {
            put_bytes(&mut sections[0], id.as_bytes());
            put_sequence(&mut sections[0], *sequence);
            put_bytes(&mut sections[0], &properties);
        }
        for (source, target, sequence) in &edges {
            put_bytes(&mut sections[1], source.as_bytes());
            put_bytes(&mut sections[1], target.as_bytes());
            put_sequence(&mut sections[1], *sequence);
            put_bytes(&mut sections[1], b"");
        }
        for (sequence, record) in &ledger {
            put_sequence(&mut sections[2], *sequence);
            put_bytes(&mut sections[2], record);
        }
        for (node, components) in &vectors {
            put_bytes(&mut sections[3], node.as_bytes());
            let components: Vec<u8> =
                components.iter().flat_map(|component| component.to_le_bytes()).collect();
            put_bytes(&mut sections[3], &components);
        }

        let header = Header { nodes: nodes.len() as u64, edges: edges.len() as u64, ..self.header.clone() };
        let mut out = Vec::new();
        let mut chunks = ChunkWriter::new(&mut out, &SNAPSHOT).unwrap();
        chunks.write(Kind::Header, &serde_json::to_vec(&header).unwrap()).unwrap();
        let mut digest = Sha256::new();
        let kinds = [Kind::Nodes, Kind::Edges, Kind::Ledger, Kind::Vectors];
        for (kind, section) in kinds.into_iter().zip(&sections) {
            if kind != Kind::Ledger {
                digest.update([kind as u8]);
                digest.update(section);
            }
            if !section.is_empty() {
                chunks.write(kind, section).unwrap();
            }
        }
        let totals = Totals {
            nodes: header.nodes,
            edges: header.edges,
            ledger: ledger.len() as u64,
            vectors: vectors.len() as u64,
            bytes: sections.iter().map(|section| section.len() as u64).sum(),
            digest: hex::encode(digest.finalize()),
        };
        chunks.write(Kind::Trailer, &serde_json::to_vec(&totals).unwrap()).unwrap();
        chunks.finish().unwrap();
        out
    }
}

fn graphs() -> GraphStore {
    GraphStore::open(MemoryStore::new()).unwrap()
}

fn import_into(graphs: &GraphStore, stream: &[u8]) -> Result<String, SnapshotError> {
    import(graphs, stream, &ImportTarget::default(), &mut |_| {}).map(|(_, _, name)| name)
}

fn exported(graphs: &GraphStore, name: &str) -> Result<Vec<u8>, SnapshotError> {
    let mut out = Vec::new();
    let graph = graphs.graph(name)?;
    export(graphs, &graph, &mut out, &mut |_| {})?;
    Ok(out)
}

fn findings(graphs: &GraphStore) -> String {
    let found = audit(graphs.store(), &[], &mut |_| {}).unwrap().found;
    found.shown.iter().map(|finding| format!("{:?} {}; ", finding.kind, finding.detail)).collect()
}

/// What became of it: the text of the refusal, or nothing. Panics when it is neither refused nor sound.
fn outcome(content: &Content) -> Option<String> {
    let stream = content.stream();
    let graphs = graphs();
    let name = match import_into(&graphs, &stream) {
        Ok(name) => name,
        Err(SnapshotError::Refused { reason, .. }) => {
            assert_eq!(graphs.graph_count(), 1, "refused and there: {reason}");
            graphs.reclaim().unwrap();
            assert_eq!(findings(&graphs), "", "refused, and something is left: {reason}");
            return Some(reason);
        }
        Err(error) => panic!("{error}"),
    };
    verify(&stream[..], &mut |_| {}).expect("an import takes what verify takes");
    assert_eq!(findings(&graphs), "", "imported");
    graphs
        .write(&name, Op::One(Mutation::AddNode { id: "later".into(), properties: b"\x80".to_vec() }))
        .unwrap();
    assert_eq!(findings(&graphs), "", "written to");
    let again = exported(&graphs, &name).expect("it can be exported");
    verify(&again[..], &mut |_| {}).expect("its export is intact");
    None
}

type Change = fn(&mut Content);

/// What is wrong, the change that makes it so, and words of the refusal.
const REFUSED: [(&str, Change, &str); 11] = [
    (
        "two nodes of one sequence number",
        |content| content.nodes[1].1 = 1,
        "another node has its sequence number 1",
    ),
    ("an edge from nowhere", |content| content.edges[0].0 = "x".into(), "source \"x\" is not there"),
    ("an edge to nowhere", |content| content.edges[0].1 = "x".into(), "target \"x\" is not there"),
    ("an embedding of no node", |content| content.vectors[1].0 = "x".into(), "there is no such node"),
    (
        "a component that is no number",
        |content| content.vectors[0].1[0] = f32::NAN,
        "a component that is no number",
    ),
    (
        "an infinite component",
        |content| content.vectors[1].1[0] = f32::INFINITY,
        "a component that is no number",
    ),
    (
        "empty embeddings",
        |content| content.vectors.iter_mut().for_each(|(_, vector)| vector.clear()),
        "is empty",
    ),
    ("more changes than there can be", |content| content.header.sequence = 1 << 62, "no graph has had"),
    (
        "a gap in a ledger that is said to be complete",
        |content| drop(content.ledger.remove(2)),
        "complete from",
    ),
    ("a ledger that ends too early", |content| content.header.sequence = 8, "complete from"),
    ("a ledger record of a kind that is not", |content| content.ledger[0].1[0] = 200, ""),
];

#[test]
fn what_makes_no_sense_is_refused() {
    assert_eq!(outcome(&Content::sound()), None);
    for (what, change, words) in REFUSED {
        // The small ones are checked in memory, the large ones in the store.
        for padding in [0, 2 << 20] {
            let mut content = Content { padding, ..Content::sound() };
            change(&mut content);
            let refusal = outcome(&content).unwrap_or_else(|| panic!("{what}: imported"));
            assert!(refusal.contains(words), "{what}: {refusal}");
        }
    }
}

/// What looks strange and may be so.
#[test]
fn what_is_odd_is_imported() {
    let odd: [(&str, Change); 5] = [
        ("embeddings of two lengths", |content| content.vectors[1].1.push(0.5)),
        ("the most changes that are believed", |content| {
            (content.header.sequence, content.header.complete_from) = ((1 << 48) - 1, 1 << 48);
        }),
        ("no ledger, and none claimed", |content| {
            content.ledger.clear();
            content.header.complete_from = content.header.sequence + 1;
        }),
        ("a node and an edge of one number", |content| content.edges[0].2 = 1),
        ("nodes far apart", |content| {
            (content.header.sequence, content.header.complete_from) = (1 << 40, (1 << 40) + 1);
            content.nodes[2].1 = 1 << 40;
        }),
    ];
    for (what, change) in odd {
        let mut content = Content::sound();
        change(&mut content);
        assert_eq!(outcome(&content), None, "{what}");
    }
}

/// One change of a snapshot: where, which record, and a number.
type Step = (u8, Index, u64);

fn id(number: u64) -> String {
    ["a", "b", "c", "", "\0", "d", "é"][(number % 7) as usize].to_owned()
}

fn apply(content: &mut Content, (what, at, number): &Step) {
    fn some<'c, T>(of: &'c mut [T], at: &Index) -> Option<&'c mut T> {
        (!of.is_empty()).then(|| &mut of[at.index(of.len())])
    }
    let small = number % 12;
    match what % 14 {
        0 => content.nodes.push((id(*number), small)),
        1 => some(&mut content.nodes, at).into_iter().for_each(|node| node.1 = *number),
        2 => some(&mut content.nodes, at).into_iter().for_each(|node| node.0 = id(*number)),
        3 => content.edges.push((id(*number), id(number / 7), small)),
        4 => some(&mut content.edges, at).into_iter().for_each(|edge| edge.0 = id(*number)),
        5 => some(&mut content.edges, at).into_iter().for_each(|edge| edge.2 = *number),
        6 => content.vectors.push((id(*number), vec![f32::from_bits(*number as u32)])),
        7 => some(&mut content.vectors, at).into_iter().for_each(|vector| vector.0 = id(*number)),
        8 => content.header.sequence = *number,
        9 => content.header.sequence += small,
        10 => content.header.complete_from = small,
        11 => content.ledger.push((small, LedgerRecord::Cleared.encode(*number))),
        12 if !content.ledger.is_empty() => drop(content.ledger.remove(at.index(content.ledger.len()))),
        _ => some(&mut content.ledger, at).into_iter().for_each(|record| record.0 = *number),
    }
}

#[test]
fn random_ones_are_refused_or_sound() {
    let cases =
        std::env::var("EG_IMPORTS").map_or(300, |count| count.parse().expect("EG_IMPORTS is a number"));
    let mut config = Config::with_cases(cases);
    config.failure_persistence = None;
    let steps =
        proptest::collection::vec((any::<u8>(), any::<Index>(), prop_oneof![0..20_u64, any::<u64>()]), 1..4);
    let mut runner = TestRunner::new(config);
    let (imported, refused) = (Cell::new(0), Cell::new(0));
    runner
        .run(&steps, |steps| {
            let mut content = Content::sound();
            steps.iter().for_each(|step| apply(&mut content, step));
            let seen = if outcome(&content).is_some() { &refused } else { &imported };
            seen.set(seen.get() + 1);
            Ok(())
        })
        .unwrap();
    let (imported, refused) = (imported.get(), refused.get());
    eprintln!("figures: made_up_snapshots={cases} imported={imported} refused={refused}");
    assert!(imported > 0 && refused > 0, "{imported} imported, {refused} refused");
}
