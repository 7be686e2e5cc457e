//! Damage in tables: what is sound of a store is kept, in place or in a new directory, and nothing is told that is not so.

use std::{collections::BTreeMap, io, path::PathBuf};

use epistemic_storage::{
    GraphStore, Mutation, RocksOptions, RocksStore,
    datadir::{DataDir, salvage},
    graph::{Graph, Op, SalvagedGraph, Taken},
    snapshot::{self, Ledger, SnapshotError, Totals},
};
use fs_err as fs;

use super::common::{
    add_node, copy_dir,
    dump::{Dump, GraphDump, dump},
    files, fill, open, options,
    random::{Random, seed},
};

/// A stopped directory with small graphs that share blocks and one that has many.
struct Stopped {
    folder: tempfile::TempDir,
    path: PathBuf,
    expected: Dump,
}

fn stopped() -> Stopped {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let (graphs, dir) = open(&path);
    for number in 0..6 {
        fill(&graphs, &format!("small {number}"), 3);
    }
    fill(&graphs, "large", 600);
    graphs.write("small 4", Op::Delete).unwrap();
    graphs.reclaim().unwrap();
    graphs.store().flush().unwrap();
    let expected = dump(&graphs).unwrap();
    drop((graphs, dir));
    Stopped { folder, path, expected }
}

impl Stopped {
    /// Calls `each` with a copy of the directory for each of `rounds` flips in tables.
    fn for_each_flip(&self, rounds: usize, mut each: impl FnMut(&PathBuf, &str)) {
        let mut random = Random::new(seed());
        let tables: Vec<_> = files(&self.path.join("db"))
            .into_iter()
            .filter(|(name, bytes)| name.ends_with(".sst") && !bytes.is_empty())
            .collect();
        let bytes: usize = tables.iter().map(|(_, bytes)| bytes.len()).sum();
        for round in 0..rounds {
            // Each byte of all tables is as likely as any other.
            let mut at = random.below(bytes);
            let (name, mut damaged) = tables
                .iter()
                .find(|(_, bytes)| {
                    at < bytes.len() || {
                        at -= bytes.len();
                        false
                    }
                })
                .unwrap()
                .clone();
            damaged[at] ^= 1 << random.below(8);
            let copy = self.folder.path().join(format!("copy{round}"));
            copy_dir(&self.path, &copy);
            fs::write(copy.join("db").join(&name), damaged).unwrap();
            each(&copy, &format!("byte {at} of {name}"));
            fs::remove_dir_all(copy).unwrap();
        }
    }
}

fn exported(graphs: &GraphStore, graph: &Graph, ledger: Ledger) -> Result<Totals, SnapshotError> {
    snapshot::export_parts(graphs, graph, ledger, io::sink(), &mut |_| {}).map(|(_, totals)| totals)
}

/// A graph without what its ledger holds.
fn content(graph: &GraphDump) -> GraphDump {
    let mut content = graph.clone();
    content.ledger = BTreeMap::new();
    (content.state.ledger_lines, content.state.complete_from) = (0, 0);
    content
}

#[test]
fn a_damaged_ledger_begins_anew_behind_the_damage() {
    let stopped = stopped();
    let (mut restarted, mut kept) = (0, 0);
    stopped.for_each_flip(40, |copy, told| {
        // A merge that meets the damage first would stop all writes.
        let without_merges = RocksOptions { merge_tables: false, ..options() };
        let store = || RocksStore::open(&copy.join("db"), &without_merges);
        let Ok(graphs) = store().map(GraphStore::open_read_only) else { return };
        let Ok(graphs) = graphs else { return };
        let hurt: Vec<_> = graphs
            .graphs()
            .into_iter()
            .filter(|graph| {
                exported(&graphs, graph, Ledger::Whole).is_err()
                    && exported(&graphs, graph, Ledger::LeftOut).is_ok()
            })
            .collect();
        if hurt.is_empty() {
            return;
        }
        let told = format!("{told} hurts {:?}", hurt.iter().map(|graph| graph.name()).collect::<Vec<_>>());
        let would = graphs.restart_ledgers(true, &mut |_| {}).unwrap();
        let did =
            graphs.restart_ledgers(false, &mut |_| {}).unwrap_or_else(|error| panic!("{told}: {error}"));
        assert_eq!(would, did, "{told}");
        assert_eq!(graphs.restart_ledgers(false, &mut |_| {}).unwrap(), [], "{told}: once is enough");
        drop((hurt, graphs));

        let graphs = GraphStore::open(store().unwrap()).unwrap();
        for graph in graphs.graphs() {
            assert!(exported(&graphs, &graph, Ledger::Whole).is_ok(), "{told}: {}", graph.name());
            graphs.write(graph.name(), add_node("after", b"\x80")).unwrap();
            let newest = graph.counters().sequence;
            assert_eq!(graphs.changes(&graph, newest - 1, 1).unwrap().records.len(), 1, "{told}");
            graphs.write(graph.name(), Op::One(Mutation::RemoveNode { id: "after".into() })).unwrap();
        }
        let found = dump(&graphs).unwrap();
        for (name, graph) in &found {
            let (mut found, expected) = (content(graph), content(&stopped.expected[name]));
            found.state.sequence -= 2;
            assert_eq!(found, expected, "{told}: {name}");
        }
        restarted += did.len();
        kept += did.iter().filter(|ledger| ledger.restarted_at <= ledger.sequence).count();
    });
    println!("{restarted} ledgers began anew, {kept} of them with records");
    assert!(restarted > 3, "{restarted} restarted, {kept} with records: too few to tell anything");
}

#[test]
fn what_is_sound_is_salvaged_and_the_rest_is_named() {
    let stopped = stopped();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = 0;
    stopped.for_each_flip(40, |copy, told| {
        number += 1;
        let target = stopped.folder.path().join(format!("new{number}"));
        let before = files(copy);
        let Ok(salvaged) = salvage(copy, &target, &mut |_, _| {}) else {
            let left = fs::read_dir(&target).map_or(0, |entries| {
                entries.filter(|entry| entry.as_ref().unwrap().file_name() != "LOCK").count()
            });
            assert_eq!(left, 0, "{told}: a salvage that failed leaves nothing");
            *seen.entry("refused".into()).or_default() += 1;
            return;
        };
        assert!(before == files(copy), "{told}: the damaged directory was changed");
        assert_eq!(salvaged.graphs.len(), stopped.expected.len());
        let (graphs, dir) = open(&target);
        assert_eq!(dir.identity(), &epistemic_storage::datadir::Identity::load(copy).unwrap().unwrap());
        let found = dump(&graphs).unwrap();
        for SalvagedGraph { graph, taken, reason, .. } in &salvaged.graphs {
            let expected = &stopped.expected[graph];
            match taken {
                Taken::Whole => assert!(found[graph] == *expected, "{told}: {graph} is not whole"),
                Taken::WithoutLedger => {
                    assert!(content(&found[graph]) == content(expected), "{told}: {graph} has other content");
                    let newer =
                        found[graph].ledger.iter().all(|(number, record)| expected.ledger[number] == *record);
                    assert!(
                        newer && found[graph].ledger.len() < expected.ledger.len(),
                        "{told}: {graph}: {reason:?}"
                    );
                }
                Taken::Lost if graph == "__commons__" => {}
                Taken::Lost => {
                    let refused = graphs.graph(graph).unwrap_err().to_string();
                    assert!(refused.starts_with("ARRIVING"), "{told}: {graph}: {refused}");
                }
            }
            *seen.entry(format!("{taken:?}")).or_default() += 1;
        }
        drop((graphs, dir));
        fs::remove_dir_all(&target).unwrap();
    });
    println!("{seen:?}");
    assert!(
        ["Whole", "WithoutLedger", "Lost"]
            .iter()
            .all(|taken| seen.get(*taken).is_some_and(|count| *count > 3)),
        "{seen:?}"
    );
}

#[test]
fn a_salvage_carries_everything_and_takes_the_place_of_the_old_directory() {
    let stopped = stopped();
    let target = stopped.folder.path().join("new");
    let salvaged = salvage(&stopped.path, &target, &mut |_, _| {}).unwrap();
    assert!(salvaged.is_whole(), "{salvaged:?}");
    let again = salvage(&stopped.path, &target, &mut |_, _| {}).unwrap_err();
    assert!(again.to_string().contains("it is not empty"), "{again}");
    let (graphs, dir) = open(&target);
    assert_eq!(dump(&graphs).unwrap(), stopped.expected);
    // Numbers of graphs are never given out again.
    super::common::create(&graphs, "new");
    let newest = graphs.graph("new").unwrap().id();
    assert!(graphs.graphs().iter().all(|graph| graph.id() <= newest));
    drop((graphs, dir));
    // Cut short, it has no identity.
    fs::remove_file(target.join("identity.json")).unwrap();
    let refused = DataDir::open_store(&target, &options()).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("delete the directory"), "{refused}");
}
