//! Tables as RocksDB writes them.

use fs_err as fs;

use super::{super::RocksOptions, *};
use crate::{
    Durability, Space, Store, WriteBatch,
    rocks::RocksStore,
    store::{Read, ScanOptions},
};

/// A closed database whose tables have large and small records, deletions of keys and of ranges, and ingested ones.
fn tables() -> (tempfile::TempDir, Vec<Table>) {
    let folder = tempfile::tempdir().unwrap();
    let store = RocksStore::open(folder.path(), &RocksOptions::default()).unwrap();
    let key = |graph: u64, n: u32| [&graph.to_be_bytes()[..], format!("node {n}").as_bytes()].concat();
    for graph in 1..4 {
        let mut batch = WriteBatch::new();
        for n in 0..200 {
            batch.put(Space::Nodes, key(graph, n), vec![n as u8; (n as usize * 37) % 900]);
            batch.put(Space::Ledger, key(graph, n), format!("{n}").repeat(50));
            batch.put(Space::InEdges, key(graph, n), b"");
        }
        batch.put(Space::Nodes, key(graph, 1000), vec![7; 40_000]);
        batch.delete(Space::Nodes, key(graph, 3));
        batch.delete_range(Space::Labels, key(graph, 0), key(graph, 9));
        store.commit(batch, Durability::Buffered).unwrap();
        store.flush().unwrap();
    }
    let mut load = store.bulk_load().unwrap();
    load.put(Space::Vectors, key(9, 1), vec![1; 500]).unwrap();
    load.finish().unwrap();
    let tables = store.tables().unwrap();
    drop(store);
    (folder, tables)
}

/// What reading a whole table comes to: bytes read, parts damaged.
fn check(db: &Path, table: &Table) -> (u64, Vec<DamagedPart>) {
    let mut check = RocksTableCheck::open(db, table).unwrap().unwrap();
    let (mut read, mut damaged) = (0, Vec::new());
    loop {
        let checked = check.step().unwrap();
        read += checked.read;
        damaged.extend(checked.damaged);
        if checked.is_last {
            return (read, damaged);
        }
    }
}

#[test]
fn sound_tables_are_read_to_the_last_byte() {
    let (folder, tables) = tables();
    let spaces: std::collections::HashSet<_> = tables.iter().map(|table| table.space).collect();
    assert!(spaces.len() >= 5, "{spaces:?}");
    for table in &tables {
        assert_eq!(check(folder.path(), table), (table.bytes, Vec::new()), "{table:?}");
    }
}

#[test]
fn every_flipped_byte_is_found() {
    let (folder, tables) = tables();
    for table in &tables {
        let file = folder.path().join(&table.name);
        let whole = fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(if whole.len() > 4 << 10 { 101 } else { 1 }) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&file, damaged).unwrap();
            let (_, found) = check(folder.path(), table);
            assert!(!found.is_empty(), "byte {at} of {} of {table:?}", whole.len());
            assert!(found[0].error.is_corruption() && found[0].error.to_string().contains(&table.name));
        }
        fs::write(&file, whole).unwrap();
    }
}

#[test]
fn a_table_of_another_length_is_damaged_and_one_that_is_gone_is_not() {
    let (folder, tables) = tables();
    let file = folder.path().join(&tables[0].name);
    let whole = fs::read(&file).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        assert_eq!(check(folder.path(), &tables[0]).1.len(), 1, "cut to {length}");
    }
    fs::remove_file(&file).unwrap();
    assert!(RocksTableCheck::open(folder.path(), &tables[0]).unwrap().is_none());
}

#[test]
fn a_damaged_block_is_told_with_the_keys_that_are_in_it() {
    let (folder, tables) = tables();
    let nodes: Vec<_> = tables.iter().filter(|table| table.space == Space::Nodes).collect();
    let key = [&2_u64.to_be_bytes()[..], b"node 1000"].concat();
    let table =
        nodes.iter().find(|table| table.keys.start <= key && table.keys.end >= Some(key.clone())).unwrap();
    let file = folder.path().join(&table.name);
    let whole = fs::read(&file).unwrap();
    for at in (0..whole.len() / 2).step_by(500) {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        fs::write(&file, damaged).unwrap();
        let (_, found) = check(folder.path(), table);
        let [part] = &found[..] else { panic!("byte {at}: {found:?}") };
        let store =
            RocksStore::open(folder.path(), &RocksOptions { read_only: true, ..RocksOptions::default() })
                .unwrap();
        let read = || -> Result<()> {
            let mut cursor = store.scan(Space::Nodes, part.keys.clone(), ScanOptions::FORWARD)?;
            while cursor.next()?.is_some() {}
            Ok(())
        };
        assert!(read().is_err(), "byte {at}: {part:?}");
    }
}
