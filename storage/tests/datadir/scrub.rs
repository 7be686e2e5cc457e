//! The scrub: damage that nobody reads is found, costs only those that it struck, and is forgotten once it is gone.

use std::path::{Path, PathBuf};

use epistemic_storage::{
    GraphStore,
    datadir::{DataDir, create_checkpoint},
    scrub::{Pass, ScrubLog},
};
use fs_err as fs;

use super::common::{
    add_node, copy_dir, create, open,
    random::{Random, seed},
};

const GRAPHS: [&str; 3] = ["before", "struck", "after"];
const NODES: usize = 60;
const BYTES: usize = 1000;

/// A stopped directory of three graphs whose properties do not compress, and those of the middle one's middle node.
fn stopped() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let (first, path) = (folder.path().join("first"), folder.path().join("data"));
    let (graphs, dir) = open(&first);
    let mut random = Random::new(seed());
    let mut needle = Vec::new();
    for name in GRAPHS {
        create(&graphs, name);
        for number in 0..NODES {
            let properties: Vec<u8> = (0..BYTES).map(|_| random.below(256) as u8).collect();
            graphs.write(name, add_node(&format!("n{number:03}"), &properties)).unwrap();
            if (name, number) == (GRAPHS[1], NODES / 2) {
                needle = properties;
            }
        }
    }
    create_checkpoint(&dir, graphs.store(), 1).unwrap();
    drop((graphs, dir));
    // Tables are hard links of the checkpoint's: the damage must stay here.
    copy_dir(&first, &path);
    (folder, path, needle)
}

/// Flips a bit of `needle` in a table, that of nodes or of the ledger; returns the file with its sound bytes.
fn damage(path: &Path, needle: &[u8]) -> (PathBuf, Vec<u8>) {
    let tables = fs::read_dir(path.join("db")).unwrap().map(|entry| entry.unwrap().path());
    let tables = tables.filter(|file| file.extension().is_some_and(|extension| extension == "sst"));
    let holding = tables.map(|file| (fs::read(&file).unwrap(), file)).filter_map(|(bytes, file)| {
        Some((bytes.windows(100).position(|window| window == &needle[..100])?, bytes, file))
    });
    let (at, sound, file) = holding.last().expect("the properties are in a table");
    let mut damaged = sound.clone();
    damaged[at + 50] ^= 1;
    fs::write(&file, damaged).unwrap();
    (file, sound)
}

/// Runs a pass to its end.
fn scrub(graphs: &GraphStore, log: &mut ScrubLog) -> u64 {
    let mut pass = Pass::begin(graphs, log).unwrap();
    let mut read = 0;
    loop {
        let step = pass.step(graphs, log).unwrap();
        read += step.read;
        if step.is_last {
            return read;
        }
    }
}

fn quarantined(graphs: &GraphStore) -> Vec<String> {
    graphs.quarantined().iter().map(|graph| graph.name().to_string()).collect()
}

fn takes_writes(graphs: &GraphStore, name: &str) -> bool {
    graphs.write(name, add_node("later", b"\x80")).is_ok()
}

#[test]
fn damage_that_nobody_reads_is_found_named_and_contained() {
    let (_folder, path, needle) = stopped();
    let (file, sound) = damage(&path, &needle);
    let (graphs, dir) = open(&path);
    assert_eq!((graphs.store().damage(), quarantined(&graphs)), (None, vec![]));

    let mut log = ScrubLog::load(&path);
    scrub(&graphs, &mut log);
    assert_eq!(log.found, 1, "{log:?}");
    let finding = &log.findings[0];
    assert_eq!(finding.table, file.file_name().unwrap().to_string_lossy());
    assert_eq!(finding.graphs, [GRAPHS[1]]);
    assert!(finding.reason.contains("offset") && finding.reason.contains(&finding.table), "{finding:?}");
    assert_eq!(quarantined(&graphs), [GRAPHS[1]]);
    assert!(graphs.store().damage().is_some() && path.join("db/DAMAGED").exists());
    assert_eq!(GRAPHS.map(|name| takes_writes(&graphs, name)), [true, false, true]);
    log.store(&path).unwrap();

    // After a restart the same is found again, at once.
    drop((graphs, dir));
    let (graphs, dir) = open(&path);
    let mut log = ScrubLog::load(&path);
    let mut pass = Pass::begin(&graphs, &mut log).unwrap();
    while log.found == 0 {
        assert!(!pass.step(&graphs, &mut log).unwrap().is_last);
    }
    assert_eq!(quarantined(&graphs), [GRAPHS[1]]);
    drop((graphs, dir));

    // With the sound bytes back a whole pass takes the store for sound, one that began before the restart does not.
    fs::write(&file, sound).unwrap();
    let (graphs, _dir) = open(&path);
    log.findings.clear();
    log.found = 0;
    scrub(&graphs, &mut log);
    assert!(graphs.store().damage().is_some(), "it was not one pass");
    scrub(&graphs, &mut log);
    assert_eq!((graphs.store().damage(), log.found), (None, 0));
    assert!(!path.join("db/DAMAGED").exists());
    assert_eq!(GRAPHS.map(|name| takes_writes(&graphs, name)), [true, true, true]);
}

#[test]
fn damage_that_a_reader_met_during_a_pass_is_not_forgotten_by_it() {
    let (_folder, path, needle) = stopped();
    let (graphs, _dir) = open(&path);
    let mut log = ScrubLog::default();
    let mut pass = Pass::begin(&graphs, &mut log).unwrap();
    let tables = graphs.store().tables().unwrap().len();
    let mut done = 0;
    while done < tables {
        done += usize::from(pass.step(&graphs, &mut log).unwrap().table_done);
    }
    damage(&path, &needle);
    assert!(graphs.store().verify().is_err());
    let graph = graphs.graph(GRAPHS[1]).unwrap();
    let reader = graphs.latest(&graph);
    let nodes = reader.for_each_node(|_, _, _| Ok::<_, epistemic_storage::StoreError>(()));
    let read =
        nodes.and_then(|()| reader.for_each_ledger(0, |_, _| Ok::<_, epistemic_storage::StoreError>(())));
    graphs.quarantine_if_corrupt(GRAPHS[1], read.unwrap_err());
    while !pass.step(&graphs, &mut log).unwrap().is_last {}
    assert_eq!(log.found, 0);
    assert!(graphs.store().damage().is_some());
}

#[test]
fn a_pass_goes_on_after_a_restart() {
    let (_folder, path, _) = stopped();
    let (graphs, dir) = open(&path);
    let mut log = ScrubLog::default();
    let whole = scrub(&graphs, &mut log);
    let tables: u64 = graphs.store().tables().unwrap().iter().map(|table| table.bytes).sum();
    assert_eq!(whole, tables, "every byte of every table is read");

    let mut pass = Pass::begin(&graphs, &mut log).unwrap();
    let (mut read, mut done) = (0, 0);
    while done < 2 {
        let step = pass.step(&graphs, &mut log).unwrap();
        read += step.read;
        done += usize::from(step.table_done);
    }
    log.store(&path).unwrap();
    drop((pass, graphs, dir));
    let (graphs, _dir): (_, DataDir) = open(&path);
    let mut log = ScrubLog::load(&path);
    assert!(log.running.is_some());
    assert_eq!(read + scrub(&graphs, &mut log), whole);
    let last = log.last.unwrap();
    assert_eq!((last.read, last.found, log.running), (whole, 0, None));
}

#[test]
fn a_table_that_is_gone_is_found() {
    let (_folder, path, _) = stopped();
    let (graphs, _dir) = open(&path);
    let table = graphs.store().tables().unwrap().remove(0);
    fs::remove_file(path.join("db").join(&table.name)).unwrap();
    let mut log = ScrubLog::default();
    scrub(&graphs, &mut log);
    assert_eq!((log.found, &log.findings[0].table), (1, &table.name));
    assert!(graphs.store().damage().is_some());
}
