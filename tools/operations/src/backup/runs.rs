//! The runs of a backup, by store.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::error::BackupError;
use super::layout::{self, MANIFESTS_V1, Named, STORES};
use super::manifest::Manifest;
use super::objects::Objects;
use super::v1;

/// A run and its manifest, or why the manifest cannot be used.
#[derive(Debug)]
pub struct Run {
    /// Its name.
    pub name: String,
    /// The store; of a run of version 1 whose manifest is damaged nobody knows it.
    pub store: Option<String>,
    /// The manifest.
    pub manifest: Result<Manifest, BackupError>,
}

/// The name of a run, and where its manifest is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName {
    /// Its name.
    pub name: String,
    /// The manifest was written, as its mark says, and is not there.
    is_lost: bool,
}

/// The runs that a listing shows.
#[derive(Debug, Default)]
pub struct Listed {
    /// By store, oldest first.
    pub stores: BTreeMap<String, Vec<RunName>>,
    /// Of version 1, oldest first.
    v1: Vec<String>,
    /// By store, runs with objects and without a manifest: cut short, still being made, or removed.
    pub unfinished: BTreeMap<String, BTreeSet<String>>,
    /// Names of all objects of the stores and their bytes.
    pub sizes: BTreeMap<String, u64>,
}

impl Listed {
    /// Lists the backup.
    pub fn of(objects: &Objects) -> Result<Self> {
        let mut runs: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
        let mut listed = Self::default();
        for found in objects.list(STORES)? {
            match layout::parse(&found.name) {
                Some(Named::Manifest { store, run }) => {
                    runs.entry(store.to_owned()).or_default().insert(run.to_owned(), false);
                }
                Some(Named::Mark { store, run }) => {
                    runs.entry(store.to_owned()).or_default().entry(run.to_owned()).or_insert(true);
                }
                Some(Named::Object { store, run }) => {
                    listed.unfinished.entry(store.to_owned()).or_default().insert(run.to_owned());
                    listed.sizes.insert(found.name, found.bytes);
                }
                None => {}
            }
        }
        for (store, runs) in runs {
            if let Some(unfinished) = listed.unfinished.get_mut(&store) {
                unfinished.retain(|run| !runs.contains_key(run));
            }
            let named = runs.into_iter().map(|(name, is_lost)| RunName { name, is_lost });
            listed.stores.insert(store, named.collect());
        }
        for found in objects.list(MANIFESTS_V1)? {
            let name = found.name.strip_prefix(MANIFESTS_V1).and_then(|name| name.strip_prefix('/'));
            listed.v1.extend(name.and_then(|name| name.strip_suffix(".json")).map(str::to_owned));
        }
        Ok(listed)
    }

    /// The manifest of a run of a store; nothing when it went meanwhile.
    pub fn load(objects: &Objects, store: &str, run: &RunName) -> Result<Option<Run>> {
        let manifest = match (objects.get(&layout::manifest(store, &run.name))?, run.is_lost) {
            (Some(bytes), _) => Manifest::decode(store, &run.name, &bytes, objects.keys()),
            (None, true) => Err(BackupError::LostManifest { run: run.name.clone(), store: store.to_owned() }),
            (None, false) => return Ok(None),
        };
        Ok(Some(Run { name: run.name.clone(), store: Some(store.to_owned()), manifest }))
    }

    /// The runs of version 1, oldest first.
    pub fn load_v1(&self, objects: &Objects) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        for name in &self.v1 {
            let Some(bytes) = objects.get(&format!("{MANIFESTS_V1}/{name}.json"))? else { continue };
            let manifest = v1::decode(name, &bytes);
            let store = manifest.as_ref().ok().map(|manifest| manifest.store.clone());
            runs.push(Run { name: name.clone(), store, manifest });
        }
        Ok(runs)
    }

    /// All runs, oldest first: those of one store, or of all stores.
    pub fn load_all(&self, objects: &Objects, store: Option<&str>) -> Result<Vec<Run>> {
        let mut runs = self.load_v1(objects)?;
        runs.retain(|run| store.is_none() || run.store.is_none() || run.store.as_deref() == store);
        for (name, names) in self.stores.iter().filter(|(name, _)| store.is_none_or(|store| store == **name))
        {
            for run in names {
                runs.extend(Self::load(objects, name, run)?);
            }
        }
        runs.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(runs)
    }
}

/// All runs of all stores, oldest first. Those whose manifest goes meanwhile are left out.
pub(crate) fn load_all(objects: &Objects) -> Result<Vec<Run>> {
    Listed::of(objects)?.load_all(objects, None)
}

/// Makes a run visible. Durable on return. Returns what is to be said when that cannot be marked: the loss of the manifest
/// would not show.
pub(crate) fn publish(objects: &Objects, manifest: &Manifest) -> Result<Option<String>> {
    objects.put_new(
        &layout::manifest(&manifest.store, &manifest.run),
        manifest.encode(objects.keys())?.into(),
    )?;
    let marked = objects.put_new(&layout::mark(&manifest.store, &manifest.run), "written\n".into());
    Ok(marked.err().map(|error| format!("run {} is there without its mark: {error:#}", manifest.run)))
}

/// Makes a run invisible; its objects stay.
pub(crate) fn withdraw(objects: &Objects, store: Option<&str>, run: &str) -> Result<()> {
    // The mark first: without its manifest it tells of a loss.
    if let Some(store) = store {
        objects.delete(&layout::mark(store, run))?;
        objects.delete(&layout::manifest(store, run))?;
    }
    objects.delete(&format!("{MANIFESTS_V1}/{run}.json"))
}
