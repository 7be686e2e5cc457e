//! What is deleted leaves the tables, and gives its room back.

use std::path::Path;

use epistemic_storage::{
    Mutation,
    graph::{LedgerKeep, Op},
};

use super::common::{add_node, create, files, open};

const MARKER: &[u8] = b"7f3c-qzxwvk-ypjgbd-mhulsr-91be";

/// Whether the marker is somewhere in tables and logs.
fn is_on_disk(path: &Path) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(MARKER.len()).any(|window| window == MARKER);
    let live = |name: &str| name.ends_with(".sst") || name.ends_with(".log");
    files(&path.join("db")).iter().any(|(name, bytes)| live(name) && holds(bytes))
}

/// A graph with the marker in every kind of record, between two others.
fn with_marker(path: &Path) -> (epistemic_storage::GraphStore, epistemic_storage::datadir::DataDir) {
    let (graphs, dir) = open(path);
    for name in ["before", "tenant", "after"] {
        create(&graphs, name);
        for number in 0..40 {
            graphs.write(name, add_node(&format!("{name} {number}"), &[number; 100])).unwrap();
        }
    }
    graphs.write("tenant", add_node("x", MARKER)).unwrap();
    graphs.store().flush().unwrap();
    assert!(is_on_disk(path), "the marker is in plain sight");
    (graphs, dir)
}

#[test]
fn deleted_and_cleared_graphs_leave_the_tables() {
    for op in [Op::Delete, Op::Clear] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let (graphs, dir) = with_marker(&path);
        let told = format!("{op:?}");
        graphs.write("tenant", op).unwrap();
        assert_eq!((graphs.reclaim().unwrap(), graphs.awaiting_room().graphs), (1, 1));
        assert!(is_on_disk(&path), "{told}: removed is not gone");
        // A restart does not forget it.
        drop((graphs, dir));
        let (graphs, dir) = open(&path);
        assert_eq!(graphs.awaiting_room().graphs, 1);
        assert_eq!(graphs.give_back_room().unwrap(), 1);
        assert_eq!(graphs.awaiting_room().graphs, 0);
        assert!(!is_on_disk(&path), "{told}: it is still there");
        for name in ["before", "after"] {
            assert_eq!(graphs.latest(&graphs.graph(name).unwrap()).ledger_lines().unwrap().len(), 40);
        }
        drop((graphs, dir));
        let (graphs, _dir) = open(&path);
        assert_eq!(graphs.awaiting_room().graphs, 0);
        assert!(!is_on_disk(&path), "{told}: it is there again");
    }
}

#[test]
fn a_cleared_and_a_trimmed_ledger_leave_the_tables() {
    for trimmed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let (graphs, _dir) = with_marker(&path);
        graphs.write("tenant", Op::One(Mutation::RemoveNode { id: "x".into() })).unwrap();
        let graph = graphs.graph("tenant").unwrap();
        if trimmed {
            let keep = LedgerKeep { records: Some(1), ..LedgerKeep::ALL };
            assert!(graphs.trim_ledger(&graph, &keep).unwrap() > 0);
        } else {
            graphs.write("tenant", Op::ClearLedger).unwrap();
        }
        // The node was removed one by one: that is left to the merges of the backend.
        let before = graphs.awaiting_room();
        assert_eq!((before.graphs, graphs.give_back_room().unwrap()), (1, 1), "{before:?}");
        let lines = graphs.latest(&graph).ledger_lines().unwrap();
        assert_eq!(lines.len(), usize::from(trimmed), "{lines:?}");
        let after = graphs.graph("after").unwrap();
        assert_eq!(graphs.latest(&after).ledger_lines().unwrap().len(), 40);
    }
}

#[test]
fn what_a_view_still_reads_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let (graphs, _dir) = with_marker(&path);
    let view = graphs.read_view();
    graphs.write("tenant", Op::Delete).unwrap();
    assert_eq!(graphs.reclaim().unwrap(), 1);
    assert_eq!((graphs.give_back_room().unwrap(), graphs.awaiting_room().graphs), (0, 1));
    drop(view);
    assert_eq!((graphs.give_back_room().unwrap(), graphs.awaiting_room().graphs), (1, 0));
    assert!(!is_on_disk(&path));
}
