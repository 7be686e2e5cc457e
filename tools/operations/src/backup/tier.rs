//! The runs of a whole tier: one document that names the run of every shard.

use std::collections::HashSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::error::BackupError;
use super::layout::{self, TIERS};
use super::manifest::VERSION;
use super::objects::Objects;
use super::runs::Run;
use super::sealed::{seal, unseal};

/// One backup of a whole tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Version of the form.
    pub version: u32,
    /// Its name; names sort by time.
    pub run: String,
    /// In the order of the endpoint list.
    pub shards: Vec<ShardRun>,
}

/// What became of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardRun {
    /// The shard.
    pub endpoint: String,
    /// Its store and its run there; none when it could not be backed up.
    pub store: Option<String>,
    /// See `store`.
    pub run: Option<String>,
}

impl Tier {
    /// One of these shards.
    pub fn new(run: String, shards: Vec<ShardRun>) -> Self {
        Self { version: VERSION, run, shards }
    }

    /// Whether every shard has a run.
    pub fn is_complete(&self) -> bool {
        self.shards.iter().all(|shard| shard.run.is_some())
    }
}

/// The names of all, oldest first.
pub fn names(objects: &Objects) -> Result<Vec<String>> {
    let names = objects.list(TIERS)?.into_iter().filter_map(|found| {
        Some(found.name.strip_prefix(TIERS)?.strip_prefix('/')?.strip_suffix(".json")?.to_owned())
    });
    Ok(names.collect())
}

/// The one of this name; nothing when there is none.
///
/// # Errors
/// It is damaged; the objects fail.
pub fn load(objects: &Objects, run: &str) -> Result<Option<Tier>> {
    let Some(bytes) = objects.get(&layout::tier(run))? else { return Ok(None) };
    let bad = |reason| BackupError::BadManifest { run: run.to_owned(), reason };
    let tier: Tier = unseal(VERSION, &bytes).map_err(bad)?;
    if tier.run != run {
        return Err(bad(format!("it is that of tier run {:?}", tier.run)).into());
    }
    Ok(Some(tier))
}

/// All that can be read, oldest first.
pub fn load_all(objects: &Objects) -> Result<Vec<Tier>> {
    let mut tiers = Vec::new();
    for name in names(objects)? {
        tiers.extend(load(objects, &name)?);
    }
    Ok(tiers)
}

/// Makes it visible. Durable on return.
pub fn publish(objects: &Objects, tier: &Tier) -> Result<()> {
    objects.put_new(&layout::tier(&tier.run), seal(tier)?.into())
}

/// Removes those with a run that is not there any more.
pub(super) fn forget_broken(objects: &Objects, runs: &[&Run]) -> Result<()> {
    let there: HashSet<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    for name in names(objects)? {
        let stays = match load(objects, &name) {
            Ok(Some(tier)) => {
                tier.shards.iter().flat_map(|shard| &shard.run).all(|run| there.contains(run.as_str()))
            }
            Ok(None) => true,
            // Its runs are there without it.
            Err(_) => false,
        };
        if !stays {
            objects.delete(&layout::tier(&name))?;
        }
    }
    Ok(())
}
