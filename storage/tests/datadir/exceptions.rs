//! What damage of the log cannot be found: the list of `docs/durability.md`, case by case. Each opens silently with a part of
//! the commits, so that a case that is found some day has to leave the list.

use std::path::Path;

use epistemic_storage::{Durability, RocksOptions, RocksStore, Space, Store, WriteBatch, backend::Read};
use fs_err as fs;

use super::common::{copy_live, files, options};

const COMMITS: u8 = 10;

fn commit(store: &RocksStore, number: u8, durability: Durability) {
    let mut batch = WriteBatch::new();
    batch.put(Space::Nodes, vec![number], vec![number; 40]);
    store.commit(batch, durability).unwrap();
}

/// Copies of a live store after a half of its commits and after all of them, as a cut of power leaves them.
fn halves(folder: &Path, durability: Durability) -> (std::path::PathBuf, std::path::PathBuf) {
    let live = folder.join("live");
    let choices = RocksOptions { strict_wal: durability == Durability::Sync, ..options() };
    let store = RocksStore::open(&live, &choices).unwrap();
    let copies = [folder.join("half"), folder.join("all")];
    for number in 1..=COMMITS {
        commit(&store, number, durability);
        if number == COMMITS / 2 {
            copy_live(&live, &copies[0]);
        }
    }
    copy_live(&live, &copies[1]);
    copies.into()
}

/// The whole log of `db`, for writing back another length.
fn log(db: &Path) -> (std::path::PathBuf, Vec<u8>) {
    let mut logs = files(db);
    logs.retain(|(name, _)| name.ends_with(".log"));
    let (name, bytes) = logs.remove(0);
    (db.join(name), bytes)
}

fn commits(db: &Path, choices: &RocksOptions) -> u8 {
    let store = RocksStore::open(db, choices).unwrap();
    (1..=COMMITS).filter(|number| store.contains(Space::Nodes, &[*number]).unwrap()).count() as u8
}

type Case = (&'static str, fn(&Path) -> u8);

const CASES: [Case; 4] = [
    ("After a power cut the mark of the log may be older than the log", |folder| {
        let (half, all) = halves(folder, Durability::Sync);
        fs::copy(half.join("log.mark"), all.join("log.mark")).unwrap();
        let (path, bytes) = log(&all);
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
        commits(&all, &options())
    }),
    ("`db/log.mark` deleted together with the damage", |folder| {
        let (_, all) = halves(folder, Durability::Sync);
        fs::remove_file(all.join("log.mark")).unwrap();
        fs::remove_file(log(&all).0).unwrap();
        commits(&all, &options())
    }),
    ("The log and its mark, or all files, put back together from an older copy", |folder| {
        let (half, all) = halves(folder, Durability::Sync);
        fs::copy(half.join("log.mark"), all.join("log.mark")).unwrap();
        fs::write(log(&all).0, log(&half).1).unwrap();
        commits(&all, &options())
    }),
    ("What was written but not synced (`interval`, `none`), in a copy of the directory", |folder| {
        let (_, all) = halves(folder, Durability::Buffered);
        let (path, bytes) = log(&all);
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        commits(&all, &RocksOptions { strict_wal: false, ..options() })
    }),
];

#[test]
fn each_is_documented_and_silent() {
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/durability.md")).unwrap();
    let docs = docs.split_whitespace().collect::<Vec<_>>().join(" ");
    for (case, left) in CASES {
        assert!(docs.contains(case), "not documented: {case}");
        let folder = tempfile::tempdir().unwrap();
        let found = left(folder.path());
        assert!(
            found < COMMITS,
            "{case}: all {found} commits are there, or it is found: leave it out of the list"
        );
    }
}
