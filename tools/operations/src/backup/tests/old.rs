//! Backups of version 1, as they are: they can be restored, and the next run goes on from them.

use std::io::Read;

use epistemic_storage::clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fixture::{Fixture, GRAPH, STORE};
use crate::backup::manifest::{Piece, PieceKind};
use crate::backup::read::Checked;
use crate::backup::runs::withdraw;
use crate::backup::{Done, Keep, Point, Pruning, prune};

/// Turns all runs into those that an egctl before version 2 would have made; its clock was an hour ahead.
fn make_old(fixture: &Fixture) {
    for manifest in fixture.manifests() {
        let mut graphs = Vec::new();
        for entry in fixture.entries(&manifest) {
            let chain: Vec<Value> = entry.chain.iter().map(|piece| old_piece(fixture, piece)).collect();
            graphs.push(
                json!({ "name": entry.name, "taken_ms": clock::unix_ms() + 3_600_000, "chain": chain }),
            );
        }
        let document = json!({
            "version": 1, "run": manifest.run, "started_ms": manifest.started_ms, "finished_ms": manifest.finished_ms,
            "source": manifest.source, "store_id": STORE, "all_graphs": true, "graphs": graphs,
        });
        let text = document.to_string();
        let sha256 = hex::encode(Sha256::digest(&text));
        let sealed = format!("{{\"sha256\":\"{sha256}\",\"manifest\":{text}}}");
        fixture.objects.put_new(&format!("manifests/{}.json", manifest.run), sealed.into()).unwrap();
    }
    for manifest in fixture.manifests().iter().filter(|manifest| !manifest.layers.is_empty()) {
        let run = &manifest.run;
        let old = fixture.objects.get(&format!("manifests/{run}.json")).unwrap().unwrap();
        withdraw(&fixture.objects, Some(STORE), run).unwrap();
        fixture.objects.put_new(&format!("manifests/{run}.json"), old).unwrap();
    }
    for found in fixture.objects.list("stores").unwrap() {
        fixture.objects.delete(&found.name).unwrap();
    }
}

fn old_piece(fixture: &Fixture, piece: &Piece) -> Value {
    let mut bytes = Vec::new();
    Checked::open(&fixture.objects, GRAPH, &piece.stored).unwrap().read_to_end(&mut bytes).unwrap();
    let (ending, kind) = match piece.kind {
        PieceKind::Full => ("full", "full"),
        PieceKind::Increment => ("incr", "increment"),
    };
    let run = piece.stored.object.split('/').nth(3).unwrap();
    let object = format!("objects/{run}/{}.{ending}", &piece.stored.sha256[..6]);
    fixture.objects.put_new(&object, bytes.into()).unwrap();
    json!({
        "object": object, "kind": kind, "after": piece.after, "sequence": piece.sequence, "changed_ms": piece.changed_ms,
        "newest_record": piece.newest_record, "bytes": piece.stored.bytes, "sha256": piece.stored.sha256,
        "content": piece.content,
    })
}

#[test]
fn a_backup_of_version_1_is_restored_continued_and_pruned() {
    let mut fixture = Fixture::new();
    for _ in 0..3 {
        fixture.change(5);
        fixture.create(false).unwrap();
    }
    make_old(&fixture);
    let check = |fixture: &Fixture| {
        let first =
            fixture.manifests()[0].inline.iter().find(|line| line.name == GRAPH).unwrap().chain[0].sequence;
        for (sequence, content) in fixture.model.range(first..) {
            assert_eq!(fixture.restore(Point::Sequence(*sequence)).unwrap().content, *content);
        }
        assert!(fixture.damaged_chains().is_empty());
    };
    check(&fixture);
    // Its times are of another clock and prove nothing; those of changes do.
    let last = *fixture.times().last_key_value().unwrap().1;
    assert!(
        fixture.restore(Point::Time(last + 60_000)).unwrap_err().to_string().starts_with("BACKUP_NOT_FOUND")
    );

    fixture.change(5);
    let created = fixture.create(false).unwrap();
    let done = created.graphs.iter().find(|graph| graph.name == GRAPH).unwrap();
    assert!(matches!(done.done, Done::Increment) && done.chain == 4);
    check(&fixture);
    fixture.create(true).unwrap();
    check(&fixture);
    let pruning = |last| Pruning {
        keep: Keep { last, ..Keep::default() },
        forget: &[],
        leftover_ms: 1 << 40,
        take_over: false,
        dry_run: false,
    };
    // The run before last stands on objects of version 1.
    prune(&fixture.objects, &pruning(2)).unwrap();
    assert!(fixture.objects.list("manifests").unwrap().is_empty());
    assert!(fixture.damaged_chains().is_empty());
    fixture.change(1);
    fixture.create(false).unwrap();
    prune(&fixture.objects, &pruning(1)).unwrap();
    assert!(fixture.objects.list("objects").unwrap().is_empty());
    assert_eq!(fixture.restore(Point::Newest).unwrap().content, *fixture.model.values().last().unwrap());
}
