//! Damages a stopped persist directory: removes every record that can be rebuilt, counters included. For trying out
//! `egctl verify` and `egctl repair`:
//!
//! ```sh
//! cargo run --release --example lose_derived COPY_OF_A_PERSIST_DIR
//! ```

use std::path::PathBuf;

use epistemic_storage::{
    Durability, RocksOptions, Space, Store, WriteBatch,
    backend::{KeyRange, Read, ScanOptions},
    datadir::DataDir,
};

/// First byte of the keys of counters, see `docs/format.md`.
const STATE: u8 = 2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path: PathBuf = std::env::args_os().nth(1).ok_or("give a persist directory")?.into();
    let (_owner, store) = DataDir::open_store(&path, &RocksOptions::default())?;
    let mut batch = WriteBatch::new();
    let lost = [
        (Space::InEdges, KeyRange::all()),
        (Space::Labels, KeyRange::all()),
        (Space::Catalog, KeyRange::prefix(&[STATE])),
    ];
    for (space, range) in lost {
        let mut cursor = store.scan(space, range, ScanOptions::FORWARD)?;
        while let Some((key, _)) = cursor.next()? {
            batch.delete(space, key);
        }
    }
    store.commit(batch, Durability::Sync)?;
    Ok(())
}
