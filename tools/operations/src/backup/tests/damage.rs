//! Objects and manifests that are not what they were: refused with a reason, and nothing is restored.

use bytes::Bytes;
use epistemic_storage::{Mutation, graph::Op};
use rand::RngExt;

use super::fixture::{Fixture, GRAPH, STORE, empty};
use crate::backup::manifest::{Manifest, Piece};
use crate::backup::state::Entries;
use crate::backup::{BackupError, Choice, Listed, Objects, Point};
use crate::encryption::Keys;

const OTHER: &str = "other";

/// A chain of three objects, and another graph with as many.
fn backed_up() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.create_graph(OTHER);
    for number in 0..3 {
        fixture.change(4);
        fixture
            .graphs
            .write(OTHER, Op::One(Mutation::AddNode { id: number.to_string(), properties: b"\x80".to_vec() }))
            .unwrap();
        fixture.create(false).unwrap();
    }
    fixture
}

fn chain(fixture: &Fixture, graph: &str) -> Vec<Piece> {
    fixture.entry(graph).unwrap().chain
}

fn put(objects: &Objects, name: &str, bytes: impl Into<Bytes>) {
    objects.delete(name).unwrap();
    objects.put_new(name, bytes.into()).unwrap();
}

/// The restore is refused with a reason that contains `told` and leaves no trace.
fn refused(fixture: &Fixture, told: &str, what: &str) -> String {
    let graphs = empty();
    let error = fixture.restore_into(&graphs, Point::Newest, false).expect_err(what);
    assert!(error.downcast_ref::<BackupError>().is_some(), "{what}: {error:#}");
    let text = error.to_string();
    assert!(text.contains(told), "{what}: {text}");
    assert_eq!((graphs.graph_count(), graphs.migrating_graphs().len()), (1, 0), "{what}");
    text
}

#[test]
fn every_flipped_byte_and_every_cut_of_every_object_is_refused() {
    let fixture = backed_up();
    for piece in chain(&fixture, GRAPH) {
        let object = &piece.stored.object;
        let whole = fixture.objects.get(object).unwrap().unwrap();
        let part = piece.stored.packed.unwrap();
        for at in part.offset as usize..piece.stored.end() as usize {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1 << rand::rng().random_range(0..8);
            put(&fixture.objects, object, bytes);
            refused(&fixture, object, &format!("{object} flipped at {at}"));
        }
        for at in 0..piece.stored.end() as usize {
            put(&fixture.objects, object, whole.slice(..at));
            refused(&fixture, object, &format!("{object} cut at {at}"));
        }
        put(&fixture.objects, object, whole);
    }
    fixture.restore(Point::Newest).unwrap();
}

#[test]
fn every_flipped_byte_and_every_cut_of_a_layer_is_refused() {
    let fixture = backed_up();
    let manifest = fixture.manifests().pop().unwrap();
    assert!(manifest.layers.len() > 1);
    for layer in &manifest.layers {
        let whole = fixture.objects.get(&layer.object).unwrap().unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1 << rand::rng().random_range(0..8);
            for (what, bytes) in [("flipped", Bytes::from(bytes)), ("cut", whole.slice(..at))] {
                put(&fixture.objects, &layer.object, bytes);
                refused(&fixture, &layer.object, &format!("{what} at {at}"));
                let all = Entries::open(&fixture.objects, &manifest);
                let read = all.and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
                assert!(read.unwrap_err().is::<BackupError>(), "{what} at {at}");
            }
        }
        fixture.objects.delete(&layer.object).unwrap();
        refused(&fixture, "it is missing", "a missing layer");
        put(&fixture.objects, &layer.object, whole);
    }
    fixture.restore(Point::Newest).unwrap();
}

#[test]
fn every_flipped_byte_and_every_cut_of_a_manifest_is_refused() {
    let fixture = backed_up();
    let run = fixture.manifests().last().unwrap().run.clone();
    let name = format!("stores/{STORE}/runs/{run}.json");
    let whole = fixture.objects.get(&name).unwrap().unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1 << rand::rng().random_range(0..8);
        for (what, bytes) in [("flipped", Bytes::from(bytes)), ("cut", whole.slice(..at))] {
            let error = Manifest::decode(STORE, &run, &bytes, &Keys::default())
                .expect_err(&format!("{what} at {at}"));
            assert!(matches!(error, BackupError::BadManifest { .. }), "{error}");
        }
    }
    put(&fixture.objects, &name, whole.slice(1..));
    refused(&fixture, &run, "a damaged newest manifest");
    let older = &fixture.manifests_but_damaged()[1];
    let listed = Listed::of(&fixture.objects).unwrap();
    let choice = Choice::load(&fixture.objects, &listed, STORE, Some(&older.run)).unwrap();
    choice.route(GRAPH, Point::Newest).unwrap();
    put(&fixture.objects, &name, older.encode(&Keys::default()).unwrap());
    refused(&fixture, "it is that of run", "the manifest of another run");
    fixture.objects.delete(&name).unwrap();
    refused(&fixture, "was written and is not there any more", "a lost newest manifest");
    let created = fixture.create(false).unwrap();
    assert!(created.warnings.iter().any(|warning| warning.contains(&run)), "{:?}", created.warnings);
}

/// Entries that are intact but wrong, as a faulty program would write them.
#[test]
fn objects_in_the_place_of_others_are_refused() {
    let fixture = backed_up();
    let manifest = fixture.manifests().pop().unwrap();
    let others = chain(&fixture, OTHER);
    let with_chain = |change: &dyn Fn(&mut Vec<Piece>)| {
        fixture.rewrite(&manifest, |line| {
            if line.name == GRAPH {
                change(&mut line.chain)
            }
        });
    };
    with_chain(&|chain| {
        let first = chain[1].stored.clone();
        chain[1].stored = std::mem::replace(&mut chain[2].stored, first);
    });
    refused(&fixture, "it belongs to another chain", "increments swapped");
    with_chain(&|chain| chain[1].stored = others[1].stored.clone());
    refused(&fixture, "it is of graph \"other\"", "an increment of another graph");
    with_chain(&|chain| chain[1].stored = chain[0].stored.clone());
    refused(&fixture, "not a graph increment", "a snapshot where an increment belongs");
    with_chain(&|chain| chain[0].stored = others[0].stored.clone());
    refused(&fixture, "it is of graph \"other\"", "a snapshot of another graph");
    with_chain(&|chain| chain[0].stored = chain[1].stored.clone());
    refused(&fixture, "not a graph snapshot", "an increment where a snapshot belongs");
    with_chain(&|_| ());
    fixture.restore(Point::Newest).unwrap();
    fixture.objects.delete(&chain(&fixture, GRAPH)[1].stored.object).unwrap();
    refused(&fixture, "it is missing", "a missing increment");
}

#[test]
fn a_manifest_that_joins_what_does_not_belong_together_is_refused() {
    let mut fixture = backed_up();
    let kept = chain(&fixture, GRAPH);
    fixture.create(true).unwrap();
    fixture.change(4);
    fixture.create(false).unwrap();
    let manifest = fixture.manifests().pop().unwrap();
    let with_chain = |change: &dyn Fn(&mut Vec<Piece>)| {
        fixture.rewrite(&manifest, |line| {
            if line.name == GRAPH {
                change(&mut line.chain)
            }
        });
    };
    with_chain(&|chain| chain[0] = kept[0].clone());
    refused(&fixture, "does not follow", "a link left out");
    with_chain(&|chain| chain.drain(..1).for_each(drop));
    refused(&fixture, "does not begin with a full backup", "no full backup");
    with_chain(&|chain| chain.splice(..1, kept.clone()).for_each(drop));
    refused(&fixture, "it belongs to another chain", "an increment of another chain");
    with_chain(&|chain| chain[1].content.digest = "00".repeat(32));
    refused(&fixture, "with it the graph is at sequence", "another content");
    with_chain(&|chain| chain[1].stored.sha256 = "00".repeat(32));
    refused(&fixture, "with SHA-256", "another object");
    with_chain(&|chain| chain[1].sequence += 1);
    refused(&fixture, "the manifest says", "another end");
    with_chain(&|_| ());
    let name = format!("stores/{STORE}/runs/{}.json", manifest.run);
    put(&fixture.objects, &name, Manifest { version: 4, ..manifest }.encode(&Keys::default()).unwrap());
    refused(&fixture, "it has version 4", "another version");
}

#[test]
fn verify_names_the_object_that_is_damaged() {
    let fixture = backed_up();
    let damaged = &chain(&fixture, GRAPH)[1];
    put(&fixture.objects, &damaged.stored.object, "gone");
    let found = fixture.damaged_chains();
    assert!(
        found.iter().any(|(graph, damage)| graph == GRAPH && damage.object == damaged.stored.object),
        "{:?}",
        found.iter().map(|(graph, damage)| (graph, &damage.reason)).collect::<Vec<_>>()
    );
    // The next run does not build on it.
    fixture.create(false).unwrap();
    assert_eq!(chain(&fixture, GRAPH).len(), 1);
    fixture.restore(Point::Newest).unwrap();
}
