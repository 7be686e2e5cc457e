//! Retention: which runs stay, and the removal of what no run needs.
//!
//! A run that is being made adds its manifest and then looks for a prune under way; a prune says that it is under way and
//! then reads the manifests. So one of the two sees the other, and no object goes that a run needs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Datelike, Utc};
use epistemic_storage::clock;
use fs_err as fs;

use super::choose::shown_time;
use super::error::{BackupError, BackupRefused};
use super::layout::{self, OBJECTS_V1, PRUNING, STORES};
use super::manifest::Manifest;
use super::objects::{Listed, Objects};
use super::runs::{self, Run, load_all};
use super::state::History;
use super::tier;

/// Where objects of runs are.
const FOLDERS: [&str; 2] = [STORES, OBJECTS_V1];

/// Which runs stay: those that any rule names. Rules count apart for each store, and there for runs of all graphs and for
/// runs of other graphs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// The newest runs.
    pub last: usize,
    /// The newest run of each of so many days (UTC) that have one.
    pub daily: usize,
    /// Of so many weeks, from Monday to Sunday.
    pub weekly: usize,
    /// Of so many months.
    pub monthly: usize,
}

/// What a prune may do.
pub struct Pruning<'p> {
    /// Which runs stay.
    pub keep: Keep,
    /// Runs that go in any case; one whose manifest is damaged goes only so.
    pub forget: &'p [String],
    /// Age after which objects of no run are leftovers of one that was cut short, milliseconds.
    pub leftover_ms: u64,
    /// Go on although another prune has begun.
    pub take_over: bool,
    /// Change nothing.
    pub dry_run: bool,
}

/// What went, or would go.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Runs that stay.
    pub kept: Vec<String>,
    /// Runs that went.
    pub removed: Vec<String>,
    /// Objects that went.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes runs and objects. An interruption leaves the rest for the next prune.
///
/// # Errors
/// A damaged manifest that is not to be forgotten; another prune is under way; the objects fail.
pub fn prune(objects: &Objects, pruning: &Pruning<'_>) -> Result<Pruned> {
    if pruning.dry_run {
        return sweep(objects, pruning, clock::unix_ms());
    }
    let others = objects.list(PRUNING)?;
    if let Some(other) = others.first().filter(|_| !pruning.take_over) {
        let began = shown_time(other.modified_ms);
        return Err(BackupRefused::OtherPrune { began }.into());
    }
    let marker = format!("{PRUNING}/{:016x}", rand::random::<u64>());
    objects.put_new(&marker, "a prune is under way\n".into())?;
    let marked = objects.list(PRUNING)?.into_iter().find(|found| found.name == marker);
    let now_ms = marked.map_or_else(clock::unix_ms, |marked| marked.modified_ms);
    let pruned = sweep(objects, pruning, now_ms).inspect_err(|_| {
        // Nothing is being removed any more; if this fails too, a prune with `take_over` removes it.
        let _ = objects.delete(&marker);
    })?;
    for done in others.iter().map(|other| &other.name).chain([&marker]) {
        objects.delete(done)?;
    }
    Ok(pruned)
}

/// Fails when objects that the new run needs may be going: a prune is under way, or has been. `needed` tells of each up to
/// which byte.
pub(super) fn check_none_under_way(objects: &Objects, needed: &HashMap<String, u64>) -> Result<()> {
    let pruning = objects.list(PRUNING)?;
    if let Some(other) = pruning.first() {
        let began = shown_time(other.modified_ms);
        return Err(BackupRefused::PruneUnderWay { began }.into());
    }
    let mut there = HashMap::new();
    for folder in FOLDERS {
        there.extend(objects.list(folder)?.into_iter().map(|found| (found.name, found.bytes)));
    }
    let is_there = |(object, end): &(&String, &u64)| there.get(*object).is_some_and(|bytes| bytes >= *end);
    match needed.iter().find(|needed| !is_there(needed)) {
        None => Ok(()),
        Some((object, _)) => Err(BackupRefused::Pruned { object: object.clone() }.into()),
    }
}

/// `now_ms` is the time by the clock of the objects.
fn sweep(objects: &Objects, pruning: &Pruning<'_>, now_ms: u64) -> Result<Pruned> {
    let runs = load_all(objects)?;
    let manifests = intact(&runs, pruning.forget)?;
    let keep = kept(&manifests, pruning);
    let known_runs: HashSet<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    // A run may need objects of runs that went before.
    let told = manifests.iter().copied().filter(|manifest| !pruning.forget.contains(&manifest.run));
    let known = needed(objects, &told.collect::<Vec<_>>()).map_err(cannot_be_told)?;
    let (kept, removed): (Vec<&Run>, Vec<&Run>) =
        runs.iter().partition(|run| keep.contains(run.name.as_str()));
    if !pruning.dry_run {
        for run in &removed {
            runs::withdraw(objects, run.store.as_deref(), &run.name)?;
        }
    }
    // Read again: a run may have been added meanwhile.
    let again = load_all(objects)?;
    let stays = |run: &&Run| !pruning.dry_run || keep.contains(run.name.as_str());
    let still: Vec<&Run> = again.iter().filter(stays).collect();
    let needed = needed(objects, &intact(still.iter().copied(), &[])?)?;
    let mut pruned = Pruned {
        kept: kept.iter().map(|run| run.name.clone()).collect(),
        removed: removed.iter().map(|run| run.name.clone()).collect(),
        ..Pruned::default()
    };
    for folder in FOLDERS {
        for Listed { name, bytes, modified_ms } in objects.list(folder)? {
            // Manifests and marks are no objects of a run.
            let Some(run) = layout::run_of(&name) else { continue };
            let is_old = now_ms.saturating_sub(modified_ms) >= pruning.leftover_ms;
            let is_known = known.contains(&name) || known_runs.contains(run);
            let may_go = is_known || pruning.forget.iter().any(|forget| forget == run) || is_old;
            if needed.contains(&name) || !may_go {
                continue;
            }
            if !pruning.dry_run {
                objects.delete(&name)?;
            }
            pruned.objects += 1;
            pruned.bytes += bytes;
        }
    }
    if !pruning.dry_run {
        tier::forget_broken(objects, &still)?;
        remove_unfinished_files(objects, pruning.leftover_ms)?;
    }
    Ok(pruned)
}

/// A layer that is damaged, which the error names with a run.
fn cannot_be_told(error: anyhow::Error) -> anyhow::Error {
    if !error.is::<BackupError>() {
        return error;
    }
    BackupRefused::DamagedLayer { damage: error.to_string() }.into()
}

/// The objects that these runs need.
fn needed(objects: &Objects, manifests: &[&Manifest]) -> Result<HashSet<String>> {
    let mut needed = HashSet::new();
    let mut need = |object: &String| {
        if !needed.contains(object) {
            needed.insert(object.clone());
        }
    };
    let mut stores: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
    for manifest in manifests.iter().copied() {
        manifest.layers.iter().for_each(|layer| need(&layer.object));
        manifest.service.iter().for_each(|service| need(&service.stored.object));
        stores.entry(&manifest.store).or_default().push(manifest);
    }
    for manifests in stores.into_values() {
        let mut history = History::open(objects, manifests)?;
        while let Some(told) = history.next_graph()? {
            for (_, entry) in history.entries(&told)? {
                entry.chain.iter().chain(&entry.ended).for_each(|piece| need(&piece.stored.object));
            }
        }
    }
    Ok(needed)
}

/// The manifests, but for those to forget.
fn intact<'r>(runs: impl IntoIterator<Item = &'r Run>, forget: &[String]) -> Result<Vec<&'r Manifest>> {
    let mut manifests = Vec::new();
    for run in runs {
        match &run.manifest {
            Ok(manifest) => manifests.push(manifest),
            Err(_) if forget.contains(&run.name) => {}
            Err(BackupError::Locked(locked)) => return Err(BackupError::from(locked.clone()).into()),
            Err(error) => {
                return Err(
                    BackupRefused::DamagedRun { damage: error.to_string(), run: run.name.clone() }.into()
                );
            }
        }
    }
    Ok(manifests)
}

/// The names of the runs that stay.
fn kept<'m>(manifests: &[&'m Manifest], pruning: &Pruning<'_>) -> HashSet<&'m str> {
    let mut groups: BTreeMap<(&str, &[String]), Vec<&Manifest>> = BTreeMap::new();
    for manifest in manifests.iter().copied().filter(|manifest| !pruning.forget.contains(&manifest.run)) {
        groups.entry((&manifest.store, &manifest.named)).or_default().push(manifest);
    }
    let Keep { last, daily, weekly, monthly } = pruning.keep;
    let mut kept = HashSet::new();
    for group in groups.values() {
        kept.extend(group.iter().rev().take(last).map(|manifest| manifest.run.as_str()));
        newest_of_each(group, daily, &mut kept, |time| (time.year(), time.ordinal()));
        newest_of_each(group, weekly, &mut kept, |time| (time.iso_week().year(), time.iso_week().week()));
        newest_of_each(group, monthly, &mut kept, |time| (time.year(), time.month()));
    }
    kept
}

fn newest_of_each<'m>(
    group: &[&'m Manifest],
    periods: usize,
    kept: &mut HashSet<&'m str>,
    period: impl Fn(DateTime<Utc>) -> (i32, u32),
) {
    let mut seen = HashSet::new();
    for manifest in group.iter().rev() {
        let time = i64::try_from(manifest.started_ms).ok().and_then(DateTime::from_timestamp_millis);
        if seen.len() < periods && seen.insert(period(time.unwrap_or_default())) {
            kept.insert(manifest.run.as_str());
        }
    }
}

/// In a directory an upload that was cut short is a file `NAME#NUMBER`, which is not listed.
fn remove_unfinished_files(objects: &Objects, leftover_ms: u64) -> Result<()> {
    let Some(folder) = objects.folder() else { return Ok(()) };
    for name in FOLDERS {
        clean(&folder.join(name), leftover_ms)?;
    }
    Ok(())
}

fn clean(folder: &Path, leftover_ms: u64) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            clean(&entry.path(), leftover_ms)?;
            // One that is not empty stays.
            let _ = fs::remove_dir(entry.path());
            continue;
        }
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        let is_old = age.as_millis() >= u128::from(leftover_ms);
        if entry.file_name().to_string_lossy().contains('#') && is_old {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
