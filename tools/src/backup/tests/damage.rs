//! Objects and manifests that are not what they were: refused with a reason, and nothing is restored.

use bytes::Bytes;
use epistemic_storage::graph::Op;
use rand::RngExt;

use super::fixture::{Fixture, GRAPH, empty};
use crate::backup::manifest::{Manifest, Piece};
use crate::backup::verify::{chains, try_chain};
use crate::backup::{BackupError, Choice, Objects, Point};

const OTHER: &str = "other";

/// A chain of three objects, and another graph with as many.
fn backed_up() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.create_graph(OTHER);
    for number in 0..3 {
        fixture.change(4);
        fixture
            .graphs
            .write(OTHER, Op::AddNode { id: number.to_string(), properties: b"\x80".to_vec() })
            .unwrap();
        fixture.create(false).unwrap();
    }
    fixture
}

fn chain(fixture: &Fixture, graph: &str) -> Vec<Piece> {
    fixture.manifests().last().unwrap().graph(graph).unwrap().chain.clone()
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
    assert_eq!((graphs.graph_count(), graphs.graphs_on_the_move().len()), (1, 0), "{what}");
    text
}

#[test]
fn every_flipped_byte_and_every_cut_of_every_object_is_refused() {
    let fixture = backed_up();
    for piece in chain(&fixture, GRAPH) {
        let whole = fixture.objects.get(&piece.object).unwrap().unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1 << rand::rng().random_range(0..8);
            put(&fixture.objects, &piece.object, bytes);
            refused(&fixture, &piece.object, &format!("{} flipped at {at}", piece.object));
            put(&fixture.objects, &piece.object, whole.slice(..at));
            refused(&fixture, &piece.object, &format!("{} cut at {at}", piece.object));
        }
        put(&fixture.objects, &piece.object, [&whole[..], b"x"].concat());
        refused(&fixture, &piece.object, "a byte too many");
        put(&fixture.objects, &piece.object, whole);
    }
    fixture.restore(Point::Newest).unwrap();
}

#[test]
fn every_flipped_byte_and_every_cut_of_a_manifest_is_refused() {
    let fixture = backed_up();
    let run = fixture.manifests().last().unwrap().run.clone();
    let name = format!("manifests/{run}.json");
    let whole = fixture.objects.get(&name).unwrap().unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1 << rand::rng().random_range(0..8);
        for (what, bytes) in [("flipped", Bytes::from(bytes)), ("cut", whole.slice(..at))] {
            let error = Manifest::decode(&run, &bytes).expect_err(&format!("{what} at {at}"));
            assert!(matches!(error, BackupError::BadManifest { .. }), "{error}");
        }
    }
    put(&fixture.objects, &name, whole.slice(1..));
    refused(&fixture, &run, "a damaged newest manifest");
    let older = &fixture.manifests_but_damaged()[1];
    let choice = Choice::load(&fixture.objects, Some(&older.run)).unwrap();
    choice.route(&fixture.objects, GRAPH, Point::Newest).unwrap();
    put(&fixture.objects, &name, older.encode().unwrap());
    refused(&fixture, "it is that of run", "the manifest of another run");
}

#[test]
fn objects_in_the_place_of_others_are_refused() {
    let fixture = backed_up();
    let (pieces, others) = (chain(&fixture, GRAPH), chain(&fixture, OTHER));
    let get = |piece: &Piece| fixture.objects.get(&piece.object).unwrap().unwrap();
    let [full, first, second] = [&pieces[0], &pieces[1], &pieces[2]].map(get);
    put(&fixture.objects, &pieces[1].object, second.clone());
    put(&fixture.objects, &pieces[2].object, first.clone());
    refused(&fixture, "it belongs to another chain", "increments swapped");
    put(&fixture.objects, &pieces[1].object, get(&others[1]));
    refused(&fixture, "it is of graph \"other\"", "an increment of another graph");
    put(&fixture.objects, &pieces[1].object, full.clone());
    refused(&fixture, "not a graph increment", "a snapshot where an increment belongs");
    fixture.objects.delete(&pieces[1].object).unwrap();
    refused(&fixture, "it is missing", "a missing increment");
    put(&fixture.objects, &pieces[1].object, first.clone());
    put(&fixture.objects, &pieces[2].object, second);
    put(&fixture.objects, &pieces[0].object, get(&others[0]));
    refused(&fixture, "it is of graph \"other\"", "a snapshot of another graph");
    put(&fixture.objects, &pieces[0].object, first);
    refused(&fixture, "not a graph snapshot", "an increment where a snapshot belongs");
}

/// Manifests that are intact but wrong, as a faulty program would write them.
#[test]
fn a_manifest_that_joins_what_does_not_belong_together_is_refused() {
    let mut fixture = backed_up();
    let kept = chain(&fixture, GRAPH);
    fixture.create(true).unwrap();
    fixture.change(4);
    fixture.create(false).unwrap();
    let manifest = fixture.manifests().pop().unwrap();
    let name = format!("manifests/{}.json", manifest.run);
    let with_chain = |change: &dyn Fn(&mut Vec<Piece>)| {
        let mut wrong = manifest.clone();
        let graph = wrong.graphs.iter_mut().find(|graph| graph.name == GRAPH).unwrap();
        change(&mut graph.chain);
        put(&fixture.objects, &name, wrong.encode().unwrap());
    };
    with_chain(&|chain| chain[0] = kept[0].clone());
    refused(&fixture, "does not follow", "a link left out");
    with_chain(&|chain| chain.drain(..1).for_each(drop));
    refused(&fixture, "does not begin with a full backup", "no full backup");
    with_chain(&|chain| chain.splice(..1, kept.clone()).for_each(drop));
    refused(&fixture, "it belongs to another chain", "an increment of another chain");
    with_chain(&|chain| chain[1].content.digest = "00".repeat(32));
    refused(&fixture, "with it the graph is at sequence", "another content");
    with_chain(&|chain| chain[1].sha256 = "00".repeat(32));
    refused(&fixture, "with SHA-256", "another object");
    with_chain(&|chain| chain[1].sequence += 1);
    refused(&fixture, "the manifest says", "another end");
    let mut other = manifest.clone();
    other.version = 2;
    put(&fixture.objects, &name, other.encode().unwrap());
    refused(&fixture, "it has version 2", "another version");
}

#[test]
fn verify_names_the_object_that_is_damaged() {
    let fixture = backed_up();
    let damaged = &chain(&fixture, GRAPH)[1];
    put(&fixture.objects, &damaged.object, "gone");
    let mut found = Vec::new();
    for route in chains(&fixture.manifests()) {
        let tried = try_chain(&fixture.objects, &route, &empty(), &mut |_, _| {}).unwrap();
        found.extend(tried.damage.map(|damage| (tried.graph, damage.object)));
    }
    assert_eq!(found, [(GRAPH.to_owned(), damaged.object.clone())]);
    // The next run does not build on it.
    let created = fixture.create(false).unwrap();
    assert_eq!(created.manifest.graph(GRAPH).unwrap().chain.len(), 1);
    fixture.restore(Point::Newest).unwrap();
}
