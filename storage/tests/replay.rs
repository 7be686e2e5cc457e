//! Random changes of a graph, carried to a copy on the other backend by snapshots and replays in random slices: the copy is
//! equal, and a copy that is not has other digests.
//!
//! `EG_SEED=NUMBER` repeats a run, `EG_PROGRAMS=NUMBER` sets its length.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{
    dump::{GraphDump, dump},
    program::{Program, ids},
    random::{Random, seed},
};
use epistemic_storage::{
    Durability, GraphStore, MemoryStore, Space, WriteBatch,
    backend::{KeyRange, ScanOptions},
    graph::{Graph, GraphError, MoveOp, Op, Write},
    snapshot::{ImportTarget, content_digest, export, import},
};

const NAME: &str = "g";
const MOVE: &str = "m1";

type Records = Vec<(u64, Vec<u8>)>;

struct Carried {
    source: GraphStore,
    copy: GraphStore,
    random: Random,
    snapshots: usize,
    told: String,
}

fn write(op: Op) -> Write {
    Write { graph: NAME.into(), op }
}

fn replay(records: Records) -> Write {
    write(Op::Move(MoveOp::Replay { move_id: MOVE.into(), copy: None, records }))
}

/// The graph without what a copy does not share.
fn content(graphs: &GraphStore) -> GraphDump {
    let mut found = dump(graphs).unwrap().remove(NAME).unwrap();
    (found.owner, found.standing, found.arrived) = (None, None, None);
    found
}

impl Carried {
    fn original(&self) -> Arc<Graph> {
        self.source.graph(NAME).unwrap()
    }

    fn held(&self) -> Arc<Graph> {
        self.copy.graph_in_any_state(NAME).unwrap()
    }

    fn snapshot(&mut self) {
        let mut bytes = Vec::new();
        export(&self.source, &self.original(), &mut bytes, &mut |_| {}).unwrap();
        let target = ImportTarget {
            name: Some(NAME.into()),
            replace: false,
            move_id: Some(MOVE.into()),
            ..ImportTarget::default()
        };
        import(&self.copy, &bytes[..], &target, &mut |_| {}).unwrap();
        self.snapshots += 1;
    }

    /// Brings the copy nearer to the original; says whether they are at the same number now.
    fn catch_up(&mut self) -> bool {
        let newest = self.original().counters().sequence;
        while self.held().counters().sequence < newest {
            if self.random.below(10) == 0 {
                return false;
            }
            match self.slices() {
                Ok(slices) => {
                    let results = self.copy.commit(&slices, Durability::Buffered);
                    let Some(refusal) = results.into_iter().find_map(Result::err) else { continue };
                    assert!(matches!(refusal, GraphError::NotReplayable { .. }), "{}: {refusal}", self.told);
                }
                Err(GraphError::LedgerTruncated { complete_from, .. }) => {
                    assert!(self.held().counters().sequence + 1 < complete_from, "{}", self.told);
                }
                Err(error) => panic!("{}: {error}", self.told),
            }
            self.snapshot();
        }
        true
    }

    /// What follows the copy in one to three slices, which may overlap what it holds and each other.
    fn slices(&mut self) -> Result<Vec<Write>, GraphError> {
        let (original, held) = (self.original(), self.held().counters().sequence);
        let mut slices = Vec::new();
        let mut after = held;
        for _ in 0..1 + self.random.below(3) {
            let max_bytes = self.random.below(5000);
            let back = self.random.below(4) as u64;
            let records = match self.source.changes(&original, after.saturating_sub(back), max_bytes) {
                Err(GraphError::LedgerTruncated { .. }) => {
                    self.source.changes(&original, after, max_bytes)?.records
                }
                changes => changes?.records,
            };
            after = records.last().map_or(after, |(sequence, _)| after.max(*sequence));
            slices.push(replay(records));
        }
        Ok(slices)
    }

    /// A slice behind a gap is refused and changes nothing.
    fn refuses_gaps(&mut self) {
        let (original, held) = (self.original(), self.held().counters());
        if let Ok(changes) = self.source.changes(&original, held.sequence + 1, 1)
            && !changes.records.is_empty()
        {
            let results = self.copy.commit(&[replay(changes.records)], Durability::Buffered);
            assert!(matches!(results[0], Err(GraphError::MoveConflict { .. })), "{}: {results:?}", self.told);
            assert_eq!(self.held().counters(), held, "{}", self.told);
        }
    }

    fn compare(&mut self) {
        let (original, held, told) = (self.original(), self.held(), self.told.clone());
        let state = original.counters();
        assert_eq!(state, held.counters(), "{told}");
        let digest = |graphs, graph| content_digest(graphs, graph).unwrap();
        assert_eq!(digest(&self.source, &original), digest(&self.copy, &held), "{told}");
        assert!(content(&self.source) == content(&self.copy), "{told}: records differ");
        let first = state.complete_from.saturating_sub(1);
        let ledger = |graphs: &GraphStore, graph| graphs.changes(graph, first, usize::MAX).unwrap();
        assert_eq!(ledger(&self.source, &original), ledger(&self.copy, &held), "{told}: ledger with times");
        for after in [first, first + self.random.below((state.sequence - first) as usize + 1) as u64] {
            let digest = |graphs: &GraphStore, graph| graphs.tail_digest(graph, after).unwrap();
            assert_eq!(digest(&self.source, &original), digest(&self.copy, &held), "{told}: behind {after}");
            if after == 0 || self.random.below(4) == 0 {
                self.altered(after);
            }
        }
    }

    /// Alters a record of the copy and puts it back: the digests must tell.
    fn altered(&mut self, after: u64) {
        let (original, held) = (self.original(), self.held());
        let Some((space, key, value)) = self.some_record(&held) else { return };
        let deleted = self.random.below(3) == 0;
        let mut batch = WriteBatch::new();
        match (deleted, value.split_last()) {
            (true, _) => batch.delete(space, &key),
            (false, Some((last, rest))) => batch.put(space, &key, [rest, &[last ^ 1]].concat()),
            (false, None) => batch.put(space, &key, [1]),
        }
        let told = format!("{}: {space} {key:?} altered, deleted {deleted}, behind {after}", self.told);
        let expected = content_digest(&self.source, &original).unwrap();
        self.copy.store().commit(batch, Durability::Buffered).unwrap();
        // Incoming edges are derived, the ledger is compared as what changed.
        if matches!(space, Space::Nodes | Space::OutEdges | Space::Vectors) {
            let found = content_digest(&self.copy, &held);
            assert!(!found.is_ok_and(|found| found.digest == expected.digest), "{told}");
        }
        let number = || u64::from_be_bytes(*key.last_chunk().unwrap());
        if after == 0 || (space == Space::Ledger && number() >= after) {
            let expected = self.source.tail_digest(&original, after).unwrap();
            assert!(self.copy.tail_digest(&held, after) != Ok(expected), "{told}");
        }
        let mut batch = WriteBatch::new();
        batch.put(space, key, value);
        self.copy.store().commit(batch, Durability::Buffered).unwrap();
    }

    fn some_record(&mut self, graph: &Graph) -> Option<(Space, Vec<u8>, Vec<u8>)> {
        let spaces = [Space::Nodes, Space::OutEdges, Space::InEdges, Space::Vectors, Space::Ledger];
        let space = self.random.pick(&spaces);
        let range = KeyRange::prefix(&graph.id().number().to_be_bytes());
        let mut cursor = self.copy.store().scan(space, range, ScanOptions::FORWARD).unwrap();
        let mut found = Vec::new();
        while let Some((key, value)) = cursor.next().unwrap() {
            found.push((space, key.to_vec(), value.to_vec()));
        }
        (!found.is_empty()).then(|| self.random.pick(&found))
    }
}

/// `calm`: without changes that a ledger does not tell.
fn some_writes(program: &mut Program, source: &GraphStore, calm: bool) -> Vec<Write> {
    if !calm && program.random.below(40) == 0 {
        return vec![write(program.whole(source))];
    }
    let count = 1 + program.random.below(8);
    let changes = (0..count).map(|_| program.change(source, NAME));
    changes.filter(|op| !calm || !matches!(op, Op::ClearLedger)).map(write).collect()
}

fn run(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let (disk, _dir) = common::open(folder.path());
    let memory = GraphStore::open(MemoryStore::new()).unwrap();
    let (source, copy) = if seed.is_multiple_of(2) { (memory, disk) } else { (disk, memory) };
    let mut program = Program { random: Random::new(seed), names: vec![NAME.into()], ids: ids() };
    let calm = (seed / 2).is_multiple_of(2);
    common::create(&source, NAME);
    copy.write(NAME, Op::Move(MoveOp::Arrive { move_id: MOVE.into(), from: "there".into() })).unwrap();
    let random = Random::new(!seed);
    let mut carried = Carried { source, copy, random, snapshots: 0, told: String::new() };
    let (begin, mut compared) = (program.random.below(30), 0);
    for step in 0..60 {
        carried.told = format!("seed {seed}, step {step}");
        let writes = some_writes(&mut program, &carried.source, calm);
        carried.source.commit(&writes, Durability::Buffered);
        if step == begin {
            carried.snapshot();
        }
        if step >= begin && carried.random.below(2) == 0 {
            carried.refuses_gaps();
            if carried.catch_up() {
                carried.compare();
                compared += 1;
            }
        }
    }
    while !carried.catch_up() {}
    carried.compare();
    assert!(
        compared > 0 && (!calm || carried.snapshots == 1),
        "seed {seed}: {compared}, {}",
        carried.snapshots
    );
    served_alike(carried, &mut program);
}

/// The copy, served now, takes writes as the original does.
fn served_alike(carried: Carried, program: &mut Program) {
    let sequence = carried.held().counters().sequence;
    let admit = MoveOp::Admit { move_id: MOVE.into(), copy: None, sequence, epoch: None, rename: None };
    carried.copy.write(NAME, Op::Move(admit)).unwrap();
    for _ in 0..20 {
        let again = program.random.clone();
        let op = program.change(&carried.source, NAME);
        program.random = again;
        let mut same = program.change(&carried.copy, NAME);
        if let (Op::Conditional { of, .. }, Op::Conditional { of: found, .. }) = (&mut same, &op) {
            assert!(*of == carried.held().id() && *found == carried.original().id());
        }
        assert_eq!(carried.source.write(NAME, op), carried.copy.write(NAME, same), "{}", carried.told);
    }
    assert!(content(&carried.source) == content(&carried.copy), "{}: records differ", carried.told);
}

#[test]
fn a_replayed_copy_is_equal() {
    let first = seed();
    let programs =
        std::env::var("EG_PROGRAMS").map_or(12, |text| text.parse().expect("EG_PROGRAMS is a number"));
    for seed in first..first + programs {
        run(seed);
    }
}
