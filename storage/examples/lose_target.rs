//! Damages a stopped persist directory in a way that cannot be repaired: where edges name the node OLD they name NEW, which has
//! as many bytes and is not there. For trying out `egctl verify` and `egctl repair`:
//!
//! ```sh
//! cargo run --release --example lose_target COPY_OF_A_PERSIST_DIR OLD NEW
//! ```

use std::path::PathBuf;

use epistemic_storage::{
    Durability, RocksOptions, Space, Store, WriteBatch,
    backend::{KeyRange, Read, ScanOptions},
    datadir::DataDir,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let path: PathBuf = args.next().ok_or("give a persist directory")?.into();
    let names: Vec<Vec<u8>> = args.map(|name| name.into_encoded_bytes()).collect();
    let [old, new] = names.as_slice() else { return Err("give two names".into()) };
    let (_owner, store) = DataDir::open_store(&path, &RocksOptions::default())?;
    let mut batch = WriteBatch::new();
    for space in [Space::OutEdges, Space::InEdges] {
        let mut cursor = store.scan(space, KeyRange::all(), ScanOptions::FORWARD)?;
        while let Some((key, value)) = cursor.next()? {
            if let Some(at) = key.windows(old.len()).position(|name| name == old) {
                batch.delete(space, key);
                batch.put(space, [&key[..at], new.as_slice(), &key[at + old.len()..]].concat(), value);
            }
        }
    }
    store.commit(batch, Durability::Sync)?;
    Ok(())
}
