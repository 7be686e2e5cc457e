//! Online or offline.

use std::path::PathBuf;

use clap::Args;
use epistemic_operations::hosts::{RemotePlace, StorePlace};

use super::shards::ShardArgs;

/// A running shard, or a directory without a server.
#[derive(Args, Debug, Clone)]
pub(super) struct PlaceArgs {
    #[command(flatten)]
    pub(super) shards: ShardArgs,
    /// Work offline on the persist directory of a stopped server; for reading, a checkpoint will do too.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["endpoint", "endpoints"])]
    pub(super) dir: Option<PathBuf>,
}

/// A running shard, or a store that is read without asking a server.
#[derive(Args, Debug, Clone)]
pub(super) struct ReadPlaceArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Read what lies on an object store, beside its server, which goes on: the URL that the server has in --store, with
    /// ?point=NAME for a restore point (egctl checkpoint list).
    #[arg(long, value_name = "URL", conflicts_with_all = ["endpoint", "endpoints", "dir"])]
    store: Option<String>,
}

impl ReadPlaceArgs {
    /// The shards to ask where no store was named.
    pub(super) fn shards(&self) -> &ShardArgs {
        &self.place.shards
    }

    /// The store to read.
    pub(super) fn store(&self) -> Option<StorePlace> {
        store_place(self.place.dir.as_ref(), self.store.as_deref())
    }
}

/// The store that is meant by --dir or --store.
pub(super) fn store_place(dir: Option<&PathBuf>, store: Option<&str>) -> Option<StorePlace> {
    let directory = dir.map(|dir| StorePlace::Directory(dir.clone()));
    directory.or_else(|| store.map(|url| StorePlace::Remote(RemotePlace::parse(url))))
}
