//! Chains of increments, and points in them.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use epistemic_storage::{Mutation, graph::Op};
use epistemic_storage::{StoreError, clock};
use rand::RngExt;

use super::fixture::{Fixture, GRAPH, empty};
use crate::backup::manifest::PieceKind;
use crate::backup::state::GraphEntry;
use crate::backup::{Done, Point};
use crate::hosts::{Hook, Hooked, Party};

fn entry(fixture: &Fixture) -> GraphEntry {
    fixture.entry(GRAPH).unwrap()
}

fn done(created: &crate::backup::Created) -> String {
    let graph = created.graphs.iter().find(|graph| graph.name == GRAPH).unwrap();
    match &graph.done {
        Done::Unchanged => "unchanged".to_owned(),
        Done::Increment => "increment".to_owned(),
        Done::Full(reason) => (*reason).to_owned(),
        Done::Failed(error) => panic!("{error:#}"),
        Done::Gone => "gone".to_owned(),
    }
}

#[test]
fn ten_increments_and_forty_points_in_them_are_as_recorded() {
    let mut fixture = Fixture::new();
    fixture.change(20);
    assert_eq!(done(&fixture.create(false).unwrap()), "its first backup");
    for _ in 0..10 {
        fixture.change(15);
        assert_eq!(done(&fixture.create(false).unwrap()), "increment");
    }
    let last = fixture.times().into_values().max().unwrap();
    while clock::unix_ms() <= last {}
    assert_eq!(done(&fixture.create(false).unwrap()), "unchanged");

    let entry = entry(&fixture);
    assert_eq!(entry.chain.len(), 11);
    assert!(entry.chain[1..].iter().all(|piece| piece.kind == PieceKind::Increment));
    let (first, end) = (entry.chain[0].sequence, entry.chain[10].sequence);
    assert_eq!(end, *fixture.model.keys().last().unwrap());
    for piece in &entry.chain {
        assert_eq!(piece.content, fixture.model[&piece.sequence]);
        let restored = fixture.restore(Point::Sequence(piece.sequence)).unwrap();
        assert!(restored.compared && restored.content == piece.content, "{piece:?}");
    }
    for _ in 0..20 {
        let sequence = rand::rng().random_range(first..=end);
        let restored = fixture.restore(Point::Sequence(sequence)).unwrap();
        assert_eq!((restored.sequence, &restored.content), (sequence, &fixture.model[&sequence]));
    }
    let times = fixture.times();
    for _ in 0..20 {
        let time = times[&rand::rng().random_range(first..=end)];
        let sequence = *times.iter().rev().find(|(_, at)| **at <= time).unwrap().0;
        let restored = fixture.restore(Point::Time(time)).unwrap();
        assert_eq!((restored.sequence, &restored.content), (sequence, &fixture.model[&sequence]), "{time}");
    }
    for point in [
        Point::Sequence(first - 1),
        Point::Sequence(end + 1),
        Point::Time(times[&1] - 1),
        Point::Time(u64::MAX / 4),
    ] {
        let error = fixture.restore(point).unwrap_err();
        assert!(error.to_string().starts_with("BACKUP_NOT_FOUND"), "{error}");
    }
}

#[test]
fn a_restored_graph_has_the_ledger_of_the_original_and_goes_on_in_its_chain() {
    let mut fixture = Fixture::new();
    fixture.change(10);
    fixture.create(false).unwrap();
    fixture.change(10);
    fixture.create(false).unwrap();
    let graphs = empty();
    fixture.restore_into(&graphs, Point::Newest, false).unwrap();
    let changes = |graphs: &epistemic_storage::GraphStore| {
        let graph = graphs.graph(GRAPH).unwrap();
        (
            graphs.changes(&graph, 0, usize::MAX).unwrap(),
            graph.kind(),
            graph.owner().map(|owner| owner.to_string()),
        )
    };
    assert_eq!(changes(&graphs), changes(&fixture.graphs));
    fixture.graphs = graphs;
    fixture.change(3);
    assert_eq!(done(&fixture.create(false).unwrap()), "increment");
    assert_eq!(fixture.restore(Point::Newest).unwrap().content, *fixture.model.values().last().unwrap());
}

#[test]
fn an_existing_graph_is_replaced_only_when_asked_and_as_a_whole() {
    let mut fixture = Fixture::new();
    fixture.change(10);
    fixture.create(false).unwrap();
    let backed_up = fixture.model.values().last().unwrap().clone();
    fixture.change(10);
    let refused = fixture.restore_into(&fixture.graphs, Point::Newest, false).unwrap_err();
    assert!(refused.to_string().contains("--replace"), "{refused}");
    let restored = fixture.restore_into(&fixture.graphs, Point::Newest, true).unwrap();
    assert_eq!(restored.content, backed_up);
    assert!(fixture.graphs.migrating_graphs().is_empty());
    assert_eq!(done(&fixture.create(false).unwrap()), "its content was replaced or its ledger cleared");
}

#[test]
fn what_cannot_be_an_increment_is_a_full_backup_and_says_why() {
    let mut fixture = Fixture::new();
    fixture.change(10);
    fixture.create(false).unwrap();
    for (op, reason) in [
        (Op::ClearLedger, "its content was replaced or its ledger cleared"),
        (Op::Clear, "its content was replaced or its ledger cleared"),
    ] {
        fixture.graphs.write(GRAPH, op).unwrap();
        fixture.change(5);
        assert_eq!(done(&fixture.create(false).unwrap()), reason);
    }
    fixture.graphs.write(GRAPH, Op::Delete).unwrap();
    fixture.create_graph(GRAPH);
    let before = entry(&fixture).chain[0].sequence;
    fixture.model.clear();
    fixture.change(before as usize + 10);
    let reason = "it is not the graph of the backup before: created again, or restored";
    assert_eq!(done(&fixture.create(false).unwrap()), reason);
    assert_eq!(fixture.restore(Point::Newest).unwrap().content, *fixture.model.values().last().unwrap());
    assert!(entry(&fixture).ended.is_empty());
}

#[test]
fn a_full_backup_that_was_asked_for_leaves_no_gap() {
    let mut fixture = Fixture::new();
    fixture.change(10);
    fixture.create(false).unwrap();
    fixture.change(10);
    assert_eq!(done(&fixture.create(true).unwrap()), "as asked for");
    let GraphEntry { chain, ended, .. } = entry(&fixture);
    assert_eq!((chain.len(), ended.len()), (1, 2));
    let inside = ended[0].sequence + 1;
    for sequence in ended[0].sequence..=chain[0].sequence {
        assert_eq!(fixture.restore(Point::Sequence(sequence)).unwrap().content, fixture.model[&sequence]);
    }
    assert!(fixture.damaged_chains().is_empty());
    // The next run has the new chain alone; the run before still leads to it.
    fixture.change(1);
    fixture.create(false).unwrap();
    assert!(entry(&fixture).ended.is_empty());
    assert_eq!(fixture.restore(Point::Sequence(inside)).unwrap().content, fixture.model[&inside]);
}

/// Fails its first call as a graph with damaged records does.
#[derive(Default)]
struct Damaged(AtomicBool);

impl Hook for Damaged {
    fn call<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.0.swap(true, Ordering::Relaxed) {
            return act();
        }
        Err(StoreError::Corrupt { place: "nodes".to_owned(), detail: "injected".to_owned() }.into())
    }
}

#[test]
fn a_graph_that_cannot_be_read_does_not_stop_the_others_and_keeps_its_backup() {
    let mut fixture = Fixture::new();
    fixture.change(5);
    fixture.create(false).unwrap();
    let kept = entry(&fixture);
    fixture.change(5);
    fixture.create_graph("other");
    let party = Hooked { hook: Damaged::default(), inner: fixture.party(), max_bytes: usize::MAX };
    let names = [GRAPH, "other"].map(str::to_owned);
    let created = fixture.create_from(&party, names.into_iter(), false).unwrap();
    let incomplete = created.incomplete().unwrap();
    assert_eq!(incomplete.kind(), crate::error::ErrorKind::Partly);
    assert!(incomplete.to_string().contains(&format!("{GRAPH:?}")), "{incomplete}");
    // It covers what it covered.
    assert_eq!(entry(&fixture), kept);
    let graphs = fixture.entries(fixture.manifests().last().unwrap());
    assert_eq!(graphs.iter().map(|graph| graph.name.as_str()).collect::<Vec<_>>(), [GRAPH, "other"]);
}

#[test]
fn a_graph_that_is_deleted_meanwhile_is_left_out() {
    let mut fixture = Fixture::new();
    fixture.create_graph("other");
    fixture.create(false).unwrap();
    fixture.graphs.write(GRAPH, Op::Delete).unwrap();
    let names = [GRAPH, "other", "never there"].map(str::to_owned);
    let created = fixture.create_of(names.into_iter(), false).unwrap();
    assert!(created.incomplete().is_none());
    let done = created.graphs.iter().map(|graph| matches!(graph.done, Done::Gone));
    assert_eq!(done.collect::<Vec<_>>(), [true, true, false]);
    let graphs = fixture.entries(fixture.manifests().last().unwrap());
    assert_eq!(graphs.iter().map(|graph| graph.name.as_str()).collect::<Vec<_>>(), ["other"]);
}

/// One answer of the shard holds such a change alone: an increment used to ask for it for ever.
#[test]
fn changes_larger_than_one_answer_are_an_increment() {
    let mut fixture = Fixture::new();
    fixture.change(3);
    fixture.create(false).unwrap();
    for id in ["large", "larger"] {
        fixture
            .graphs
            .write(GRAPH, Op::One(Mutation::AddNode { id: id.to_owned(), properties: vec![0xc0; 5 << 20] }))
            .unwrap();
    }
    assert_eq!(done(&fixture.create(false).unwrap()), "increment");
    let content = fixture.party().content(GRAPH).unwrap();
    assert_eq!(fixture.restore(Point::Newest).unwrap().content, content.into());
}

/// What happened before the machine of `egctl` thinks that a run was taken, and behind that run.
#[test]
fn a_time_is_restored_from_a_run_that_provably_tells_it() {
    let mut fixture = Fixture::new();
    fixture.change(3);
    let first = fixture.create(false).unwrap().manifest;
    while clock::unix_ms() <= first.started_ms + 1 {}
    fixture.change(3);
    let meant = *fixture.model.keys().last().unwrap();
    let time = fixture.times()[&meant];
    while clock::unix_ms() <= time {}
    fixture.change(3);
    fixture.create(false).unwrap();
    assert_eq!(fixture.restore(Point::Time(time)).unwrap().sequence, meant);
    let error = fixture.restore(Point::Time(time + 60_000)).unwrap_err();
    assert!(error.to_string().starts_with("BACKUP_NOT_FOUND"), "{error}");
}
