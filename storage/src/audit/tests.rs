//! Random graphs, random damage of derived records, interrupted repairs.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use proptest::prelude::*;

use super::{Findings, audit, repair, repair_in_batches};
use crate::{
    MemoryStore, StoreError,
    batch::WriteBatch,
    error::Result,
    graph::{GraphCounters, GraphStore, GraphType, Mutation, Op, Write},
    keys,
    rocks::{RocksOptions, RocksStore},
    space::Space,
    store::{BulkLoad, Cursor, Durability, KeyRange, Read, ScanOptions, Store, StoreStats},
};

type Records = Vec<(Space, Vec<u8>, Vec<u8>)>;

fn records(store: &dyn Store) -> Records {
    let mut records = Records::new();
    for space in Space::ALL {
        let mut cursor = store.scan(space, KeyRange::all(), ScanOptions::FORWARD).unwrap();
        while let Some((key, value)) = cursor.next().unwrap() {
            records.push((space, key.to_vec(), value.to_vec()));
        }
    }
    records
}

/// A change of the graph: what, which nodes, which label.
type Step = (u8, u8, u8, String);

/// A wrong change of derived records: what, which record, which bytes.
type Damage = (u8, prop::sample::Index, Vec<u8>);

const NAMES: [&str; 2] = ["first", "second"];

fn fill(graphs: &GraphStore, steps: &[Step]) {
    let id = |number: u8| "n\0".repeat(usize::from(number % 7));
    let mut writes = Vec::new();
    for name in NAMES {
        let create = Op::Create { kind: GraphType::Agent, owner: None, tenant: None };
        writes.push(Write { graph: name.into(), op: create });
    }
    for (what, a, b, label) in steps {
        let mut properties = b"\x81\xa4type".to_vec();
        rmp::encode::write_str(&mut properties, label).unwrap();
        let op = match what % 8 {
            0..3 => Op::One(Mutation::AddNode { id: id(*a), properties }),
            3..6 => Op::One(Mutation::AddEdge { source: id(*a), target: id(*b), properties }),
            6 => Op::One(Mutation::AddEmbedding { node: id(*a), components: vec![*b; 8] }),
            _ => Op::One(Mutation::RemoveNode { id: id(*a) }),
        };
        writes.push(Write { graph: NAMES[usize::from(a % 2)].into(), op });
    }
    // Some are refused: their nodes are not there.
    graphs.commit(&writes, Durability::Sync);
}

fn damage(graphs: &GraphStore, damages: &[Damage]) {
    let store = graphs.store();
    for (what, which, bytes) in damages {
        let graph = graphs.graph(NAMES[which.index(NAMES.len())]).unwrap();
        let space = if what % 2 == 0 { Space::InEdges } else { Space::Labels };
        let prefix = keys::graph(graph.id()).start;
        let there: Vec<_> = records(store)
            .into_iter()
            .filter(|(of, key, _)| *of == space && key.len() > prefix.len() && key.starts_with(&prefix))
            .map(|(_, key, value)| (key, value))
            .collect();
        let mut batch = WriteBatch::new();
        match what / 2 % 4 {
            0 if !there.is_empty() => batch.delete(space, &which.get(&there).0),
            1 => batch.put(space, [&prefix[..], bytes].concat(), bytes),
            2 if !there.is_empty() => {
                let (key, value) = which.get(&there);
                let mut foreign = key.clone();
                *foreign.last_mut().unwrap() ^= 1 | bytes.first().copied().unwrap_or_default();
                // What is moved onto another record's key takes its place.
                batch.put(space, foreign, value);
            }
            3 => damage_state(&mut batch, &graph.counters(), keys::state(graph.id()), bytes),
            _ => {}
        }
        store.commit(batch, Durability::Sync).unwrap();
    }
}

/// Not the sequence number, nor where the ledger begins: greater ones could be true.
fn damage_state(batch: &mut WriteBatch, state: &GraphCounters, key: Vec<u8>, bytes: &[u8]) {
    match bytes {
        [] => batch.delete(Space::Catalog, key),
        [_] => batch.put(Space::Catalog, key, bytes),
        [a, b, ..] => {
            let mut state = GraphCounters { sequence: state.sequence - u64::from(a % 2), ..*state };
            match b % 5 {
                0 => state.nodes = u64::from(*a),
                1 => state.edges = u64::MAX,
                2 => state.ledger_lines = u64::from(*a),
                3 => state.vectors += 1,
                _ => state.components = u64::from(*a),
            }
            batch.put(Space::Catalog, key, state.encode());
        }
    }
}

fn found(store: &dyn Store) -> Findings {
    audit(store, &[], &mut |_| {}).unwrap().found
}

/// Whatever is done to derived records, the audit tells, and a repair puts every byte of the store back.
fn check(store: Box<dyn Store>, steps: &[Step], damages: &[Damage]) -> Result<(), TestCaseError> {
    let graphs = GraphStore::open(store).unwrap();
    fill(&graphs, steps);
    let store = graphs.store();
    let sound = records(store);
    prop_assert!(found(store).is_empty());
    damage(&graphs, damages);
    let differs = records(store) != sound;
    let told = found(store);
    prop_assert_eq!(!told.is_empty(), differs, "{:#?}", told.shown);
    prop_assert_eq!(told.count(), told.repairable, "{:#?}", told.shown);
    let repaired = repair(store, false, &mut |_| {}).unwrap();
    prop_assert_eq!((repaired.repaired, repaired.found.is_empty()), (told, true));
    prop_assert!(found(store).is_empty());
    prop_assert!(records(store) == sound, "a record is not what it was");
    Ok(())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), "[ab\0]?"), 0..60)
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..12);
    prop::collection::vec((any::<u8>(), any::<prop::sample::Index>(), bytes), 0..12)
}

fn rocks(path: &Path) -> Box<dyn Store> {
    let options = RocksOptions { block_cache_bytes: 1 << 20, min_free_bytes: 0, ..RocksOptions::default() };
    RocksStore::open(path, &options).unwrap().into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn derived_records_are_put_back(steps in steps(), damages in damages()) {
        check(MemoryStore::new().into(), &steps, &damages)?;
    }

    #[test]
    fn an_interrupted_repair_is_begun_again(steps in steps(), damages in damages(), commits in 0u64..6) {
        let graphs = GraphStore::open(MemoryStore::new()).unwrap();
        fill(&graphs, &steps);
        let sound = records(graphs.store());
        damage(&graphs, &damages);
        let failing = Failing { store: graphs.store(), commits: AtomicU64::new(commits) };
        match repair_in_batches(&failing, false, 100, &mut |_| {}) {
            Ok(_) => prop_assert!(records(graphs.store()) == sound),
            Err(error) => prop_assert!(error.to_string().contains("cut off"), "{}", error),
        }
        repair(graphs.store(), false, &mut |_| {}).unwrap();
        prop_assert!(records(graphs.store()) == sound, "a record is not what it was");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn derived_records_are_put_back_on_disk(steps in steps(), damages in damages()) {
        let folder = tempfile::tempdir().unwrap();
        check(rocks(folder.path()), &steps, &damages)?;
    }
}

/// A store that fails for ever after a number of commits.
struct Failing<'s> {
    store: &'s dyn Store,
    commits: AtomicU64,
}

impl Read for Failing<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.store.get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.store.contains(space, key)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.store.multi_get(space, keys)
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.store.multi_contains(space, keys)
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        self.store.scan(space, range, options)
    }
}

impl Store for Failing<'_> {
    fn read_view(&self) -> Box<dyn Read + '_> {
        self.store.read_view()
    }

    fn commit(&self, batch: WriteBatch, durability: Durability) -> Result<()> {
        let left =
            self.commits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_err(|_| StoreError::other("cut off"))?;
        self.store.commit(batch, durability)
    }

    fn accepts_writes(&self) -> Result<()> {
        self.store.accepts_writes()
    }

    fn sync(&self) -> Result<()> {
        self.store.sync()
    }

    fn flush(&self) -> Result<()> {
        self.store.flush()
    }

    fn bulk_load(&self) -> Result<Box<dyn BulkLoad + '_>> {
        self.store.bulk_load()
    }

    fn checkpoint(&self, dir: &Path) -> Result<()> {
        self.store.checkpoint(dir)
    }

    fn stats(&self) -> Result<StoreStats> {
        self.store.stats()
    }

    fn size_of(&self, space: Space, range: KeyRange) -> Result<u64> {
        self.store.size_of(space, range)
    }

    fn verify(&self) -> Result<()> {
        self.store.verify()
    }

    fn backend(&self) -> &'static str {
        self.store.backend()
    }
}
