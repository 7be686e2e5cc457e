//! A prefix as an earlier release has written it: bytes that are kept, so that a release of SlateDB that reads them otherwise, or not
//! at all, is noticed before it meets a shard.
//!
//! `UPDATE=1 cargo test -p epistemic-object-store --test golden` writes one of the release that is compiled in. Those of earlier ones
//! stay for as long as the identity lists them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};

use common::open;
use epistemic_object_store::{Location, SlateStore};
use epistemic_storage::{Durability, Space, Store, WriteBatch};
use fs_err as fs;

/// The release that writes.
const NEWEST: &str = "slatedb-0.18";
/// Records of each space.
const RECORDS: u32 = 300;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn place(dir: &Path) -> Location {
    Location::parse(&format!("file://{}", dir.display())).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Begins with the graph's id, as keys of graphs do.
fn key(number: u32) -> Vec<u8> {
    let graph = u64::from(number % 3).to_be_bytes();
    [&graph[..], &number.to_be_bytes()].concat()
}

fn value(space: Space, number: u32) -> Vec<u8> {
    format!("{space:?} {number} ").repeat(1 + number as usize % 7).into_bytes()
}

/// Written, overwritten and removed, in tables and, what came last, in the log alone.
fn fill(store: &SlateStore) {
    let commit = |change: &dyn Fn(&mut WriteBatch, Space)| {
        let mut batch = WriteBatch::new();
        Space::ALL.into_iter().for_each(|space| change(&mut batch, space));
        store.commit(batch, Durability::Sync).unwrap();
    };
    let put = |batch: &mut WriteBatch, space, number| batch.put(space, key(number), value(space, number));
    commit(&|batch, space| (0..RECORDS).for_each(|number| batch.put(space, key(number), "an old value")));
    store.flush().unwrap();
    commit(&|batch, space| (0..RECORDS / 2).for_each(|number| put(batch, space, number)));
    store.flush().unwrap();
    commit(&|batch, space| (RECORDS / 2..RECORDS).for_each(|number| put(batch, space, number)));
    commit(&|batch, space| (0..RECORDS).step_by(10).for_each(|number| batch.delete(space, key(number))));
}

fn check(store: &dyn Store) {
    for space in Space::ALL {
        for number in 0..RECORDS {
            let expected = (number % 10 != 0).then(|| value(space, number));
            assert_eq!(store.get(space, &key(number)).unwrap(), expected, "{space:?} {number}");
        }
    }
    store.verify().unwrap();
}

#[test]
fn prefixes_of_earlier_releases_are_read_and_written() {
    if std::env::var_os("UPDATE").is_some() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("prefix");
        let store = open(&place(&dir));
        fill(&store);
        // As it is after a kill: what came last is in the log.
        let _ = fs::remove_dir_all(golden().join(NEWEST));
        copy(&dir, &golden().join(NEWEST));
    }
    let mut read = 0;
    for release in fs::read_dir(golden()).unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("elsewhere");
        copy(&release.unwrap().path(), &dir);
        for round in 0..2 {
            let store = open(&place(&dir));
            check(&store);
            let mut batch = WriteBatch::new();
            batch.put(Space::Catalog, [9, round], "new");
            store.commit(batch, Durability::Sync).unwrap();
            store.flush().unwrap();
        }
        let store: &dyn Store = &open(&place(&dir));
        assert_eq!(store.get(Space::Catalog, &[9, 1]).unwrap().as_deref(), Some(&b"new"[..]));
        read += 1;
    }
    assert!(read > 0);
}
