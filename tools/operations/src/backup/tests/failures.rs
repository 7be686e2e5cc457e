//! Requests that fail: a run is there as a whole or not at all, and the next one works.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::faulty::{Faulty, Plan};
use super::fixture::{Fixture, GRAPH, empty};
use crate::backup::{Keep, Point, Pruning, prune};

const DAY_MS: u64 = 24 * 3600 * 1000;

/// A fixture whose objects are large enough for parts, and the plan of its failures.
fn faulty() -> (Fixture, Arc<Plan>) {
    let store = Faulty::default();
    let plan = store.plan();
    plan.left.store(-1, Ordering::SeqCst);
    let mut fixture = Fixture::on(Arc::new(store));
    fixture.change(80);
    (fixture, plan)
}

/// Calls `attempt` with failures at request after request, until one works without meeting its failure.
fn at_every_request(plan: &Plan, mut attempt: impl FnMut(&str) -> bool) {
    for lost in [0, 1] {
        for request in 0.. {
            plan.lost.store(lost, Ordering::SeqCst);
            plan.left.store(request, Ordering::SeqCst);
            let what = format!("request {request}, lost {lost}");
            let worked = attempt(&what);
            let met = plan.left.swap(-1, Ordering::SeqCst) < 0;
            assert!(worked || met, "{what}");
            if !met {
                assert!(request > 3, "a run has some requests");
                break;
            }
        }
    }
}

fn keep_last(take_over: bool) -> Pruning<'static> {
    let keep = Keep { last: 1, ..Keep::default() };
    Pruning { keep, forget: &[], leftover_ms: DAY_MS, take_over, dry_run: false }
}

fn check(fixture: &Fixture, what: &str) {
    if let Some((graph, damage)) = fixture.damaged_chains().into_iter().next() {
        panic!("{what}: {graph}: {}", damage.reason);
    }
    let newest = fixture.model.values().last().unwrap();
    assert_eq!(fixture.restore(Point::Newest).unwrap().content, *newest, "{what}");
}

#[test]
fn a_run_that_fails_is_invisible_and_the_next_one_works() {
    let (mut fixture, plan) = faulty();
    let mut full = false;
    at_every_request(&plan, |what| {
        full = !full;
        let created = fixture.create(full);
        let left = plan.left.swap(-1, Ordering::SeqCst);
        let runs: Vec<String> = fixture.manifests().into_iter().map(|manifest| manifest.run).collect();
        match &created {
            Ok(created) => assert!(runs.contains(&created.manifest.run), "{what}"),
            Err(error) => {
                assert!(format!("{error:#}").contains("injected"), "{what}: {error:#}");
                fixture.create(false).unwrap();
                assert_eq!(fixture.manifests().len(), runs.len() + 1, "{what}");
            }
        }
        check(&fixture, what);
        prune(&fixture.objects, &keep_last(false)).unwrap();
        fixture.change(2);
        plan.left.store(left, Ordering::SeqCst);
        created.is_ok()
    });
}

#[test]
fn a_restore_that_fails_leaves_the_graph_that_was_there() {
    let (mut fixture, plan) = faulty();
    fixture.create(false).unwrap();
    fixture.change(5);
    fixture.create(false).unwrap();
    let graphs = empty();
    fixture.restore_into(&graphs, Point::Newest, false).unwrap();
    let of = |graphs: &epistemic_storage::GraphStore| {
        let graph = graphs.graph(GRAPH).unwrap();
        graphs.changes(&graph, graph.counters().sequence - 1, 1).unwrap()
    };
    at_every_request(&plan, |what| {
        let before = of(&graphs);
        let restored = fixture.restore_into(&graphs, Point::Newest, true);
        if let Err(error) = &restored {
            assert!(format!("{error:#}").contains("injected"), "{what}: {error:#}");
            assert_eq!(of(&graphs), before, "{what}");
        }
        assert!(graphs.migrating_graphs().is_empty(), "{what}");
        restored.is_ok()
    });
}

#[test]
fn a_prune_that_fails_takes_nothing_that_a_run_needs() {
    let (mut fixture, plan) = faulty();
    at_every_request(&plan, |what| {
        let left = plan.left.swap(-1, Ordering::SeqCst);
        let full = left % 2 == 0;
        fixture.change(2);
        fixture.create(full).unwrap();
        fixture.create(false).unwrap();
        plan.left.store(left, Ordering::SeqCst);
        let pruned = prune(&fixture.objects, &keep_last(false));
        let left = plan.left.swap(-1, Ordering::SeqCst);
        check(&fixture, what);
        if pruned.is_err() {
            prune(&fixture.objects, &keep_last(true)).unwrap();
            check(&fixture, what);
        }
        assert_eq!(fixture.manifests().len(), 1, "{what}");
        plan.left.store(left, Ordering::SeqCst);
        pruned.is_ok()
    });
}
