//! One run: for each graph nothing, an increment, or a full backup; then the manifest.

use std::collections::HashMap;

use anyhow::Result;
use epistemic_storage::clock;
use epistemic_storage::graph::GraphError;

use super::manifest::{GraphEntry, Manifest, Piece, VERSION};
use super::objects::Objects;
use super::pieces::{PieceWriter, changes, digest};
use super::prune;
use super::repository::{self, Run};
use super::source::{self, Source, graph_cannot_be_read};
use crate::cli::{Exit, Failure, message_of};

/// A chain is ended here: manifests name all of it, and a restore reads all of it.
pub(crate) const LONGEST_CHAIN: usize = 100;

/// What to back up.
pub(crate) struct Plan<'p> {
    /// Exact names; all graphs when there are none.
    pub(crate) graphs: &'p [String],
    /// Begin a new chain for each.
    pub(crate) full: bool,
}

/// Told of progress: bytes written, records read, and about how many records there are.
pub(crate) type Told<'p> = dyn FnMut(u64, u64, u64) + 'p;

/// What a run did.
pub(crate) struct Created {
    pub(crate) manifest: Manifest,
    pub(crate) graphs: Vec<GraphResult>,
    /// Earlier runs that could not be used.
    pub(crate) warnings: Vec<String>,
}

/// What was done about a graph.
pub(crate) struct GraphResult {
    pub(crate) name: String,
    pub(crate) done: Done,
    /// Bytes written.
    pub(crate) bytes: u64,
}

/// See [`GraphResult`].
pub(crate) enum Done {
    /// Nothing has changed since the newest backup.
    Unchanged,
    /// Its changes were added to its chain.
    Increment,
    /// A new chain was begun, and why.
    Full(&'static str),
    /// It could not be read, and why. Its earlier backup stays part of the run.
    Failed(anyhow::Error),
}

/// Runs a backup. It is visible and durable on return; on an error there is no such run, and what it wrote is removed by
/// a later prune. A graph that cannot be read does not stop the others.
///
/// # Errors
/// A named graph is not there; the source or the objects fail; a prune is under way.
pub(crate) fn create(
    source: &Source<'_>,
    objects: &Objects,
    plan: &Plan<'_>,
    told: &mut Told<'_>,
) -> Result<Created> {
    let started_ms = clock::unix_ms();
    let runs = repository::load_all(objects)?;
    let mut creation = Creation {
        source,
        run: repository::new_run(started_ms, runs.last().map(|run| run.name.as_str())),
        sizes: objects
            .list(repository::OBJECTS)?
            .into_iter()
            .map(|found| (found.name, found.bytes))
            .collect(),
        objects,
        full: plan.full,
        written: 0,
    };
    let names = names(source, plan)?;
    let about: u64 = names.iter().map(|(_, records)| records).sum();
    let (mut bytes, mut records) = (0, 0);
    let mut manifest = Manifest {
        version: VERSION,
        run: creation.run.clone(),
        started_ms,
        finished_ms: started_ms,
        source: source.party.endpoint().to_owned(),
        store_id: source.store_id.clone(),
        all_graphs: plan.graphs.is_empty(),
        graphs: Vec::new(),
    };
    let mut results = Vec::new();
    for (name, size) in names {
        let known = newest_entry(&runs, &name);
        let mut of_graph = |now_bytes: u64, now: u64| told(bytes + now_bytes, records + now.min(size), about);
        let (entry, result) = creation.graph(&name, known, &mut of_graph)?;
        bytes += result.bytes;
        records += size;
        manifest.graphs.extend(entry);
        results.push(result);
    }
    manifest.finished_ms = clock::unix_ms();
    repository::publish(objects, &manifest)?;
    if let Err(error) = prune::check_none_under_way(objects, &manifest) {
        repository::withdraw(objects, &manifest.run)?;
        return Err(error);
    }
    let warnings = runs.iter().filter_map(|run| run.manifest.as_ref().err()).map(ToString::to_string);
    Ok(Created { manifest, graphs: results, warnings: warnings.collect() })
}

/// The graphs to back up, by name.
fn names(source: &Source<'_>, plan: &Plan<'_>) -> Result<Vec<(String, u64)>> {
    let mut names = source.graphs.clone();
    let missing = plan.graphs.iter().find(|name| !names.iter().any(|(found, _)| found == *name));
    if let Some(missing) = missing {
        return Err(GraphError::GraphNotFound(missing.clone()).into());
    }
    names.retain(|(name, _)| plan.graphs.is_empty() || plan.graphs.contains(name));
    names.sort();
    Ok(names)
}

fn newest_entry<'r>(runs: &'r [Run], graph: &str) -> Option<&'r GraphEntry> {
    runs.iter().rev().find_map(|run| run.manifest.as_ref().ok()?.graph(graph))
}

struct Creation<'c> {
    source: &'c Source<'c>,
    objects: &'c Objects,
    run: String,
    /// Bytes of all objects that are there.
    sizes: HashMap<String, u64>,
    full: bool,
    /// Objects begun by this run.
    written: usize,
}

/// What can be done with the chain of a graph.
enum Chain<'k> {
    Unchanged(&'k GraphEntry),
    /// Changes behind it are in the ledger.
    Open(&'k [Piece]),
    /// A new one has to begin, and why.
    Broken(&'static str),
}

impl<'c> Creation<'c> {
    fn graph(
        &mut self,
        name: &str,
        known: Option<&GraphEntry>,
        told: &mut source::Told<'_>,
    ) -> Result<(Option<GraphEntry>, GraphResult)> {
        let name = name.to_owned();
        let (entry, done, bytes) = match self.attempt(&name, known, told) {
            Ok((entry, done, bytes)) => (Some(entry), done, bytes),
            Err(error) if graph_cannot_be_read(&error) => (known.cloned(), Done::Failed(error), 0),
            Err(error) => return Err(error),
        };
        Ok((entry, GraphResult { name, done, bytes }))
    }

    fn attempt(
        &mut self,
        name: &str,
        known: Option<&GraphEntry>,
        told: &mut source::Told<'_>,
    ) -> Result<(GraphEntry, Done, u64)> {
        let taken_ms = clock::unix_ms();
        let entry = |chain, ended| GraphEntry { name: name.to_owned(), taken_ms, chain, ended };
        let (open, reason) = match self.chain(name, known)? {
            Chain::Unchanged(known) if !self.full => {
                return Ok((entry(known.chain.clone(), Vec::new()), Done::Unchanged, 0));
            }
            Chain::Open(chain) if !self.full && chain.len() <= LONGEST_CHAIN => {
                match self.pieces(name, told).increment(chain, None)? {
                    Some(piece) => {
                        let bytes = piece.bytes;
                        let chain = chain.iter().cloned().chain([piece]).collect();
                        return Ok((entry(chain, Vec::new()), Done::Increment, bytes));
                    }
                    None => (None, "its content was replaced or its ledger cleared"),
                }
            }
            Chain::Unchanged(_) => (None, "as asked for"),
            Chain::Open(chain) if self.full => (Some(chain), "as asked for"),
            Chain::Open(chain) => (Some(chain), "its chain had become long"),
            Chain::Broken(reason) => (None, reason),
        };
        let piece = self.pieces(name, told).full()?;
        let mut bytes = piece.bytes;
        // The old chain is led up to the new one, so that no time in between is lost.
        let mut ended = Vec::new();
        if let Some(chain) = open
            && let Some(last) = self.pieces(name, told).increment(chain, Some(&piece))?
        {
            bytes += last.bytes;
            ended = chain.iter().cloned().chain([last]).collect();
        }
        Ok((entry(vec![piece], ended), Done::Full(reason), bytes))
    }

    fn pieces<'w>(&'w mut self, name: &'w str, told: &'w mut source::Told<'_>) -> PieceWriter<'w> {
        PieceWriter {
            source: self.source,
            objects: self.objects,
            run: &self.run,
            graph: name,
            written: &mut self.written,
            told,
        }
    }

    /// Whether the graph is still the one of `known`, and whether it has changed.
    fn chain<'k>(&self, name: &str, known: Option<&'k GraphEntry>) -> Result<Chain<'k>> {
        let Some(known) = known else { return Ok(Chain::Broken("its first backup")) };
        if known.chain.iter().any(|piece| self.sizes.get(&piece.object) != Some(&piece.bytes)) {
            return Ok(Chain::Broken("an object of its chain is missing or cut"));
        }
        let Some(newest) = known.chain.last() else { return Ok(Chain::Broken("its first backup")) };
        let Some(expected) = &newest.newest_record else {
            return Ok(Chain::Broken("its ledger did not reach back to the backup before"));
        };
        let Some(changes) = changes(self.source, name, newest.sequence.saturating_sub(1), 1)? else {
            return Ok(Chain::Broken("its content was replaced or its ledger cleared"));
        };
        let same = changes
            .records
            .first()
            .is_some_and(|(sequence, record)| *sequence == newest.sequence && digest(record) == *expected);
        Ok(match same {
            false => Chain::Broken("it is not the graph of the backup before: created again, or restored"),
            true if changes.sequence == newest.sequence => Chain::Unchanged(known),
            true => Chain::Open(&known.chain),
        })
    }
}

/// The error of a run that could not back up every graph.
pub(crate) fn failure(created: &Created) -> Result<(), Failure> {
    let failed = created.graphs.iter().filter_map(|graph| match &graph.done {
        Done::Failed(error) => {
            Some(format!("graph {:?} was not backed up: {}", graph.name, message_of(error)))
        }
        Done::Unchanged | Done::Increment | Done::Full(_) => None,
    });
    let failed: Vec<String> = failed.collect();
    if failed.is_empty() {
        return Ok(());
    }
    let exit = if failed.len() == created.graphs.len() { Exit::Failed } else { Exit::Partly };
    Err(Failure::new(exit, failed.join("\negctl: ")))
}
