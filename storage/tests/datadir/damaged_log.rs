//! Damage of the write-ahead log.
//!
//! Every commit of these stores was acknowledged as durable. With the mark of the log any damage must be refused.
//! Without it, as in a store of an earlier version, damage before the last record of the log must be. Damage inside the
//! last record cannot then be told from the torn end that a crash leaves, unless only its length or type is hit: the
//! store opens with all commits but the last.

use std::path::{Path, PathBuf};

use epistemic_storage::{
    Durability, RocksOptions, RocksStore, Space, Store, StoreError, WriteBatch,
    backend::{Read, check_wals},
};
use fs_err as fs;

use super::common::{copy_dir, copy_live, files, options};

const COMMITS: u8 = 20;

/// A database whose commits are all in the log, its log file, and where the last commit begins in that.
struct Logged {
    _folder: tempfile::TempDir,
    db: PathBuf,
    log: PathBuf,
    last_commit: usize,
}

fn commit(store: &RocksStore, number: u8) {
    let mut batch = WriteBatch::new();
    batch.put(Space::Nodes, vec![number], vec![number; 3]);
    batch.put(Space::Ledger, vec![number], vec![number; 2]);
    store.commit(batch, Durability::Sync).unwrap();
}

fn log_file(db: &Path) -> PathBuf {
    let logs: Vec<_> =
        files(db).into_iter().filter(|(name, bytes)| name.ends_with(".log") && !bytes.is_empty()).collect();
    assert_eq!(logs.len(), 1, "one log with records");
    db.join(&logs[0].0)
}

fn logged() -> Logged {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("db");
    drop(RocksStore::open(&db, &options()).unwrap());
    let live = RocksStore::open(&db, &options()).unwrap();
    (1..COMMITS).for_each(|number| commit(&live, number));
    let last_commit = fs::metadata(log_file(&db)).unwrap().len() as usize;
    commit(&live, COMMITS);
    // As a kill leaves it: the log as it is on disk, before an orderly close.
    let killed = folder.path().join("killed");
    copy_live(&db, &killed);
    Logged { _folder: folder, log: log_file(&killed), db: killed, last_commit }
}

/// Without the mark of the log.
fn unmarked() -> Logged {
    let logged = logged();
    fs::remove_file(logged.db.join("log.mark")).unwrap();
    logged
}

fn read_only() -> RocksOptions {
    RocksOptions { read_only: true, ..options() }
}

/// How many commits a store holds; they must be the first ones, and whole.
fn commits_in(store: &RocksStore) -> Result<u8, StoreError> {
    let mut count = 0;
    while store.contains(Space::Nodes, &[count + 1])? {
        count += 1;
    }
    for number in 1..=COMMITS {
        let expected = (number <= count).then(|| vec![number; 3]);
        assert_eq!(store.get(Space::Nodes, &[number])?, expected, "commit {number} of {count}");
        let expected = (number <= count).then(|| vec![number; 2]);
        assert_eq!(store.get(Space::Ledger, &[number])?, expected, "commit {number} of {count}");
    }
    Ok(count)
}

#[test]
fn undamaged_gives_all() {
    let logged = logged();
    assert_eq!(commits_in(&RocksStore::open(&logged.db, &read_only()).unwrap()).unwrap(), COMMITS);
    assert_eq!(commits_in(&RocksStore::open(&logged.db, &options()).unwrap()).unwrap(), COMMITS);
}

#[test]
fn every_flip_and_every_cut_is_refused() {
    let logged = logged();
    let bytes = fs::read(&logged.log).unwrap();
    let flipped = (0..bytes.len()).map(|at| {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        (format!("the flip at {at}"), damaged)
    });
    let cut = (0..bytes.len()).map(|length| (format!("{length} bytes"), bytes[..length].to_vec()));
    let zeroed = (0..bytes.len()).step_by(7).map(|length| {
        let mut damaged = bytes.clone();
        damaged[length..].fill(0);
        (format!("zeros from {length}"), damaged)
    });
    for (told, damaged) in flipped.chain(cut).chain(zeroed) {
        fs::write(&logged.log, damaged).unwrap();
        let error = check_wals(&logged.db, true).err().unwrap_or_else(|| panic!("{told}: not found"));
        let text = error.to_string();
        assert!(error.is_corruption() && text.contains(logged.log.to_str().unwrap()), "{told}: {text}");
        // Commits of a relaxed server are as good as these once they are synced.
        assert!(check_wals(&logged.db, false).is_err(), "{told}");
    }
    fs::write(&logged.log, &bytes[..logged.last_commit]).unwrap();
    let error = check_wals(&logged.db, true).unwrap_err().to_string();
    assert!(error.contains(": 1 commit is missing"), "{error}");
    fs::remove_file(&logged.log).unwrap();
    let error = check_wals(&logged.db, true).unwrap_err().to_string();
    assert!(
        error.contains("is missing, and it had") && error.contains(": 20 commits are missing"),
        "{error}"
    );
}

#[test]
fn every_flip_before_the_last_commit_is_refused() {
    let logged = unmarked();
    let bytes = fs::read(&logged.log).unwrap();
    for at in 0..logged.last_commit {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&logged.log, damaged).unwrap();
        let error =
            check_wals(&logged.db, true).err().unwrap_or_else(|| panic!("the flip at {at} is not found"));
        let text = error.to_string();
        assert!(error.is_corruption() && text.contains(logged.log.to_str().unwrap()), "{text}");
        assert!(text.contains("damaged at offset") && text.contains("checkpoint"), "{text}");
        if at % 97 == 0 {
            let before = files(&logged.db);
            for options in [options(), read_only()] {
                assert_eq!(
                    RocksStore::open(&logged.db, &options).err(),
                    Some(error.clone()),
                    "the flip at {at}"
                );
            }
            assert_eq!(files(&logged.db), before, "a refused store is unchanged");
        }
    }
    fs::write(&logged.log, bytes).unwrap();
    assert_eq!(commits_in(&RocksStore::open(&logged.db, &options()).unwrap()).unwrap(), COMMITS);
}

#[test]
fn a_flip_in_the_last_commit_loses_that_at_most() {
    let logged = unmarked();
    let bytes = fs::read(&logged.log).unwrap();
    // Every bit of the record's header, one of each byte behind it.
    let flips = (logged.last_commit..bytes.len()).flat_map(|at| {
        let bits = if at < logged.last_commit + 7 { 0..8 } else { at % 8..at % 8 + 1 };
        bits.map(move |bit| (at, bit))
    });
    for (at, bit) in flips {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << bit;
        fs::write(&logged.log, damaged).unwrap();
        match RocksStore::open(&logged.db, &read_only()).and_then(|store| commits_in(&store)) {
            Ok(count) => assert_eq!(count, COMMITS - 1, "the flip at {at}"),
            Err(error) => assert!(error.is_corruption(), "the flip at {at}: {error}"),
        }
    }
}

#[test]
fn every_length_gives_whole_commits() {
    let logged = unmarked();
    let bytes = fs::read(&logged.log).unwrap();
    let mut last = COMMITS;
    for length in (0..=bytes.len()).rev() {
        fs::write(&logged.log, &bytes[..length]).unwrap();
        let count = commits_in(&RocksStore::open(&logged.db, &read_only()).unwrap()).unwrap();
        assert!(count == last || count + 1 == last, "{count} commits in {length} bytes, {last} in one more");
        last = count;
        if length % 199 == 0 {
            let copy = tempfile::tempdir().unwrap();
            copy_dir(&logged.db, copy.path());
            let store = RocksStore::open(copy.path(), &options()).unwrap();
            assert_eq!(commits_in(&store).unwrap(), count, "opened for writing with {length} bytes");
            commit(&store, count + 1);
            drop(store);
            let again = RocksStore::open(copy.path(), &options()).unwrap();
            assert_eq!(
                commits_in(&again).unwrap(),
                count + 1,
                "a commit behind a torn end of {length} bytes"
            );
        }
    }
    assert_eq!(last, 0);
}
