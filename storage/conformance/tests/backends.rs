//! The conformance suite on both backends.

use std::cell::Cell;

use epistemic_storage::{MemoryStore, RocksOptions, RocksStore};

#[test]
fn memory() {
    epistemic_conformance::run_all(&|| MemoryStore::new().into());
}

#[test]
fn rocksdb() {
    let folder = tempfile::tempdir().unwrap();
    let opened = Cell::new(0);
    epistemic_conformance::run_all(&|| {
        opened.set(opened.get() + 1);
        let path = folder.path().join(opened.get().to_string());
        RocksStore::open(&path, &RocksOptions::default()).unwrap().into()
    });
}
