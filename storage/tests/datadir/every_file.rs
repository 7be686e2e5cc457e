//! Every file of a data directory, deleted, emptied, cut, zeroed at its end, or put back from an older copy: the store says so,
//! or holds everything. `EG_CUTS` sets the number of lengths of each file; with it each change is tried both for reading and
//! for writing, else for one of them. Checkpoints have tests of their own (`checkpoints.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use epistemic_storage::{
    StoreError,
    datadir::{DataDir, create_checkpoint, open_read_only},
};
use fs_err as fs;

use super::{
    common::{
        add_node, copy_dir, copy_live, create,
        dump::{Dump, dump},
        files, fill, open, options,
    },
    damaged_store::compare,
};

/// A data directory, what it holds, and earlier contents of its files.
struct Subject {
    _folder: tempfile::TempDir,
    path: PathBuf,
    expected: Dump,
    older: BTreeMap<String, Vec<Vec<u8>>>,
}

/// Every file of the directory but those of checkpoints, by its path below it.
fn files_of(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = files(path);
    all.retain(|(name, _)| !name.starts_with("checkpoints/"));
    all
}

/// Written in several runs, with checkpoints, and then stopped or killed.
fn subject(stopped: bool) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let mut older: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    let mut remember = || {
        for (name, bytes) in files_of(&path) {
            older.entry(name).or_default().push(bytes);
        }
    };
    let (graphs, dir) = open(&path);
    fill(&graphs, "in a table", 20);
    remember();
    create_checkpoint(&dir, graphs.store(), 1).unwrap();
    remember();
    fill(&graphs, "in the log", 20);
    remember();
    drop((graphs, dir));
    let (graphs, dir) = open(&path);
    create(&graphs, "last");
    remember();
    for number in 0..5 {
        graphs.write("last", add_node(&format!("n{number}"), b"\x80")).unwrap();
    }
    let expected = dump(&graphs).unwrap();
    let found = folder.path().join("found");
    if stopped {
        drop((graphs, dir));
        copy_dir(&path, &found);
    } else {
        copy_live(&path, &found);
        drop((graphs, dir));
    }
    fs::remove_dir_all(found.join("checkpoints")).unwrap();
    Subject { _folder: folder, path: found, expected, older }
}

/// Every change of one file, by name; each content once.
fn changes(bytes: &[u8], older: &[Vec<u8>], cuts: usize) -> Vec<(String, Option<Vec<u8>>)> {
    let mut all = vec![("deleted".to_owned(), None), ("emptied".to_owned(), Some(Vec::new()))];
    for cut in 1..=cuts {
        let length = bytes.len() * cut / (cuts + 1);
        all.push((format!("cut to {length} of {} bytes", bytes.len()), Some(bytes[..length].to_vec())));
        let mut zeroed = bytes.to_vec();
        zeroed[length..].fill(0);
        all.push((format!("zeros from {length} of {} bytes", bytes.len()), Some(zeroed)));
    }
    for old in older {
        all.push((format!("an older copy of {} bytes", old.len()), Some(old.clone())));
    }
    let mut met = BTreeSet::from([Some(bytes.to_vec())]);
    all.retain(|(_, content)| met.insert(content.clone()));
    all
}

/// The error that a store gives, at start or when all is read. Panics when it gives other data than expected.
fn outcome(path: &Path, expected: &Dump, for_writing: bool, told: &str) -> Option<StoreError> {
    let opened = if for_writing {
        DataDir::open_store(path, &options()).map(|(dir, store)| (Some(dir), store))
    } else {
        open_read_only(path)
    };
    match opened {
        Ok((_dir, store)) => compare(store, expected, told),
        Err(error) => Some(error),
    }
}

/// Of `db/000012.sst` that is `sst`, of `db/MANIFEST-000005` `MANIFEST-`.
fn kind(file: &str) -> String {
    let name =
        file.rsplit('/').next().unwrap_or(file).trim_end_matches(|letter: char| letter.is_ascii_digit());
    name.rsplit_once('.').map_or(name, |(_, extension)| extension).to_owned()
}

/// How often a change was refused, by kind of file.
fn run(stopped: bool) -> BTreeMap<String, usize> {
    let long = std::env::var("EG_CUTS").ok();
    let cuts = long.as_ref().map_or(2, |cuts| cuts.parse().expect("EG_CUTS is a number"));
    let subject = subject(stopped);
    assert_eq!(outcome(&subject.path, &subject.expected, false, "as it was"), None);
    let mut refused = BTreeMap::new();
    let (mut changed, mut tried) = (0, 0);
    for (name, bytes) in files_of(&subject.path) {
        let older = subject.older.get(&name).cloned().unwrap_or_default();
        for (change, content) in changes(&bytes, &older, cuts) {
            changed += 1;
            for for_writing in [false, true] {
                if long.is_none() && (changed + usize::from(for_writing)) % 2 == 0 {
                    continue;
                }
                let copy = subject.path.with_extension("copy");
                copy_dir(&subject.path, &copy);
                let file = copy.join(&name);
                match &content {
                    Some(content) => fs::write(&file, content).unwrap(),
                    None => fs::remove_file(&file).unwrap(),
                }
                let told = format!("{name}, {change}, for writing: {for_writing}");
                if let Some(error) = outcome(&copy, &subject.expected, for_writing, &told) {
                    let text = error.to_string();
                    assert!(text.contains(copy.to_str().unwrap()), "{told}: {text}");
                    let kind = kind(&name);
                    *refused.entry(kind).or_default() += 1;
                }
                fs::remove_dir_all(copy).unwrap();
                tried += 1;
            }
        }
    }
    eprintln!("refused by kind of file: {refused:?}");
    eprintln!("figures: damaged_files={tried} refused={}", refused.values().sum::<usize>());
    refused
}

#[test]
fn of_a_stopped_store() {
    let refused = run(true);
    assert!(refused["sst"] > 0 && refused["MANIFEST-"] > 0 && refused["CURRENT"] > 0, "{refused:?}");
    assert!(refused["json"] > 3 && refused["mark"] > 3, "{refused:?}");
    assert_eq!(refused.get("log"), None, "a stopped store does not depend on its log");
}

#[test]
fn of_a_killed_store() {
    let refused = run(false);
    assert!(refused["sst"] > 0 && refused["MANIFEST-"] > 0 && refused["CURRENT"] > 0, "{refused:?}");
    assert!(refused["json"] > 3 && refused["mark"] > 3, "{refused:?}");
    assert!(refused["log"] > 3, "{refused:?}");
}
