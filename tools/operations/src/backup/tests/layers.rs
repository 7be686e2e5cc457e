//! Many runs: what each of them has, however its layers were joined.

use std::collections::BTreeMap;

use epistemic_storage::{
    Mutation,
    graph::{GraphType, Op},
};
use rand::RngExt;

use super::fixture::{Fixture, GRAPH, STORE};
use crate::backup::manifest::Content;
use crate::backup::state::Finder;
use crate::backup::{Keep, Point, Pruning, prune};
use crate::hosts::Party;

const OTHER: &str = "other";

/// What the store holds: sequence number and content by name.
fn held(fixture: &Fixture) -> BTreeMap<String, (u64, Content)> {
    let names = fixture.graphs.graphs().into_iter().map(|graph| graph.name().to_string());
    names
        .map(|name| {
            let content = fixture.party().content(&name).unwrap();
            (name, (content.sequence, content.into()))
        })
        .collect()
}

/// Creates, changes or deletes one of some graphs.
fn touch(fixture: &mut Fixture) {
    let name = format!("graph {}", rand::rng().random_range(0..6));
    let op = match fixture.graphs.graph(&name) {
        Err(_) => Op::Create { kind: GraphType::Team, owner: None, tenant: None },
        Ok(_) if rand::rng().random_range(0..3) == 0 => Op::Delete,
        Ok(graph) => Op::One(Mutation::AddNode {
            id: graph.counters().sequence.to_string(),
            properties: b"\x80".to_vec(),
        }),
    };
    fixture.graphs.write(&name, op).unwrap();
}

#[test]
fn every_run_has_what_the_store_had_then() {
    let mut fixture = Fixture::new();
    let mut expected = Vec::new();
    for number in 0..40 {
        (0..rand::rng().random_range(0..4)).for_each(|_| touch(&mut fixture));
        fixture.create(number % 13 == 12).unwrap();
        expected.push(held(&fixture));
    }
    let check = |fixture: &Fixture, expected: &[BTreeMap<String, (u64, Content)>]| {
        let manifests = fixture.manifests();
        assert_eq!(manifests.len(), expected.len());
        for (manifest, expected) in manifests.iter().zip(expected) {
            let entries = fixture.entries(manifest);
            for entry in &entries {
                let found = Finder::new(&entry.name).find(&fixture.objects, manifest).unwrap();
                assert_eq!(found.as_ref(), Some(entry));
            }
            let found = entries.into_iter().map(|mut entry| {
                let last = entry.chain.pop().unwrap();
                (entry.name, (last.sequence, last.content))
            });
            assert_eq!(found.collect::<BTreeMap<_, _>>(), *expected, "run {}", manifest.run);
            assert!(manifest.graphs == expected.len() as u64 && manifest.layers.len() <= 8, "{manifest:?}");
        }
        assert!(fixture.damaged_chains().is_empty());
    };
    check(&fixture, &expected);
    let keep = Keep { last: 7, ..Keep::default() };
    let pruning = Pruning { keep, forget: &[], leftover_ms: 1 << 40, take_over: false, dry_run: false };
    prune(&fixture.objects, &pruning).unwrap();
    check(&fixture, &expected[expected.len() - 7..]);
}

/// Such a run goes on from the one before, and says nothing of graphs that it did not look at.
#[test]
fn a_run_of_named_graphs_covers_those_alone() {
    let mut fixture = Fixture::new();
    fixture.create_graph(OTHER);
    fixture.change(3);
    let first = fixture.create(false).unwrap().manifest;
    while epistemic_storage::clock::unix_ms() <= first.settled_ms + 1 {}
    fixture.change(3);
    let second = fixture.create_named(&[GRAPH.to_owned()]).unwrap().manifest;
    assert_eq!((second.named.len(), second.graphs, second.store.as_str()), (1, 3, STORE));
    let (named, other) = (fixture.entry(GRAPH).unwrap(), fixture.entry(OTHER).unwrap());
    assert_eq!((named.chain.len(), named.covered_ms), (2, second.started_ms));
    assert_eq!(other.covered_ms, first.settled_ms);
    // The next run of all graphs covers all of them again.
    let third = fixture.create(false).unwrap().manifest;
    assert_eq!(fixture.entry(GRAPH).unwrap().covered_ms, third.settled_ms);
    assert_eq!(fixture.entry(OTHER).unwrap().covered_ms, third.settled_ms);
    assert_eq!(fixture.restore(Point::Newest).unwrap().content, *fixture.model.values().last().unwrap());
}
