//! What a restore goes to.

use std::path::{Path, PathBuf};

use anyhow::Result;
use epistemic_operations::hosts::{Directory, DirectoryParty, Party, ShardParty};
use epistemic_storage::datadir::{DataDir, Restored};
use tokio::runtime::Runtime;

use crate::shards::ShardArgs;

/// The store, or the stores, that take the graphs.
pub(super) enum Target<'a> {
    /// A stopped directory.
    Directory(DirectoryParty),
    /// Each graph goes to the shard that owns it.
    Shards(&'a ShardArgs, &'a Runtime),
}

impl<'a> Target<'a> {
    /// The directory, which must be there, or else the shards meant.
    pub(super) fn new(dir: Option<&Path>, shards: &'a ShardArgs, runtime: &'a Runtime) -> Result<Self> {
        let Some(dir) = dir else { return Ok(Target::Shards(shards, runtime)) };
        let (graphs, owner): (_, Option<DataDir>) = Directory::open_writable(dir)?.into();
        if let Some(owner) = &owner {
            owner.note_restored(&Restored::now("a backup", None))?;
        }
        Ok(Target::Directory(DirectoryParty::new(dir.display().to_string(), graphs, owner)))
    }

    /// Calls `work` with the party that takes `graph`.
    pub(super) fn with<T>(&self, graph: &str, work: impl FnOnce(&dyn Party) -> Result<T>) -> Result<T> {
        match self {
            Target::Directory(party) => work(party),
            Target::Shards(shards, runtime) => {
                let endpoint = runtime.block_on(shards.owner_of(graph))?.endpoint().clone();
                work(&shards.party(&endpoint, runtime.handle())?)
            }
        }
    }

    /// Calls `work` with every party that may take a graph.
    pub(super) fn each(&self, mut work: impl FnMut(&dyn Party) -> Result<()>) -> Result<()> {
        match self {
            Target::Directory(party) => work(party),
            Target::Shards(shards, runtime) => shards.list()?.as_slice().iter().try_for_each(|endpoint| {
                let party: ShardParty = shards.party(endpoint, runtime.handle())?;
                work(&party)
            }),
        }
    }
}

/// The directory of one shard of a tier, which is made.
pub(super) fn shard_dir(dir: &Path, number: usize) -> Result<PathBuf> {
    let path = dir.join(format!("shard-{}", number + 1));
    fs_err::create_dir_all(&path)?;
    Ok(path)
}
