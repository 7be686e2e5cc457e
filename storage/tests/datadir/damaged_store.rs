//! Damage of tables, manifest and the other files of a database: an error that says so, or the right data.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use epistemic_storage::{
    GraphStore, RocksOptions, RocksStore, StoreError,
    datadir::{create_checkpoint, open_read_only},
    graph::Op,
};
use fs_err as fs;

use super::common::{
    copy_dir,
    dump::{Dump, dump},
    files, fill, open, options,
    random::{Random, seed},
};

/// A stopped data directory with tables of several ages, all records in tables.
struct Stopped {
    _folder: tempfile::TempDir,
    path: PathBuf,
    expected: Dump,
}

fn stopped() -> Stopped {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let (graphs, dir) = open(&path);
    for round in 0..3 {
        fill(&graphs, &format!("graph {round}"), 30);
        if round == 1 {
            graphs.write("graph 0", Op::Delete).unwrap();
            graphs.reclaim().unwrap();
        }
        create_checkpoint(&dir, graphs.store(), 1).unwrap();
    }
    let expected = dump(&graphs).unwrap();
    drop((graphs, dir));
    // Tables are hard links of the checkpoint's: the damage must stay here.
    let copy = folder.path().join("copy");
    copy_dir(&path, &copy);
    Stopped { _folder: folder, path: copy, expected }
}

/// What a reader of the whole store gets: `None` for the right data, else the error. Panics on anything else.
fn read(stopped: &Stopped, told: &str) -> Option<StoreError> {
    let (_owner, store) = match open_read_only(&stopped.path) {
        Ok(opened) => opened,
        Err(error) => return Some(error),
    };
    compare(store, &stopped.expected, told)
}

/// What a reader of an open store gets, as [`read`].
pub(super) fn compare(store: RocksStore, expected: &Dump, told: &str) -> Option<StoreError> {
    let found = catch_unwind(AssertUnwindSafe(|| {
        let graphs =
            GraphStore::open_read_only(store).map_err(|error| StoreError::other(error.to_string()))?;
        dump(&graphs)
    }));
    match found {
        Ok(Ok(found)) => {
            assert!(found == *expected, "{told}: silently other data");
            None
        }
        Ok(Err(error)) => Some(error),
        Err(_) => panic!("{told}: silently inconsistent data"),
    }
}

/// The error is a corruption, or an error that names a file.
fn is_loud(error: &StoreError) -> bool {
    let text = error.to_string();
    error.is_corruption() || text.contains(".sst") || text.contains("MANIFEST") || text.contains("CURRENT")
}

fn flip(file: &Path, bytes: &[u8], at: usize, bit: usize) {
    let mut damaged = bytes.to_vec();
    damaged[at] ^= 1 << bit;
    fs::write(file, damaged).unwrap();
}

#[test]
fn flips_anywhere_are_found_or_harmless() {
    let stopped = stopped();
    assert_eq!(read(&stopped, "undamaged"), None);
    let db = stopped.path.join("db");
    let all = files(&db);
    let mut random = Random::new(seed());
    let (mut loud, mut tables) = (0, 0);
    for _ in 0..300 {
        let (name, bytes) = random.pick(&all);
        if bytes.is_empty() {
            continue;
        }
        let (at, bit) = (random.below(bytes.len()), random.below(8));
        flip(&db.join(&name), &bytes, at, bit);
        let told = format!("bit {bit} of byte {at} of {} of {name}", bytes.len());
        let error = read(&stopped, &told);
        if let Some(error) = &error {
            assert!(is_loud(error), "{told}: {error}");
            loud += 1;
        }
        tables += usize::from(name.ends_with(".sst") && error.is_some());
        fs::write(db.join(&name), &bytes).unwrap();
    }
    println!("{loud} of 300 flips were refused, {tables} of them in tables");
    assert!(tables > 50, "{tables} flips in tables were refused: too few to tell anything");
    assert_eq!(read(&stopped, "undamaged again"), None);
}

/// Every byte of the two files that say which tables there are.
#[test]
fn every_flip_of_manifest_and_current_is_found_or_harmless() {
    let stopped = stopped();
    let db = stopped.path.join("db");
    let mut random = Random::new(seed());
    let mut refused = 0;
    for (name, bytes) in files(&db) {
        if !(name.starts_with("MANIFEST") || name == "CURRENT") {
            continue;
        }
        for at in 0..bytes.len() {
            let bit = random.below(8);
            flip(&db.join(&name), &bytes, at, bit);
            let told = format!("bit {bit} of byte {at} of {} of {name}", bytes.len());
            if let Some(error) = read(&stopped, &told) {
                assert!(is_loud(&error), "{told}: {error}");
                refused += 1;
            }
        }
        fs::write(db.join(&name), &bytes).unwrap();
    }
    assert!(refused > 0);
}

/// The same with the store opened for writing, which does more at start, on a copy each.
#[test]
fn opening_for_writing_is_as_careful() {
    let stopped = stopped();
    let all = files(&stopped.path.join("db"));
    let mut random = Random::new(seed());
    for round in 0..40 {
        let (name, bytes) = random.pick(&all);
        if bytes.is_empty() {
            continue;
        }
        let copy = stopped.path.with_extension(format!("copy{round}"));
        copy_dir(&stopped.path.join("db"), &copy);
        let at = random.below(bytes.len());
        flip(&copy.join(&name), &bytes, at, random.below(8));
        let told = format!("byte {at} of {} of {name}, opened for writing", bytes.len());
        let error = match RocksStore::open(&copy, &options()) {
            Ok(store) => compare(store, &stopped.expected, &told),
            Err(error) => Some(error),
        };
        assert!(error.as_ref().is_none_or(is_loud), "{told}: {error:?}");
        fs::remove_dir_all(copy).unwrap();
    }
}

#[test]
fn missing_and_cut_files_are_found() {
    let stopped = stopped();
    let db = stopped.path.join("db");
    for (name, bytes) in files(&db) {
        let matters = name.ends_with(".sst") || name.starts_with("MANIFEST") || name == "CURRENT";
        for (keep, read_only) in
            [None, Some(0), Some(bytes.len() / 2)].into_iter().flat_map(|keep| [(keep, true), (keep, false)])
        {
            let copy = stopped.path.with_extension("cut");
            copy_dir(&db, &copy);
            match keep {
                Some(length) => fs::write(copy.join(&name), &bytes[..length]).unwrap(),
                None => fs::remove_file(copy.join(&name)).unwrap(),
            }
            let told = format!("{name} cut to {keep:?} of {} bytes, read_only {read_only}", bytes.len());
            let before = tables(&copy);
            let error = match RocksStore::open(&copy, &RocksOptions { read_only, ..options() }) {
                Ok(store) => compare(store, &stopped.expected, &told),
                Err(error) => Some(error),
            };
            assert!(error.as_ref().is_none_or(is_loud), "{told}: {error:?}");
            if matters {
                assert!(error.is_some(), "{told}: accepted");
                assert!(tables(&copy) == before, "{told}: tables changed");
            }
            fs::remove_dir_all(copy).unwrap();
        }
    }
}

fn tables(db: &Path) -> Vec<(String, Vec<u8>)> {
    files(db).into_iter().filter(|(name, _)| name.ends_with(".sst")).collect()
}
