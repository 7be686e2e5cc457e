//! Steps of moves whose commit fails, and standings in a store that is opened again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{
    add_edge, add_node,
    dump::{assert_same, check_nothing_unowned, dump},
    failing::Failing,
};
use epistemic_storage::{
    GraphStore, MemoryStore, RocksStore, Store, StoreError,
    graph::{GraphError, GraphType, LedgerRecord, MoveOp, MoveRole, NameAfter, Op, Origin, Rename},
};

fn step(graphs: &GraphStore, name: &str, op: &dyn Fn(&GraphStore) -> Op) -> Result<(), GraphError> {
    graphs.write(name, op(graphs)).map(|_| ())
}

type Step = (&'static str, Box<dyn Fn(&GraphStore) -> Op>);

fn fill(graphs: &GraphStore) -> MoveOp {
    let mut loader = graphs.load();
    loader.node("n", 7, &common::labelled("L")).unwrap();
    loader.edge("n", "n", 8, b"edge").unwrap();
    let loaded = loader.finish().unwrap();
    let origin = Some(Origin { graph_id: 7, epoch: 3 });
    MoveOp::Fill { move_id: "in".into(), loaded, kind: GraphType::Team, owner: Some("owner".into()), origin }
}

/// Steps that lead through every standing; each changes what is stored.
fn script() -> Vec<Step> {
    let of = |name, make: fn(&GraphStore) -> MoveOp| -> Step {
        (name, Box::new(move |graphs| Op::Move(make(graphs))))
    };
    let create: Step = (
        "out",
        Box::new(|_| Op::Create { kind: GraphType::Agent, owner: None, tenant: Some("tenant".into()) }),
    );
    vec![
        create,
        ("out", Box::new(|_| add_node("a", b""))),
        ("out", Box::new(|_| add_edge("a", "a", b""))),
        of("in", |_| MoveOp::Arrive { move_id: "in".into(), from: "there".into() }),
        of("in", fill),
        of("in", |_| {
            let record = LedgerRecord::AddNode { id: "m", properties: b"" }.encode(9);
            MoveOp::Replay { move_id: "in".into(), copy: None, records: vec![(9, record)] }
        }),
        of("out", |graphs| common::depart(graphs, "out", "m1")),
        of("out", |_| MoveOp::Return { move_id: "m1".into() }),
        of("in", |_| {
            let rename = Some(Rename { name: "out".into(), replace: true });
            MoveOp::Admit { move_id: "in".into(), copy: None, sequence: 9, epoch: Some(4), rename }
        }),
        of("out", |graphs| common::depart(graphs, "out", "m2")),
        of("out", |_| MoveOp::Drop { move_id: "m2".into() }),
        of("out", |_| MoveOp::Arrive { move_id: "m3".into(), from: "there".into() }),
        of("out", |_| MoveOp::Refuse {
            move_id: "m3".into(),
            role: MoveRole::Destination,
            peer: "there".into(),
            name_after: NameAfter::Free,
        }),
        of("out", |_| MoveOp::Forget),
    ]
}

fn on_each_backend(test: impl Fn(Arc<dyn Store>)) {
    test(Arc::new(MemoryStore::new()));
    let folder = tempfile::tempdir().unwrap();
    test(Arc::new(RocksStore::open(&folder.path().join("db"), &common::options()).unwrap()));
}

/// A full disk: the step is refused, in memory and on disk all is as before, and the step is done once there is room.
#[test]
fn a_commit_without_room_changes_nothing() {
    on_each_backend(|below| {
        let store = Failing::over(below);
        let graphs = GraphStore::open(store.clone()).unwrap();
        let stored = || dump(&GraphStore::open_read_only(store.clone()).unwrap()).unwrap();
        let full = StoreError::DiskFull { path: "/".into(), detail: "test".into() };
        for (index, (name, op)) in script().iter().enumerate() {
            let told = format!("step {index} of '{name}', {}", store.backend());
            let before = dump(&graphs).unwrap();
            assert_same(&stored(), &before, &told);
            store.fail(Some(full.clone()));
            assert_eq!(step(&graphs, name, op), Err(full.clone().into()), "{told}");
            assert_same(&dump(&graphs).unwrap(), &before, &told);
            assert_same(&stored(), &before, &told);
            store.fail(None);
            step(&graphs, name, op).unwrap();
            assert!(dump(&graphs).unwrap() != before, "{told} changes something");
        }
        graphs.reclaim().unwrap();
        check_nothing_unowned(&graphs).unwrap();
    });
}

/// Any other failure: no more writes, the standing in memory is that of the store, and a restart goes on from there.
#[test]
fn a_commit_that_fails_is_made_after_a_restart() {
    for failing in 0..script().len() {
        on_each_backend(|below| {
            let store = Failing::over(below);
            let mut graphs = GraphStore::open(store.clone()).unwrap();
            for (index, (name, op)) in script().iter().enumerate() {
                let told = format!("step {index} of '{name}', {}", store.backend());
                if index == failing {
                    let before = dump(&graphs).unwrap();
                    store.fail(Some(StoreError::other("test")));
                    assert!(step(&graphs, name, op).is_err(), "{told}");
                    store.fail(None);
                    let poisoned = step(&graphs, name, op);
                    assert!(
                        matches!(poisoned, Err(GraphError::Store(StoreError::Poisoned { .. }))),
                        "{poisoned:?}"
                    );
                    assert_same(&dump(&graphs).unwrap(), &before, &told);
                    graphs = GraphStore::open(store.clone()).unwrap();
                    assert_same(&dump(&graphs).unwrap(), &before, &told);
                }
                step(&graphs, name, op).unwrap();
            }
        });
    }
}

#[test]
fn standings_survive_a_reopen() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = common::open(folder.path());
    for (index, (name, op)) in script().iter().enumerate() {
        step(&opened.0, name, op).unwrap();
        let before = dump(&opened.0).unwrap();
        drop(opened);
        opened = common::open(folder.path());
        assert_same(&dump(&opened.0).unwrap(), &before, &format!("step {index} of '{name}'"));
    }
    opened.0.reclaim().unwrap();
    check_nothing_unowned(&opened.0).unwrap();
}
