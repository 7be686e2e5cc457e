//! A store of graphs, a place for their backups, and a record of what each graph held at each sequence number.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use epistemic_storage::{GraphStore, MemoryStore, clock};
use epistemic_storage::{
    Mutation,
    graph::{GraphType, LedgerRecord, Op},
};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Runtime;

use crate::backup::layer::LayerWriter;
use crate::backup::line::Line;
use crate::backup::manifest::{Content, Manifest};
use crate::backup::restore::{Name, Restored, restore};
use crate::backup::runs::{load_all, publish, withdraw};
use crate::backup::source::{Head, Listing as Held};
use crate::backup::state::{Entries, Finder, GraphEntry};
use crate::backup::verify::{Damage, for_each_chain, try_chain};
use crate::backup::{Choice, Created, Listed, Objects, Plan, Point, Source, create};
use crate::hosts::{DirectoryParty, Party};

/// The graph that tests back up, unless they name others.
pub(super) const GRAPH: &str = "a/b ö";

/// The identity of the store.
pub(super) const STORE: &str = "s";

pub(super) struct Fixture {
    _runtime: Runtime,
    pub(super) objects: Objects,
    pub(super) graphs: Arc<GraphStore>,
    /// Contents of [`GRAPH`] by sequence number.
    pub(super) model: BTreeMap<u64, Content>,
    random: SmallRng,
}

/// An empty store of graphs.
pub(super) fn empty() -> Arc<GraphStore> {
    Arc::new(GraphStore::open(MemoryStore::new()).unwrap())
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::on(Arc::new(InMemory::new()))
    }

    pub(super) fn on(store: Arc<dyn ObjectStore>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let objects = Objects::new(store, Path::from("some/prefix"), "memory:", runtime.handle());
        let seed = match std::env::var("EG_SEED") {
            Ok(text) => text.parse().unwrap(),
            Err(_) => clock::unix_ms(),
        };
        eprintln!("EG_SEED={seed}");
        let random = SmallRng::seed_from_u64(seed);
        let mut fixture =
            Self { _runtime: runtime, objects, graphs: empty(), model: BTreeMap::new(), random };
        fixture.create_graph(GRAPH);
        fixture
    }

    pub(super) fn create_graph(&mut self, name: &str) {
        let owner = Some("owner".to_owned());
        self.graphs.write(name, Op::Create { kind: GraphType::Team, owner, tenant: None }).unwrap();
    }

    pub(super) fn party(&self) -> DirectoryParty {
        DirectoryParty::new("memory", Arc::clone(&self.graphs), None)
    }

    /// Makes `changes` random changes of [`GRAPH`], each with one ledger record, and records its content after each.
    pub(super) fn change(&mut self, changes: usize) {
        for _ in 0..changes {
            let before = self.graphs.graph(GRAPH).unwrap().counters().sequence;
            while self.graphs.graph(GRAPH).unwrap().counters().sequence == before {
                let op = self.op();
                // A refusal changes nothing; another one is drawn.
                let _ = self.graphs.write(GRAPH, op);
            }
            let content = self.party().content(GRAPH).unwrap();
            assert_eq!(content.sequence, before + 1);
            self.model.insert(content.sequence, content.into());
        }
    }

    fn op(&mut self) -> Op {
        let mut node = || format!("n{}", self.random.random_range(0..12));
        let (id, target) = (node(), node());
        let properties = format!("{}", self.random.random::<u32>()).into_bytes();
        match self.random.random_range(0..10) {
            0..4 => Op::One(Mutation::AddNode { id, properties }),
            4..7 => Op::One(Mutation::AddEdge { source: id, target, properties }),
            7 => Op::One(Mutation::AddEmbedding {
                node: id,
                components: self.random.random::<[u8; 4]>().map(|b| b & 0x3f).repeat(2),
            }),
            8 => Op::One(Mutation::RemoveEdge { source: id, target }),
            _ => Op::One(Mutation::RemoveNode { id }),
        }
    }

    /// Times of the ledger records of [`GRAPH`], Unix milliseconds, by sequence number.
    pub(super) fn times(&self) -> BTreeMap<u64, u64> {
        let changes = self.graphs.changes(&self.graphs.graph(GRAPH).unwrap(), 0, usize::MAX).unwrap();
        let time = |record: &[u8]| LedgerRecord::decode(record).unwrap().1;
        changes.records.iter().map(|(sequence, record)| (*sequence, time(record))).collect()
    }

    pub(super) fn create(&self, full: bool) -> Result<Created> {
        let graphs = self.graphs.graphs();
        self.create_of(graphs.iter().map(|graph| graph.name().to_string()), full)
    }

    /// A run of all graphs in the clear, whatever the runs before are.
    pub(super) fn create_in_the_clear(&self) -> Result<Created> {
        let mut listing = Held::of_directory(&self.graphs, Some(STORE.to_owned()))?;
        listing.settled_ms = clock::unix_ms();
        let source = Source { party: &self.party(), listing };
        create(
            &source,
            &self.objects,
            &Plan { graphs: &[], full: false, unencrypted: true },
            &mut |_, _, _| {},
        )
    }

    /// A run of these graphs, wherever they are by now.
    pub(super) fn create_of(&self, names: impl Iterator<Item = String>, full: bool) -> Result<Created> {
        self.create_from(&self.party(), names, full)
    }

    /// A run of graphs that were asked for by name.
    pub(super) fn create_named(&self, names: &[String]) -> Result<Created> {
        let mut listing = Held::of_directory(&self.graphs, Some(STORE.to_owned()))?;
        listing.settled_ms = clock::unix_ms();
        let source = Source { party: &self.party(), listing };
        create(
            &source,
            &self.objects,
            &Plan { graphs: names, full: false, unencrypted: false },
            &mut |_, _, _| {},
        )
    }

    /// [`Fixture::create_of`] by way of another party.
    pub(super) fn create_from(
        &self,
        party: &dyn Party,
        names: impl Iterator<Item = String>,
        full: bool,
    ) -> Result<Created> {
        let mut listing = Held::of_directory(&self.graphs, Some(STORE.to_owned()))?;
        // As GraphHeads tells of a running store.
        listing.settled_ms = clock::unix_ms();
        let heads = std::mem::take(&mut listing.graphs);
        let gone = |name| Head { name, tenant: None, records: 1, sequence: 1, newest_record: None };
        let head = |name: String| {
            let found = heads.iter().find(|head| head.name == name).cloned();
            found.unwrap_or_else(|| gone(name))
        };
        listing.graphs = names.map(head).collect();
        listing.graphs.sort_by(|one, other| one.name.cmp(&other.name));
        let source = Source { party, listing };
        create(&source, &self.objects, &Plan { graphs: &[], full, unencrypted: false }, &mut |_, _, _| {})
    }

    /// Restores [`GRAPH`] into an empty store.
    pub(super) fn restore(&self, point: Point) -> Result<Restored> {
        self.restore_into(&empty(), point, false)
    }

    pub(super) fn restore_into(
        &self,
        graphs: &Arc<GraphStore>,
        point: Point,
        replace: bool,
    ) -> Result<Restored> {
        let listed = Listed::of(&self.objects)?;
        let route = Choice::load(&self.objects, &listed, STORE, None)?.route(GRAPH, point)?;
        let target = DirectoryParty::new("memory", Arc::clone(graphs), None);
        restore(&self.objects, &route, &target, &Name { name: GRAPH, replace }, &mut |_, _| {})
    }

    /// The intact manifests, oldest first.
    pub(super) fn manifests(&self) -> Vec<Manifest> {
        load_all(&self.objects).unwrap().into_iter().map(|run| run.manifest.unwrap()).collect()
    }
}

impl Fixture {
    /// A graph in the newest run.
    pub(super) fn entry(&self, graph: &str) -> Option<GraphEntry> {
        Finder::new(graph).find(&self.objects, self.manifests_but_damaged().last().unwrap()).unwrap()
    }

    /// Writes the manifest of a run again with other entries, as a faulty program would.
    pub(super) fn rewrite(&self, manifest: &Manifest, mut change: impl FnMut(&mut Line)) {
        let object = format!("stores/{STORE}/objects/{}/{:08x}.zst", manifest.run, rand::random::<u32>());
        let mut layer = LayerWriter::new(&self.objects, object).unwrap();
        for GraphEntry { name, tenant, chain, ended, .. } in self.entries(manifest) {
            let mut line = Line { name, tenant, chain, ended, ..Line::default() };
            change(&mut line);
            layer.put(&line).unwrap();
        }
        let layers = layer.finish().unwrap().into_iter().collect();
        withdraw(&self.objects, Some(STORE), &manifest.run).unwrap();
        publish(&self.objects, &Manifest { layers, ..manifest.clone() }).unwrap();
    }

    /// The graphs of a run.
    pub(super) fn entries(&self, manifest: &Manifest) -> Vec<GraphEntry> {
        Entries::open(&self.objects, manifest).unwrap().map(|entry| entry.unwrap()).collect()
    }

    /// Restores every chain of every run on trial; those that are damaged.
    pub(super) fn damaged_chains(&self) -> Vec<(String, Damage)> {
        let (scratch, mut found) = (empty(), Vec::new());
        let manifests = self.manifests_but_damaged();
        for_each_chain(&self.objects, &manifests, |route| {
            let tried = try_chain(&self.objects, &route, &scratch, &mut |_, _| {})?;
            found.extend(tried.damage.map(|damage| (tried.graph, damage)));
            Ok(())
        })
        .unwrap();
        found
    }

    /// The manifests that can be read, oldest first.
    pub(super) fn manifests_but_damaged(&self) -> Vec<Manifest> {
        load_all(&self.objects).unwrap().into_iter().filter_map(|run| run.manifest.ok()).collect()
    }
}
