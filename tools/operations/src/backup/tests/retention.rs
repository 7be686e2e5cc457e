//! Which runs and objects stay.

use std::collections::BTreeSet;

use super::fixture::{Fixture, GRAPH, STORE};
use crate::backup::layout::pack;
use crate::backup::manifest::Manifest;
use crate::backup::runs::{publish, withdraw};
use crate::backup::{Keep, Point, Pruning, prune};

const HOUR_MS: u64 = 3600 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// A Monday, 2026-11-02T00:00:00Z.
const MONDAY_MS: u64 = 1_793_577_600_000;

fn pruning(keep: Keep) -> Pruning<'static> {
    Pruning { keep, forget: &[], leftover_ms: DAY_MS, take_over: false, dry_run: false }
}

fn last(last: usize) -> Keep {
    Keep { last, ..Keep::default() }
}

fn objects(fixture: &Fixture) -> BTreeSet<String> {
    let found = fixture.objects.list("stores").unwrap().into_iter().map(|found| found.name);
    found.filter(|name| name.contains("/objects/")).collect()
}

fn needed(fixture: &Fixture) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    for manifest in fixture.manifests() {
        needed.extend(manifest.layers.iter().map(|layer| layer.object.clone()));
        needed.extend(manifest.service.iter().map(|service| service.stored.object.clone()));
        for entry in fixture.entries(&manifest) {
            needed.extend(entry.chain.iter().chain(&entry.ended).map(|piece| piece.stored.object.clone()));
        }
    }
    needed
}

#[test]
fn objects_stay_while_a_run_that_stays_needs_them() {
    let mut fixture = Fixture::new();
    for full in [false, false, true, false] {
        fixture.change(3);
        fixture.create(full).unwrap();
    }
    // The third run ended the chain of the first two and began another.
    for (keep, runs) in [(3, 3), (2, 2), (1, 1)] {
        let pruned = prune(&fixture.objects, &pruning(last(keep))).unwrap();
        assert_eq!((pruned.kept.len(), pruned.removed.len()), (runs, 1));
        assert_eq!(objects(&fixture), needed(&fixture), "keep {keep}");
        fixture.restore(Point::Newest).unwrap();
    }
    assert_eq!(fixture.entry(GRAPH).unwrap().chain.len(), 2);
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let mut fixture = Fixture::new();
    for full in [false, false, true] {
        fixture.change(3);
        fixture.create(full).unwrap();
    }
    let newest = fixture.manifests().pop().unwrap();
    fixture.rewrite(&newest, |line| line.ended.clear());
    let (runs, before) = (fixture.manifests(), objects(&fixture));
    let said = prune(&fixture.objects, &Pruning { dry_run: true, ..pruning(last(1)) }).unwrap();
    assert_eq!((fixture.manifests(), objects(&fixture)), (runs, before));
    let done = prune(&fixture.objects, &pruning(last(1))).unwrap();
    assert_eq!((said.removed, said.objects, said.bytes), (done.removed, done.objects, done.bytes));
    assert!(done.objects > 0);
}

#[test]
fn rules_keep_the_newest_run_of_each_period() {
    let fixture = Fixture::new();
    let manifest = fixture.create(false).unwrap().manifest;
    withdraw(&fixture.objects, Some(STORE), &manifest.run).unwrap();
    let add = |hours: u64, all_graphs: bool| {
        let run = format!("{hours:06}{}", if all_graphs { "" } else { "-some" });
        let started_ms = MONDAY_MS + hours * HOUR_MS;
        let named = if all_graphs { Vec::new() } else { vec![GRAPH.to_owned()] };
        publish(&fixture.objects, &Manifest { run, started_ms, named, ..manifest.clone() }).unwrap();
    };
    for day in 0..30 {
        add(24 * day, true);
        add(24 * day + 12, true);
    }
    add(24 * 29 + 13, false);
    let kept = |keep: Keep| {
        let mut kept = prune(&fixture.objects, &Pruning { dry_run: true, ..pruning(keep) }).unwrap().kept;
        assert_eq!(kept.pop().as_deref(), Some("000709-some"), "rules count apart for runs of some graphs");
        kept.iter().map(|run| run.parse::<u64>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(kept(last(3)), [684, 696, 708]);
    assert_eq!(kept(Keep { daily: 2, ..Keep::default() }), [684, 708]);
    assert_eq!(kept(Keep { weekly: 3, ..Keep::default() }), [24 * 20 + 12, 24 * 27 + 12, 708]);
    assert_eq!(kept(Keep { monthly: 5, ..Keep::default() }), [24 * 28 + 12, 708]);
    assert_eq!(kept(Keep { last: 1, weekly: 2, ..Keep::default() }), [24 * 27 + 12, 708]);
}

#[test]
fn leftovers_go_when_they_are_old_and_a_damaged_manifest_only_by_name() {
    let fixture = Fixture::new();
    fixture.create(false).unwrap();
    let left = pack(STORE, "20200101T000000000Z-00000000", 1);
    fixture.objects.put_new(&left, "half".into()).unwrap();
    prune(&fixture.objects, &pruning(last(1))).unwrap();
    assert!(objects(&fixture).contains(&left));
    prune(&fixture.objects, &Pruning { leftover_ms: 0, ..pruning(last(1)) }).unwrap();
    assert!(!objects(&fixture).contains(&left));

    fixture.objects.put_new(&format!("stores/{STORE}/runs/broken.json"), "{}".into()).unwrap();
    let error = prune(&fixture.objects, &pruning(last(1))).unwrap_err();
    assert!(error.to_string().contains("--forget broken"), "{error}");
    let forget = ["broken".to_owned()];
    prune(&fixture.objects, &Pruning { forget: &forget, ..pruning(last(1)) }).unwrap();
    fixture.restore(Point::Newest).unwrap();
}

#[test]
fn a_run_beside_a_prune_does_not_become_visible() {
    let fixture = Fixture::new();
    fixture.objects.put_new("pruning/1", "x".into()).unwrap();
    let error = fixture.create(false).err().unwrap();
    assert!(error.to_string().contains("--take-over"), "{error}");
    assert!(fixture.manifests().is_empty());
    let error = prune(&fixture.objects, &pruning(last(1))).unwrap_err();
    assert!(error.to_string().contains("--take-over"), "{error}");
    prune(&fixture.objects, &Pruning { take_over: true, ..pruning(last(1)) }).unwrap();
    fixture.create(false).unwrap();
}
