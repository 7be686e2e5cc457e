//! Which state a read is of while groups are committed and published.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use common::{add_node, create, failing::Failing};
use epistemic_storage::{
    Durability, GraphStore, MemoryStore, RocksStore, Store,
    graph::{Graph, GraphError, GraphReader, Op, Together, Write},
};

fn on_each_backend(test: impl Fn(Arc<dyn Store>)) {
    test(Arc::new(MemoryStore::new()));
    let folder = tempfile::tempdir().unwrap();
    test(Arc::new(RocksStore::open(&folder.path().join("db"), &common::options()).unwrap()));
}

fn nodes(graphs: &GraphStore, graph: &Graph) -> u64 {
    graphs.newest(graph).unwrap().0.nodes
}

/// A write that the store has and that is not published yet: point reads see it, so counters must not be older. Before
/// the store has it nobody waits for it.
#[test]
fn counters_are_never_behind_the_records() {
    on_each_backend(|below| {
        let store = Failing::over(below);
        let graphs = GraphStore::open(store.clone()).unwrap();
        create(&graphs, "g");
        let graph = graphs.graph("g").unwrap();
        for visible in [false, true] {
            let before = graph.counters();
            let held = store.hold_next_commit(visible);
            let id = format!("n{visible}");
            thread::scope(|scope| {
                let write = scope.spawn(|| graphs.write("g", add_node(&id, b"")));
                held.reached();
                assert_eq!(graphs.latest(&graph).has_node(&id).unwrap(), visible);
                assert_eq!(graph.counters(), before, "not published");
                let (told, answer) = channel();
                let (graphs, graph) = (&graphs, &graph);
                let reader = scope.spawn(move || told.send(nodes(graphs, graph)));
                let at_once = answer.recv_timeout(Duration::from_millis(if visible { 50 } else { 60_000 }));
                let expected = if visible { Err(RecvTimeoutError::Timeout) } else { Ok(before.nodes) };
                assert_eq!(at_once, expected, "visible: {visible}");
                held.release();
                write.join().unwrap().unwrap();
                reader.join().unwrap().unwrap();
                assert_eq!(nodes(graphs, graph), before.nodes + 1);
                if visible {
                    assert_eq!(answer.recv().unwrap(), before.nodes + 1);
                }
            });
        }
    });
}

/// Also when the commit fails: nobody waits for ever.
#[test]
fn a_failed_commit_leaves_the_counters() {
    on_each_backend(|below| {
        let store = Failing::over(below);
        let graphs = GraphStore::open(store.clone()).unwrap();
        create(&graphs, "g");
        let graph = graphs.graph("g").unwrap();
        store.fail(Some(epistemic_storage::StoreError::other("test")));
        graphs.write("g", add_node("a", b"")).unwrap_err();
        assert_eq!(nodes(&graphs, &graph), 0);
    });
}

/// Who holds a graph reads its last state, counters included, until it is let go.
#[test]
fn a_graph_that_went_is_read_as_it_was_last() {
    on_each_backend(|below| {
        let graphs = GraphStore::open(Failing::over(below)).unwrap();
        let endings: [fn(&GraphStore) -> Op; 3] =
            [|_| Op::Clear, |_| Op::Delete, |graphs| Op::Replace(graphs.load().finish().unwrap())];
        for (number, ending) in endings.into_iter().enumerate() {
            let name: Arc<str> = format!("g{number}").into();
            create(&graphs, &name);
            graphs.write(&name, add_node("a", b"1")).unwrap();
            let held = graphs.graph(&name).unwrap();
            // The last change and the end in one commit.
            let ops = [add_node("b", b"2"), ending(&graphs)];
            let writes: Vec<_> = ops.into_iter().map(|op| Write { graph: Arc::clone(&name), op }).collect();
            for result in graphs.commit(&writes, Durability::Sync) {
                result.unwrap();
            }
            graphs.reclaim().unwrap();
            let view = graphs.read_view();
            let reader = GraphReader::new(&*view, &held);
            let state = reader.counters().unwrap();
            assert_eq!((state.nodes, reader.has_node("b").unwrap()), (2, true), "ending {number}");
            assert_eq!(nodes(&graphs, &held), 2);
            assert_eq!(reader.ledger_lines().unwrap().len() as u64, state.ledger_lines);
            drop((view, held));
            graphs.reclaim().unwrap();
            common::dump::check_nothing_unowned(&graphs).unwrap();
        }
    });
}

/// One writer clears `a`, then writes `b`, then `a`: no reader of both sees the second without the first.
#[test]
fn several_graphs_are_read_in_one_state() {
    on_each_backend(|below| {
        let graphs = GraphStore::open(Failing::over(below)).unwrap();
        for name in ["a", "b"] {
            create(&graphs, name);
            graphs.write(name, add_node("n", &0_u64.to_le_bytes())).unwrap();
        }
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for version in 1_u64..300 {
                    let value = version.to_le_bytes();
                    graphs.write("a", Op::Clear).unwrap();
                    graphs.write("b", add_node("n", &value)).unwrap();
                    graphs.write("a", add_node("n", &value)).unwrap();
                    graphs.write("b", Op::Clear).unwrap();
                    graphs.write("b", add_node("n", &value)).unwrap();
                }
                stop.store(true, Ordering::Relaxed);
            });
            let mut newest = 0;
            while !stop.load(Ordering::Relaxed) {
                let Together { graphs: found, view } = graphs.together(&["a", "b", "missing"]).unwrap();
                let version = |graph: &Result<Arc<Graph>, GraphError>| {
                    let reader = GraphReader::new(&*view, graph.as_ref().unwrap());
                    let node = reader.node("n").unwrap();
                    node.map(|node| u64::from_le_bytes(node.properties.try_into().unwrap()))
                };
                let (a, b) = (version(&found[0]), version(&found[1]));
                let possible = match (a, b) {
                    (Some(a), Some(b)) => a == b,
                    (None, Some(_)) | (Some(_), None) => true,
                    (None, None) => false,
                };
                assert!(possible, "a {a:?}, b {b:?}");
                let seen = a.or(b).unwrap();
                assert!(seen >= newest, "{seen} after {newest}");
                newest = seen;
                assert_eq!(found[2].as_ref().err(), Some(&GraphError::GraphNotFound("missing".into())));
            }
        });
    });
}
