//! Which store of a backup is meant.

use std::collections::BTreeMap;

use anyhow::Result;

use super::error::{BackupError, BackupRefused};
use super::objects::Objects;
use super::runs::Listed;

/// A choice among the stores of a backup.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The store, or how its identity begins.
    pub store: Option<String>,
    /// Endpoint or directory that it was backed up from.
    pub shard: Option<String>,
}

impl Wanted {
    /// Whether anything was said.
    pub fn is_some(&self) -> bool {
        self.store.is_some() || self.shard.is_some()
    }
}

/// The stores that a choice leaves, each with what its newest run was taken of.
///
/// # Errors
/// None is left; there is no backup at all.
pub fn matching(objects: &Objects, listed: &Listed, wanted: &Wanted) -> Result<BTreeMap<String, String>> {
    let mut stores = sources(objects, listed)?;
    if stores.is_empty() {
        return Err(BackupError::NotFound(format!("there is no backup in {}", objects.url())).into());
    }
    let all = shown(&stores);
    let Wanted { store, shard } = wanted;
    stores.retain(|key, source| {
        store.as_ref().is_none_or(|store| key.starts_with(store.as_str()))
            && shard.as_ref().is_none_or(|shard| source == shard)
    });
    if stores.is_empty() {
        return Err(BackupError::NotFound(format!("none of the stores is meant; there are {all}")).into());
    }
    Ok(stores)
}

/// Says which stores there are, and how to choose one.
pub fn several(objects: &Objects, stores: &BTreeMap<String, String>) -> BackupRefused {
    BackupRefused::SeveralStores { url: objects.url().to_owned(), count: stores.len(), stores: shown(stores) }
}

fn shown(stores: &BTreeMap<String, String>) -> String {
    let shown: Vec<String> = stores.iter().map(|(key, source)| format!("{key} (of {source})")).collect();
    shown.join(", ")
}

/// What each store was backed up from, by its newest run that can be read.
fn sources(objects: &Objects, listed: &Listed) -> Result<BTreeMap<String, String>> {
    let mut sources = BTreeMap::new();
    for run in listed.load_v1(objects)? {
        if let (Some(store), Ok(manifest)) = (run.store, run.manifest) {
            sources.insert(store, manifest.source);
        }
    }
    for (store, names) in &listed.stores {
        let mut source = "no run that can be read".to_owned();
        for name in names.iter().rev() {
            match Listed::load(objects, store, name)?.map(|run| run.manifest) {
                Some(Ok(manifest)) => {
                    source = manifest.source;
                    break;
                }
                Some(Err(BackupError::Locked(_))) => source = "encrypted runs".to_owned(),
                Some(Err(_)) | None => {}
            }
        }
        sources.insert(store.clone(), source);
    }
    Ok(sources)
}
