//! Opens the store of a shard: in a directory, on an object store, or in memory.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Instant};

use epistemic_storage::{GraphStore, MemoryStore, Restored, RocksOptions, datadir::DataDir};
use parking_lot::Mutex;

use crate::{
    config::{Config, DurabilityMode},
    descriptors::Shares,
    expected_store::{Expected, Found},
    follow::{self, Followed},
    memory::{Budget, Part},
};

/// An open store.
pub(crate) struct Opened {
    pub(crate) graphs: GraphStore,
    /// The directory that it lies in, where there is one.
    pub(crate) directory: Option<DataDir>,
    /// The object store that it lies on, where there is one.
    pub(crate) remote: Option<Remote>,
    /// What follows it, where another server owns it.
    pub(crate) followed: Option<Followed>,
}

impl Opened {
    /// One that this server owns, with nothing around it.
    pub(crate) fn alone(graphs: GraphStore) -> Self {
        Self { graphs, directory: None, remote: None, followed: None }
    }
}

/// A store on an object store.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) store_id: String,
    pub(crate) url: String,
    /// The epoch that this opening has claimed.
    pub(crate) epoch: u64,
    /// That it is a clone, until its names were compared with the other shards.
    pub(crate) restored: Mutex<Option<Restored>>,
    #[cfg(feature = "object-store")]
    pub(crate) location: epistemic_object_store::Location,
}

/// Opens the store, or creates it where that is allowed. Blocks while the log of the last run is replayed.
pub(crate) fn open(
    config: &Config,
    budget: &Budget,
    shares: Shares,
    expected: &Expected,
) -> anyhow::Result<Opened> {
    if let Some(url) = &config.store {
        return open_remote(url, config, budget, expected);
    }
    if let Some(url) = &config.follow.follow {
        return follow::open(url, config, budget, expected);
    }
    let Some(path) = &config.persist_dir else {
        return Ok(Opened::alone(GraphStore::open(MemoryStore::new())?));
    };
    let options = RocksOptions {
        block_cache_bytes: budget.bytes(Part::Blocks),
        write_buffer_bytes: budget.bytes(Part::WriteBuffers) / 3 * 2,
        min_free_bytes: config.min_free_bytes,
        strict_wal: config.durability == DurabilityMode::Sync,
        read_only: false,
        serve_without_room: true,
        ballast_bytes: config.ballast_bytes,
        max_open_tables: shares.tables,
        merge_tables: true,
    };
    let begun = Instant::now();
    let found = expected.check(path)?;
    let (directory, store) = DataDir::open_store(path, &options)?;
    let store_id = &directory.identity().store_id;
    tell_of_new(found, config, store_id, &path.display().to_string());
    warn_of_readers(path)?;
    expected.note(store_id)?;
    let graphs = GraphStore::open(store)?;
    let took_ms = begun.elapsed().as_millis();
    tracing::info!(took_ms, store_id, "Loaded {} graphs from {}", graphs.graph_count(), path.display());
    Ok(Opened { directory: Some(directory), ..Opened::alone(graphs) })
}

#[cfg(feature = "object-store")]
fn open_remote(url: &str, config: &Config, budget: &Budget, expected: &Expected) -> anyhow::Result<Opened> {
    use std::time::Duration;

    use epistemic_object_store::{Identity, Location, Options, SlateStore, restored};

    let begun = Instant::now();
    let location = Location::parse(url)?;
    let found = Identity::load(&location)?.map(|identity| identity.store_id);
    let found = expected.compare(found, location.url())?;
    let options = Options {
        block_cache_bytes: budget.bytes(Part::Blocks),
        unreachable_after: Duration::from_secs(config.store_deadline),
        // Before the lease was asked for.
        tried_out: url != "memory:",
    };
    let store = SlateStore::open(&location, &options)?;
    let restored = Mutex::new(restored(&location)?);
    let (store_id, url) = (store.identity().store_id.clone(), location.url().to_owned());
    let remote = Remote { store_id, url, epoch: store.epoch(), restored, location };
    tell_of_new(found, config, &remote.store_id, &remote.url);
    expected.note(&remote.store_id)?;
    let graphs = GraphStore::open(store)?;
    let (took_ms, store_id) = (begun.elapsed().as_millis(), &remote.store_id);
    tracing::info!(took_ms, store_id, "Loaded {} graphs from {}", graphs.graph_count(), remote.url);
    Ok(Opened { remote: Some(remote), ..Opened::alone(graphs) })
}

#[cfg(not(feature = "object-store"))]
fn open_remote(_: &str, _: &Config, _: &Budget, _: &Expected) -> anyhow::Result<Opened> {
    anyhow::bail!("--store: this server was built without its feature 'object-store'")
}

fn tell_of_new(found: Found, config: &Config, store_id: &str, place: &str) {
    match found {
        Found::Nothing if config.init => tracing::info!("created a new store {store_id} in {place}"),
        Found::Nothing => tracing::warn!(
            "created a new store {store_id} in {place}: if data was to be there, stop and look for it"
        ),
        Found::Store => {}
    }
}

/// Files that are made from now on are private. A directory that is open to others may have older ones.
fn warn_of_readers(path: &Path) -> anyhow::Result<()> {
    let mode = fs_err::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display();
        tracing::warn!(
            "other users of this machine can look into '{path}' (mode {mode:o}): chmod -R go= '{path}'"
        );
    }
    Ok(())
}
