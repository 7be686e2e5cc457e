//! One run: for each graph nothing, an increment, or a full backup; then the layer with what has changed, and the manifest.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::Result;
use epistemic_storage::graph::GraphError;

use super::before::Before;
use super::creation::{Creation, need};
use super::error::Incomplete;
use super::layout::{new_run, store_key};
use super::manifest::{ENCRYPTED, Layer, Manifest, Service, VERSION};
use super::objects::Objects;
use super::pack::Packs;
use super::runs::{self, Listed};
use super::source::{Head, Source};
use super::{prune, service};
use crate::error::message_of;

/// A chain is ended here: a restore reads all of it.
pub(crate) const LONGEST_CHAIN: usize = 100;

/// Clocks that differ by more are worth a word.
const MOST_SKEW_MS: u64 = 2000;

/// What to back up.
pub struct Plan<'p> {
    /// Exact names; all graphs when there are none.
    pub graphs: &'p [String],
    /// Begin a new chain for each.
    pub full: bool,
    /// Write in the clear behind runs that are encrypted.
    pub unencrypted: bool,
}

/// Told of progress: bytes written, records read, and about how many records there are.
pub(crate) type Told<'p> = dyn FnMut(u64, u64, u64) + 'p;

/// What a run did.
pub struct Created {
    /// Its manifest, as it was written.
    pub manifest: Manifest,
    /// What was done about each graph, by name.
    pub graphs: Vec<GraphResult>,
    /// Why identities and channels could not be read. Those of the run before stay part of the run.
    pub service: Option<anyhow::Error>,
    /// What else should be known, such as earlier runs that could not be used.
    pub warnings: Vec<String>,
}

/// What was done about a graph.
pub struct GraphResult {
    /// Exact name.
    pub name: String,
    /// What was done.
    pub done: Done,
    /// Bytes of what it has changed, as they are before compression.
    pub bytes: u64,
    /// Sequence number of the newest change in its backup, if there is one.
    pub sequence: Option<u64>,
    /// Links of its chain.
    pub chain: usize,
    /// Whether it is the `__commons__` that every shard has, without content in its backup.
    pub is_empty_commons: bool,
}

/// See [`GraphResult`].
pub enum Done {
    /// Nothing has changed since the newest backup.
    Unchanged,
    /// Its changes were added to its chain.
    Increment,
    /// A new chain was begun, and why.
    Full(&'static str),
    /// It could not be read, and why. Its earlier backup stays part of the run.
    Failed(anyhow::Error),
    /// It was deleted, or moved to another shard, after the run had begun.
    Gone,
}

/// Runs a backup. It is visible and durable on return; on an error there is no such run, and what it wrote is removed by
/// a later prune. A graph that cannot be read does not stop the others.
///
/// # Errors
/// A named graph is not there; the source or the objects fail; a prune is under way; the run before is encrypted, and keys for it
/// are missing.
pub fn create(
    source: &Source<'_>,
    objects: &Objects,
    plan: &Plan<'_>,
    told: &mut Told<'_>,
) -> Result<Created> {
    let begun = Instant::now();
    let listing = &source.listing;
    let store = store_key(listing.store_id.as_deref(), source.party.endpoint());
    let listed = Listed::of(objects)?;
    let mut before = Before::load(objects, &listed, &store, plan)?;
    let mut warnings = std::mem::take(&mut before.warnings);
    warnings.extend(listing.clock_ahead_ms.and_then(skew_warning));
    let heads = chosen(source, plan)?;
    let about: u64 = heads.iter().map(|head| head.records).sum();
    // Behind runs that cannot be used, too.
    let newest = listed.stores.get(&store).and_then(|runs| runs.last()).map(|run| run.name.as_str());
    let newest = newest.max(before.newest.as_deref());
    let run = new_run(listing.settled_ms, newest);
    let is_of_all = plan.graphs.is_empty();
    let settled_ms = match is_of_all {
        true => listing.settled_ms,
        false => before.known.as_ref().map_or(0, |known| known.settled_ms),
    };
    let mut creation = Creation::new(source, objects, plan, &listed, &before, (&store, &run))?;
    let mut layers = creation.graphs(heads, &mut |bytes, records| told(bytes, records, about))?;
    let Creation { mut packs, layer, mut needed, graphs, results, .. } = creation;
    layers.extend(layer.finish()?);
    let mut service = before.known.as_ref().and_then(|known| known.service.clone());
    let mut service_error = None;
    if is_of_all {
        // In a pack of its own: later runs may need it when they need no graph of this one any more.
        packs.finish()?;
        match service::back_up(source.party, &mut packs, service.as_ref()) {
            Ok(copied) => service = Some(copied),
            // The graphs are worth a run without it.
            Err(error) => service_error = Some(error),
        }
    }
    packs.finish()?;
    let Packs { count, bytes, .. } = packs;
    need_rest(&mut needed, service.as_ref(), &layers);
    let recipients = objects.keys().recipients();
    let manifest = Manifest {
        version: if recipients.is_empty() { VERSION } else { ENCRYPTED },
        run,
        store,
        source: source.party.endpoint().to_owned(),
        started_ms: listing.settled_ms,
        finished_ms: listing.settled_ms + u64::try_from(begun.elapsed().as_millis()).unwrap_or(0),
        clock_ahead_ms: listing.clock_ahead_ms,
        settled_ms,
        named: plan.graphs.to_vec(),
        graphs,
        objects: count,
        bytes,
        service,
        layers,
        recipients,
        readers: objects.keys().readers(),
        inline: Vec::new(),
    };
    warnings.extend(runs::publish(objects, &manifest)?);
    if let Err(error) = prune::check_none_under_way(objects, &needed) {
        runs::withdraw(objects, Some(&manifest.store), &manifest.run)?;
        return Err(error);
    }
    Ok(Created { manifest, graphs: results, service: service_error, warnings })
}

/// What to say about a shard whose clock is not this machine's.
fn skew_warning(ahead_ms: i64) -> Option<String> {
    let (skew, side) = (ahead_ms.unsigned_abs(), if ahead_ms > 0 { "ahead of" } else { "behind" });
    (skew > MOST_SKEW_MS).then(|| {
        format!(
            "the clock of the shard is {}.{:03} s {side} that of this machine; all times in the backup are the shard's",
            skew / 1000,
            skew % 1000
        )
    })
}

/// The graphs to back up, by name.
fn chosen<'s>(source: &'s Source<'_>, plan: &Plan<'_>) -> Result<Vec<&'s Head>> {
    let heads = &source.listing.graphs;
    let missing = plan.graphs.iter().find(|name| !heads.iter().any(|head| head.name == **name));
    if let Some(missing) = missing {
        return Err(GraphError::GraphNotFound(missing.clone()).into());
    }
    let is_meant = |head: &&Head| plan.graphs.is_empty() || plan.graphs.contains(&head.name);
    Ok(heads.iter().filter(is_meant).collect())
}

/// Adds what a run needs beside the chains: each object, and up to which byte.
fn need_rest(needed: &mut HashMap<String, u64>, service: Option<&Service>, layers: &[Layer]) {
    for layer in layers {
        needed.insert(layer.object.clone(), layer.bytes);
    }
    if let Some(Service { stored, .. }) = service {
        need(needed, stored);
    }
}

impl Created {
    /// That the run could not back up everything, if so.
    pub fn incomplete(&self) -> Option<Incomplete> {
        let graphs: Vec<String> = self
            .graphs
            .iter()
            .filter_map(|graph| match &graph.done {
                Done::Failed(error) => {
                    Some(format!("graph {:?} was not backed up: {}", graph.name, message_of(error)))
                }
                Done::Unchanged | Done::Increment | Done::Full(_) | Done::Gone => None,
            })
            .collect();
        let service = self
            .service
            .as_ref()
            .map(|error| format!("identities and channels were not backed up: {}", message_of(error)));
        let all = graphs.len() == self.graphs.len() && !graphs.is_empty();
        let failed: Vec<String> = graphs.into_iter().chain(service).collect();
        (!failed.is_empty()).then_some(Incomplete { failed, all })
    }
}
