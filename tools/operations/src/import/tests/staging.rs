//! Graphs made of documents and logs.

use epistemic_storage::graph::{COMMONS, GraphType, LedgerRecord};
use epistemic_storage::{GraphStore, MemoryStore};

use super::super::document::{Counts, Document};
use super::super::log::Log;
use super::super::stage::{Findings, stage};
use super::{add_edge, add_node, document, document_of, record, records};

/// A graph with its records in the order of insertion, where they have one.
#[derive(Debug, Default, PartialEq)]
struct Content {
    nodes: Vec<(String, Vec<u8>)>,
    edges: Vec<(String, String, Vec<u8>)>,
    ledger: Vec<String>,
}

fn staged(document: Option<&[u8]>, log: Option<&[u8]>) -> (Content, Findings) {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let (document, log) = (document.map(Document::read), log.map(Log::read));
    let owner = Some("me".to_owned());
    let findings =
        stage(&graphs, "g", GraphType::Team, owner, document.as_ref(), log.as_ref(), &mut |_| {}).unwrap();
    let graph = graphs.graph("g").unwrap();
    assert_eq!((graph.kind(), graph.owner().as_deref()), (GraphType::Team, Some("me")));
    let reader = graphs.latest(&graph);
    let (mut nodes, mut edges, mut content) = (Vec::new(), Vec::new(), Content::default());
    reader
        .for_each_node(|id, sequence, properties| {
            nodes.push((sequence, (id.to_owned(), properties.to_vec())));
            Ok::<_, epistemic_storage::StoreError>(())
        })
        .unwrap();
    reader
        .for_each_edge(|source, target, sequence, properties| {
            edges.push((sequence, (source.to_owned(), target.to_owned(), properties.to_vec())));
            Ok::<_, epistemic_storage::StoreError>(())
        })
        .unwrap();
    reader
        .for_each_ledger(0, |_, record| {
            content.ledger.extend(LedgerRecord::decode(record)?.0.line());
            Ok::<_, epistemic_storage::StoreError>(())
        })
        .unwrap();
    nodes.sort();
    edges.sort();
    content.nodes = nodes.into_iter().map(|(_, node)| node).collect();
    content.edges = edges.into_iter().map(|(_, edge)| edge).collect();
    let Counts { nodes, edges, ledger, .. } = findings.counts;
    let counted = [content.nodes.len(), content.edges.len(), content.ledger.len()];
    assert_eq!(counted.map(|count| count as u64), [nodes, edges, ledger]);
    (content, findings)
}

fn has(findings: &Findings, problem: &str) {
    assert!(
        findings.problems.iter().any(|text| text.contains(problem)),
        "{problem}: {:?}",
        findings.problems
    );
}

#[test]
fn a_snapshot_in_the_order_of_its_ledger() {
    let (content, findings) = staged(Some(&document()), Some(b""));
    assert!(findings.problems.is_empty() && findings.notes.is_empty(), "{findings:?}");
    assert_eq!(content.nodes, [("a".into(), Vec::new()), ("b".into(), b"\x81\xa1k\xcc\xff".to_vec())]);
    let edges =
        content.edges.iter().map(|(source, target, bytes)| (source.as_str(), target.as_str(), bytes[0]));
    assert_eq!(edges.collect::<Vec<_>>(), [("a", "b", 1), ("b", "b", 0x80), ("a", "b", 2)]);
    assert_eq!(content.ledger[1], "ADD_NODE|b|81a16bccff");
    assert_eq!(findings.counts.embeddings, 1);
}

#[test]
fn a_log_alone_and_behind_a_snapshot() {
    let log = records().concat();
    let (alone, findings) = staged(None, Some(&log));
    assert!(findings.problems.is_empty(), "{findings:?}");
    assert_eq!(findings.applied, records().len() as u64);
    let sorted = b"\x82\xa1a\x02\xa1b\x01".to_vec();
    assert_eq!(alone.nodes, [("x".into(), b"\x81\xa1k\x01".to_vec()), ("y".into(), sorted)]);
    assert_eq!(alone.edges, [("x".into(), "y".into(), vec![1]), ("x".into(), "y".into(), vec![0xc1])]);
    // It clears the graph.
    let (behind, _) = staged(Some(&document()), Some(&log));
    assert_eq!((behind.nodes, behind.edges), (alone.nodes, alone.edges));

    let log = [add_node("c", b""), add_edge("c", "a", b""), record("RemoveNode", &[("node_id", "b")], None)];
    let (behind, findings) = staged(Some(&document()), Some(&log.concat()));
    assert!(findings.problems.is_empty(), "{findings:?}");
    let ids: Vec<_> = behind.nodes.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((ids, behind.edges.len(), behind.ledger.len()), (vec!["a", "c"], 1, 8));
}

#[test]
fn every_cut_of_a_snapshot_is_a_problem_and_what_is_left_is_a_graph() {
    let bytes = document();
    for length in 0..bytes.len() {
        let (_, findings) = staged(Some(&bytes[..length]), Some(&add_edge("a", "b", b"\x09")));
        has(&findings, "the snapshot is damaged");
        let applied = findings.applied == 1;
        assert!(applied || findings.problems.iter().any(|text| text.contains("1 changes of the log cannot")));
    }
}

#[test]
fn every_cut_of_a_log_is_a_problem_but_between_records() {
    let (records, bytes) = (records(), records().concat());
    let mut ends: Vec<usize> = vec![0];
    records.iter().for_each(|record| ends.push(ends.last().unwrap() + record.len()));
    for length in 0..=bytes.len() {
        let (_, findings) = staged(None, Some(&bytes[..length]));
        let whole = ends.iter().filter(|end| **end <= length).count() - 1;
        assert_eq!(findings.applied, whole as u64);
        assert_eq!(findings.problems.is_empty(), ends.contains(&length), "{:?}", findings.problems);
    }
}

#[test]
fn a_log_that_the_snapshot_has_already_is_not_made_twice() {
    let log = [add_edge("b", "b", b"\x80"), add_edge("a", "b", b"\x02"), add_node("new", b"")].concat();
    let (content, findings) = staged(Some(&document()), Some(&log));
    has(&findings, "the first 2 of 3 changes in the log are also the last in the snapshot");
    assert_eq!((content.nodes.len(), content.edges.len(), findings.applied), (3, 3, 1));
    // Nodes may be added twice: nothing to ask about.
    let nodes = document_of(&[("a", b"")], &[], &["ADD_NODE|a|"], &[]);
    let (_, findings) = staged(Some(&nodes), Some(&add_node("a", b"")));
    assert!(findings.problems.is_empty(), "{findings:?}");
}

/// Clients write an edge that is there by removing it first.
#[test]
fn what_is_written_again_behind_a_snapshot_is_no_repetition() {
    let remove = record("RemoveEdge", &[("source_id", "a"), ("target_id", "b")], None);
    let nodes: [(&str, &[u8]); 2] = [("a", b""), ("b", b"")];
    let edges: [(&str, &str, &[u8]); 1] = [("a", "b", b"\x80")];
    let ledger = ["ADD_NODE|a|", "ADD_NODE|b|", "ADD_EDGE|a|b|80"];
    let log = [add_node("a", b""), add_node("b", b""), remove.clone(), add_edge("a", "b", b"\x80")].concat();
    let (content, findings) = staged(Some(&document_of(&nodes, &edges, &ledger, &[])), Some(&log));
    assert!(findings.problems.is_empty(), "{findings:?}");
    assert_eq!((content.nodes.len(), content.edges.len(), findings.applied), (2, 1, 4));
    // The snapshot has it all, the removal too.
    let ledger = [&ledger[..], &["REMOVE_EDGE|a|b", "ADD_EDGE|a|b|80"]].concat();
    let log = [remove, add_edge("a", "b", b"\x80")].concat();
    let (content, findings) = staged(Some(&document_of(&nodes, &edges, &ledger, &[])), Some(&log));
    has(&findings, "the first 2 of 2 changes in the log are also the last in the snapshot");
    assert_eq!(content.edges.len(), 1);
}

#[test]
fn what_the_format_does_not_allow_is_left_out_and_told() {
    let nodes: [(&str, &[u8]); 5] = [("a", b""), ("b", b""), ("a", b"\x01"), ("c", b""), ("d", b"")];
    let edges: [(&str, &str, &[u8]); 2] = [("a", "b", b""), ("a", "x", b"")];
    let vectors: [(&str, &[f32]); 6] = [
        ("a", &[1.0, 2.0]),
        ("b", &[1.0]),
        ("c", &[3.0, 4.0]),
        ("d", &[f32::NAN, 1.0]),
        ("ghost", &[1.0, 2.0]),
        ("", &[]),
    ];
    let (content, findings) = staged(Some(&document_of(&nodes, &edges, &[], &vectors)), None);
    has(&findings, "1 nodes are in the snapshot more than once");
    has(&findings, "1 edges have an end that is no node");
    has(&findings, "1 embeddings have no components, or some that are no finite numbers");
    assert!(
        findings.notes.iter().any(|note| note.starts_with("2 embeddings are of nodes that do not exist"))
    );
    assert!(findings.notes.iter().any(|note| note.contains("does not tell when 7 nodes and edges")));
    assert_eq!((content.nodes.len(), content.edges.len(), findings.counts.embeddings), (4, 1, 3));
    assert!(content.nodes.contains(&("a".into(), vec![1])));
}

#[test]
fn batches_and_the_commons() {
    let bad = record("BatchUpdate", &[], Some(("operations_msgpack", b"\x80")));
    let (_, findings) = staged(None, Some(&bad));
    has(&findings, "1 changes of the log cannot be made, the first: a batch that cannot be read");
    let items = record("BatchUpdate", &[], Some(("operations_msgpack", b"\x91\x80")));
    let (_, findings) = staged(None, Some(&items));
    assert!(findings.problems.is_empty());
    assert!(findings.notes[0].starts_with("1 items of batches failed"), "{findings:?}");

    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let log = add_node("a", b"");
    let log = Log::read(&log);
    let found = stage(&graphs, COMMONS, GraphType::Commons, None, None, Some(&log), &mut |_| {}).unwrap();
    assert_eq!(found.counts.nodes, 1);
    let bytes = document();
    let found =
        stage(&graphs, COMMONS, GraphType::Commons, None, Some(&Document::read(&bytes)), None, &mut |_| {})
            .unwrap();
    assert_eq!(found.counts.edges, 3);
}
