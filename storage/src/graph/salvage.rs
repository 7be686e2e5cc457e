//! Salvage: copies everything intact of a damaged store into a new one.

use std::sync::{Arc, atomic::Ordering};

use serde::Serialize;

use crate::{
    batch::WriteBatch,
    clock,
    error::{Result, StoreError},
    graph::{
        catalog::{
            counters::GraphCounters,
            entry::{COMMONS, CatalogEntry},
            graph::Graph,
            migration_state::{MigrationState, RESTORE},
        },
        ledger::intact::{self, Run},
        load::{loaded::LoadedGraph, loader::GraphLoader},
        read::reader::GraphReader,
        store::GraphStore,
    },
    keys::{self, GraphId},
    space::Space,
    store::{Durability, KeyRange, Read, ScanOptions, bytes_left},
};

/// Records wait until they are so many bytes, then they are written together.
const BATCH_BYTES: usize = 8 << 20;
/// What clients of a lost graph are told that it comes from.
const FROM: &str = "a backup, because its records were lost to damage";

/// How much of a graph was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// All of it.
    Whole,
    /// All but the older part of its ledger, or all of that.
    WithoutLedger,
    /// Nothing: some node, edge or embedding cannot be read. Its name is kept, and clients are told [`crate::graph::GraphError::Restoring`].
    Lost,
}

/// What became of one graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SalvagedGraph {
    /// Its name.
    pub graph: String,
    /// How much was taken.
    pub taken: Taken,
    /// Why not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Nodes that were taken.
    pub nodes: u64,
    /// Edges that were taken.
    pub edges: u64,
    /// Embeddings that were taken.
    pub vectors: u64,
    /// The first change that its ledger tells.
    pub complete_from: u64,
}

/// What a salvage took and what it left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Salvaged {
    /// All graphs of the catalog, those on the move too.
    pub graphs: Vec<SalvagedGraph>,
    /// Registered agents.
    pub identities: u64,
    /// Outcomes of moves.
    pub outcomes: u64,
    /// Records of channels.
    pub channel_records: u64,
    /// What was lost beside graphs.
    pub lost: Vec<String>,
}

impl Salvaged {
    /// Graphs of which so much was taken.
    pub fn count(&self, taken: Taken) -> usize {
        self.graphs.iter().filter(|graph| graph.taken == taken).count()
    }

    /// Whether everything was taken.
    pub fn is_whole(&self) -> bool {
        self.lost.is_empty() && self.count(Taken::Whole) == self.graphs.len()
    }
}

/// The new store while it is filled, and how far that is.
struct Target<'t> {
    graphs: &'t GraphStore,
    batch: WriteBatch,
    records: u64,
    bytes: u64,
    /// Told bytes and records so far.
    progress: &'t mut dyn FnMut(u64, u64),
}

impl GraphStore {
    /// Writes everything that is sound into `to`, a new and empty store that nobody else uses: graphs with their numbers,
    /// ownership terms and migration states, identities, channels and the outcomes of moves. Records that are derived from others
    /// are made anew. What awaits reclamation stays behind. Blocks; not durable before [`crate::Store::flush`].
    ///
    /// `progress` is told bytes and records.
    ///
    /// # Errors
    /// Those of `to`, those of this store that are not damage, and damaged identities: without them the new store would be
    /// open to everybody.
    pub fn salvage_into(&self, to: &GraphStore, progress: &mut dyn FnMut(u64, u64)) -> Result<Salvaged> {
        let view = self.read_view();
        let mut target = Target { graphs: to, batch: WriteBatch::new(), records: 0, bytes: 0, progress };
        to.next_id().store(self.next_id().load(Ordering::Relaxed), Ordering::Relaxed);
        let mut salvaged = Salvaged {
            identities: target.copy(&*view, Space::Catalog, keys::identities())?,
            ..Salvaged::default()
        };
        match target.copy_readable(&*view, Space::Catalog, keys::move_outcomes())? {
            Ok(count) => salvaged.outcomes = count,
            Err(reason) => salvaged.lost.push(format!("outcomes of moves: {reason}")),
        }
        match target.copy_readable(&*view, Space::Channels, KeyRange::all())? {
            Ok(count) => salvaged.channel_records = count,
            Err(reason) => salvaged.lost.push(format!("channels: {reason}")),
        }
        for graph in [self.graphs(), self.migrating_graphs()].concat() {
            salvaged.graphs.push(target.take(&*view, &graph)?);
        }
        let next = to.next_id().load(Ordering::Relaxed);
        target.batch.put(Space::Catalog, keys::next_id(), next.to_be_bytes());
        target.commit()?;
        to.reclaim()?;
        Ok(salvaged)
    }
}

impl Target<'_> {
    /// Takes a graph if it is sound, else its name.
    fn take(&mut self, view: &dyn Read, graph: &Arc<Graph>) -> Result<SalvagedGraph> {
        match self.load(view, graph) {
            Ok((loaded, run)) => {
                let (_, records, counters) = loaded.parts();
                self.batch.append(records);
                self.enter(graph.name(), &graph.entry(), &counters);
                self.commit_if_large()?;
                let taken = if run.broken.is_some() { Taken::WithoutLedger } else { Taken::Whole };
                Ok(report(graph, taken, run.broken, &counters))
            }
            Err(StoreError::Corrupt { place, detail }) => {
                if **graph.name() != *COMMONS {
                    self.keep_name(graph);
                }
                let reason = format!("{place}: {detail}");
                Ok(report(graph, Taken::Lost, Some(reason), &GraphCounters::default()))
            }
            Err(error) => Err(error),
        }
    }

    /// Clients of a lost graph must not find an empty one of its name. It gets a number of its own: what was read of its
    /// records is reclaimed.
    fn keep_name(&mut self, graph: &Graph) {
        let move_id = format!("{RESTORE}{}-{}", graph.id(), clock::unix_ms());
        let migration_state =
            MigrationState::Arriving { move_id, from: FROM.to_owned(), origin: None, before: None };
        let id = self.graphs.next_id().fetch_add(1, Ordering::Relaxed);
        let entry = CatalogEntry { id, migration_state: Some(migration_state), ..graph.entry() };
        self.enter(graph.name(), &entry, &GraphCounters::default());
    }

    fn enter(&mut self, name: &str, entry: &CatalogEntry, counters: &GraphCounters) {
        self.batch.put(Space::Catalog, keys::name(name), entry.encode());
        self.batch.put(Space::Catalog, keys::state(GraphId(entry.id)), counters.encode());
    }

    /// Reads all records of a graph.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when not all but those of the ledger are sound.
    fn load(&mut self, view: &dyn Read, graph: &Graph) -> Result<(LoadedGraph, Run)> {
        let reader = GraphReader::new(view, graph);
        let counters = reader.counters()?;
        let mut loader = GraphLoader::new(self.graphs, graph.id());
        reader.for_each_node(|id, sequence, properties| {
            self.passed(id.len() + properties.len());
            loader.node(id, sequence, properties)
        })?;
        reader.for_each_edge(|source, target, sequence, properties| {
            self.passed(source.len() + target.len() + properties.len());
            loader.edge(source, target, sequence, properties)
        })?;
        reader.for_each_embedding(|id, components| {
            self.passed(id.len() + components.len());
            match components.len().is_multiple_of(4) {
                true => loader.embedding(id, components),
                false => Err(StoreError::corrupt(
                    Space::Vectors,
                    format!("embedding of {} bytes", components.len()),
                )),
            }
        })?;
        let run = intact::readable(view, graph.id(), &counters)?;
        let oldest = if run.broken.is_some() { run.first } else { 0 };
        let ledger = KeyRange {
            end: Some(keys::ledger(graph.id(), counters.sequence + 1)),
            ..keys::ledger_from(graph.id(), oldest)
        };
        let mut cursor = view.scan(Space::Ledger, ledger, ScanOptions::SWEEP)?;
        while let Some((key, record)) = cursor.next()? {
            self.passed(key.len() + record.len());
            let sequence = keys::sequence_of(key).unwrap_or_default();
            loader.ledger(sequence, record.to_vec())?;
        }
        let mut loaded = loader.finish()?;
        let complete_from = if run.broken.is_some() { run.first } else { counters.complete_from };
        loaded.set_sequence(counters.sequence, complete_from);
        agree(&counters, loaded.counters())?;
        Ok((loaded, run))
    }

    /// Copies records that must all be readable; returns how many.
    fn copy(&mut self, view: &dyn Read, space: Space, range: KeyRange) -> Result<u64> {
        let mut cursor = view.scan(space, range, ScanOptions::SWEEP)?;
        let mut count = 0;
        while let Some((key, value)) = cursor.next()? {
            self.passed(key.len() + value.len());
            self.batch.put(space, key, value);
            self.commit_if_large()?;
            count += 1;
        }
        Ok(count)
    }

    /// Copies all records of a range, or none and says why.
    fn copy_readable(
        &mut self,
        view: &dyn Read,
        space: Space,
        range: KeyRange,
    ) -> Result<Result<u64, String>> {
        match bytes_left(&mut *view.scan(space, range.clone(), ScanOptions::SWEEP)?) {
            Ok(_) => self.copy(view, space, range).map(Ok),
            Err(error) if error.is_corruption() => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }

    fn passed(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes as u64;
        if self.records.is_multiple_of(1024) {
            (self.progress)(self.bytes, self.records);
        }
    }

    fn commit_if_large(&mut self) -> Result<()> {
        if self.batch.bytes() < BATCH_BYTES { Ok(()) } else { self.commit() }
    }

    fn commit(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() { Ok(()) } else { self.graphs.store().commit(batch, Durability::Buffered) }
    }
}

/// Whether as many records were found as the counters say.
fn agree(stated: &GraphCounters, found: &GraphCounters) -> Result<()> {
    let counts =
        |counters: &GraphCounters| (counters.nodes, counters.edges, counters.vectors, counters.components);
    if counts(stated) == counts(found) {
        return Ok(());
    }
    let detail = format!(
        "nodes, edges, embeddings and their components are {:?}, its counters say {:?}: try 'egctl repair' on a copy of the directory",
        counts(found),
        counts(stated)
    );
    Err(StoreError::Corrupt { place: "the graph's records".into(), detail })
}

fn report(graph: &Graph, taken: Taken, reason: Option<String>, counters: &GraphCounters) -> SalvagedGraph {
    let GraphCounters { nodes, edges, vectors, complete_from, .. } = *counters;
    SalvagedGraph { graph: graph.name().to_string(), taken, reason, nodes, edges, vectors, complete_from }
}
