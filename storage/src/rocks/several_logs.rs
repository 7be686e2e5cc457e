//! Tests of databases with several logs, as they are while some families are flushed and others are not.

use std::path::Path;

use fs_err as fs;
use rocksdb::FlushOptions;

use super::{RocksOptions, RocksStore, log_files::log_files, manifest::check_manifest, read::handle};
use crate::{
    batch::WriteBatch,
    error::StoreError,
    space::Space,
    store::{Durability, Read, Store},
};

const COMMITS: u8 = 30;

fn commit(store: &RocksStore, number: u8, durability: Durability) {
    let mut batch = WriteBatch::new();
    batch.put(Space::Nodes, vec![number], vec![number; 3]);
    batch.put(Space::OutEdges, vec![number], vec![number; 2]);
    store.commit(batch, durability).unwrap();
}

fn flush(store: &RocksStore, space: Space) {
    let db = store.database.get().unwrap();
    db.flush_cf_opt(handle(&db, space), &FlushOptions::default()).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A killed store with three logs that are needed: the nodes are in tables, the edges are not.
fn three_logs(durability: Durability) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (live, killed) = (folder.path().join("live"), folder.path().join("killed"));
    let choices = RocksOptions { strict_wal: durability == Durability::Sync, ..RocksOptions::default() };
    let store = RocksStore::open(&live, &choices).unwrap();
    for number in 1..=COMMITS {
        commit(&store, number, durability);
        if number % 10 == 0 && number < COMMITS {
            flush(&store, Space::Nodes);
        }
    }
    if durability == Durability::Buffered {
        store.sync().unwrap();
    }
    copy(&live, &killed);
    assert_eq!(log_files(&killed).unwrap().len(), 3, "{:?}", log_files(&killed));
    (folder, killed)
}

fn is_complete(db: &Path) -> Result<(), StoreError> {
    let read_only = RocksOptions { read_only: true, ..RocksOptions::default() };
    let store = RocksStore::open(db, &read_only)?;
    for number in 1..=COMMITS {
        assert!(store.contains(Space::Nodes, &[number])?, "silently without node {number}");
        assert!(store.contains(Space::OutEdges, &[number])?, "silently without edge {number}");
    }
    Ok(())
}

#[test]
fn damage_of_each_is_found() {
    for durability in [Durability::Sync, Durability::Buffered] {
        let (_folder, db) = three_logs(durability);
        is_complete(&db).unwrap();
        for (_, log) in log_files(&db).unwrap() {
            let bytes = fs::read(&log).unwrap();
            for length in 0..bytes.len() {
                fs::write(&log, &bytes[..length]).unwrap();
                let error = is_complete(&db).unwrap_err();
                assert!(error.is_corruption() && error.to_string().contains(".log"), "{error}");
                let mut zeroed = bytes.clone();
                zeroed[length..].fill(0);
                fs::write(&log, zeroed).unwrap();
                assert!(
                    is_complete(&db).is_err(),
                    "{durability:?}, zeros from {length} of {}",
                    log.display()
                );
            }
            fs::remove_file(&log).unwrap();
            assert!(is_complete(&db).unwrap_err().to_string().contains("is missing"));
            fs::write(&log, bytes).unwrap();
        }
        is_complete(&db).unwrap();
    }
}

/// What the manifest is taken to say is what RocksDB makes of it.
#[test]
fn the_logs_that_are_needed_are_those_that_rocksdb_replays() {
    let folder = tempfile::tempdir().unwrap();
    for _run in 0..3 {
        let store = RocksStore::open(folder.path(), &RocksOptions::default()).unwrap();
        for (number, flushed) in [Space::Nodes, Space::OutEdges, Space::Nodes].into_iter().enumerate() {
            for more in 0..5 {
                commit(&store, 10 * number as u8 + more, Durability::Sync);
            }
            flush(&store, flushed);
            let kept = store
                .database
                .get()
                .unwrap()
                .property_int_value("rocksdb.min-log-number-to-keep")
                .unwrap()
                .unwrap();
            assert_eq!(check_manifest(folder.path()).unwrap().oldest, kept);
        }
        store.flush().unwrap();
        let oldest = check_manifest(folder.path()).unwrap().oldest;
        let sizes = log_files(folder.path()).unwrap().into_iter().filter(|(number, _)| *number >= oldest);
        for (number, log) in sizes {
            assert_eq!(fs::metadata(log).unwrap().len(), 0, "log {number} is needed after a flush of all");
        }
    }
}

/// A kill of the process loses nothing that the system had; another boot of the machine may have lost what was not synced.
#[test]
fn what_was_not_synced_is_missed_in_the_same_boot_only() {
    let folder = tempfile::tempdir().unwrap();
    let choices = RocksOptions { strict_wal: false, ..RocksOptions::default() };
    let store = RocksStore::open(folder.path(), &choices).unwrap();
    commit(&store, 1, Durability::Sync);
    let synced = fs::metadata(&log_files(folder.path()).unwrap()[0].1).unwrap().len();
    (2..=COMMITS).for_each(|number| commit(&store, number, Durability::Buffered));
    std::mem::forget(store); // as a kill leaves it
    let log = log_files(folder.path()).unwrap().remove(0).1;
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..synced as usize]).unwrap();
    let needed = check_manifest(folder.path()).unwrap();
    let error = super::wal::check_logs(folder.path(), &needed, false).unwrap_err().to_string();
    assert!(error.contains(": 29 commits are missing"), "{error}");

    // In a copy the mark is another file, as it is in another boot.
    let copied = folder.path().join("copy");
    fs::create_dir(&copied).unwrap();
    for name in ["CURRENT", "log.mark", "manifest.mark"] {
        fs::copy(folder.path().join(name), copied.join(name)).unwrap();
    }
    let manifest = fs::read_to_string(folder.path().join("CURRENT")).unwrap();
    fs::copy(folder.path().join(manifest.trim_end()), copied.join(manifest.trim_end())).unwrap();
    let there = copied.join(log.file_name().unwrap());
    fs::write(&there, &bytes[..synced as usize]).unwrap();
    super::wal::check_logs(&copied, &needed, false).unwrap();
    fs::write(&there, &bytes[..synced as usize - 1]).unwrap();
    assert!(super::wal::check_logs(&copied, &needed, false).is_err());
}
