//! Random programs on the memory and the RocksDB backend side by side: equal answers, equal errors, equal records.
//!
//! `EG_SEED=NUMBER` repeats a run, `EG_PROGRAMS=NUMBER` sets its length.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use common::{
    dump::{assert_same, check_nothing_unowned, dump},
    random::{Random, seed},
};
use epistemic_storage::{
    Durability, GraphStore, MemoryStore, StoreError,
    datadir::{DataDir, create_checkpoint},
    graph::{BatchOp, COMMONS, Graph, GraphError, GraphType, LedgerRecord, LoadedGraph, Op, Revision, Write},
    snapshot,
};

fn names() -> Vec<String> {
    ["__commons__", "", "a", "a", "t:a", "t/a", "..", "a\0", "🦀"]
        .map(String::from)
        .into_iter()
        .chain(["n".repeat(4096)])
        .collect()
}

fn ids() -> Vec<String> {
    let short =
        ["", "\0", "\0\u{1}", "a", "a", "a\0", "a\0b", "ab", "a/b", "a:b", "a|b", "é", "🦀", "\u{10ffff}"];
    short.map(String::from).into_iter().chain(["x".repeat(4096)]).collect()
}

fn properties(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => Vec::new(),
        1 => b"\xc1 undecodable".to_vec(),
        2 => b"\x80".to_vec(),
        3 => vec![random.next() as u8; random.below(3000)],
        _ => common::labelled(random.pick(&["", "A", "A\0", "B", "é"])),
    }
}

struct Program {
    random: Random,
    names: Vec<String>,
    ids: Vec<String>,
}

impl Program {
    fn name(&mut self) -> String {
        self.random.pick(&self.names)
    }

    fn id(&mut self) -> String {
        self.random.pick(&self.ids)
    }

    fn kind(&mut self) -> GraphType {
        self.random.pick(&[GraphType::Agent, GraphType::Team, GraphType::Global])
    }

    fn item(&mut self) -> BatchOp {
        match self.random.below(12) {
            0..4 => BatchOp::AddNode { id: self.id(), properties: properties(&mut self.random) },
            4..9 => BatchOp::AddEdge {
                source: self.id(),
                target: self.id(),
                properties: properties(&mut self.random),
            },
            9 => BatchOp::RemoveNode { id: self.id() },
            10 => BatchOp::RemoveEdge { source: self.id(), target: self.id() },
            _ => BatchOp::Rejected("unreadable".into()),
        }
    }

    fn load(&mut self, graphs: &GraphStore) -> LoadedGraph {
        let mut loader = graphs.load();
        let count = self.random.below(self.ids.len());
        for (number, id) in (1..).zip(&self.ids.clone()[..count]) {
            if self.ids[..number as usize - 1].contains(id) {
                continue;
            }
            loader.node(id, number, &properties(&mut self.random)).unwrap();
            loader.edge(id, "", number + 100, b"").unwrap();
            loader.vector(id, &[0; 8]).unwrap();
        }
        loader.ledger(300, LedgerRecord::Text("loaded").encode(7)).unwrap();
        loader.finish().unwrap()
    }

    fn op(&mut self, graphs: &GraphStore, name: &str) -> Op {
        match self.random.below(100) {
            0..10 => Op::Create { kind: self.kind(), owner: Some(self.id()), tenant: None },
            10..13 => Op::Delete,
            13..15 => Op::Clear,
            15..17 => Op::ClearLedger,
            17..18 => Op::Replace(self.load(graphs)),
            18..20 => Op::Install {
                loaded: self.load(graphs),
                kind: self.kind(),
                owner: None,
                replace: self.random.below(2) == 0,
            },
            20..30 => Op::Batch((0..self.random.below(20)).map(|_| self.item()).collect()),
            30..55 => Op::AddNode { id: self.id(), properties: properties(&mut self.random) },
            55..65 => Op::RemoveNode { id: self.id() },
            65..80 => {
                Op::AddEdge { source: self.id(), target: self.id(), properties: properties(&mut self.random) }
            }
            80..86 => {
                let components = vec![0; 4 * self.random.below(3)];
                Op::AddVector { node: self.id(), components }
            }
            86..89 => Op::Touch { nodes: self.some_ids(), now: self.random.below(3) as u64 },
            89..94 => self.revise(graphs, name),
            94..96 => self.fork(graphs),
            _ => Op::RemoveEdge { source: self.id(), target: self.id() },
        }
    }

    fn some_ids(&mut self) -> Vec<String> {
        (0..self.random.below(6)).map(|_| self.id()).collect()
    }

    /// Changes of what is there now, some of them twice, and of what is not there; seldom of another graph's.
    fn revise(&mut self, graphs: &GraphStore, name: &str) -> Op {
        let mut seen = Vec::new();
        let name = if self.random.below(8) == 0 { self.name() } else { name.into() };
        let of = graphs.graph(&name).or_else(|_| graphs.graph(COMMONS)).unwrap().id();
        if let Ok(graph) = graphs.graph(&name) {
            let reader = graphs.latest(&graph);
            let every = 1 + self.random.below(4);
            let mut nodes = reader.node_cursor().unwrap();
            while let Some((id, properties)) = nodes.advance().unwrap() {
                let (id, expected) = (id.to_owned(), properties.to_vec());
                seen.push(Revision::Node { id, expected, properties: self.rewritten() });
            }
            reader
                .for_each_edge(|source, target, sequence, properties| {
                    seen.push(Revision::Edge {
                        source: source.to_owned(),
                        target: target.to_owned(),
                        sequence,
                        expected: properties.to_vec(),
                        properties: self.rewritten(),
                    });
                    Ok(())
                })
                .unwrap();
            seen.retain(|_| self.random.below(every) == 0);
            seen.extend(seen.clone().into_iter().take(2));
        }
        for _ in 0..self.random.below(4) {
            let properties = properties(&mut self.random);
            seen.push(Revision::AddEdge { source: self.id(), target: self.id(), properties });
        }
        Op::Revise { of, changes: seen }
    }

    fn rewritten(&mut self) -> Option<Vec<u8>> {
        (self.random.below(3) > 0).then(|| properties(&mut self.random))
    }

    /// A copy of some graph, or an empty one.
    fn fork(&mut self, graphs: &GraphStore) -> Op {
        let loaded = match graphs.graph(&self.name()) {
            Ok(graph) => graphs.fork(&graph, &|| true).unwrap(),
            Err(_) => graphs.load().finish().unwrap(),
        };
        let replace = self.random.below(2) == 0;
        Op::Install { loaded, kind: self.kind(), owner: Some(self.id()), replace }
    }

    fn group(&mut self, graphs: &GraphStore) -> Vec<Write> {
        let size = 1 + self.random.below(10);
        (0..size)
            .map(|_| {
                let name = self.name();
                let op = self.op(graphs, &name);
                Write { graph: name.into(), op }
            })
            .collect()
    }

    /// The answers to some reads, as text.
    fn reads(&mut self, graphs: &GraphStore) -> Vec<String> {
        (0..5).map(|_| self.read(graphs).unwrap_or_else(|error| format!("error: {error}"))).collect()
    }

    fn read(&mut self, graphs: &GraphStore) -> Result<String, GraphError> {
        let (name, a, b, kind) = (self.name(), self.id(), self.id(), self.random.below(8));
        let graph = graphs.graph(&name)?;
        let reader = graphs.latest(&graph);
        Ok(match kind {
            0 => format!("{:?}", reader.nodes(&[&a, &b, &a])?),
            1 => format!("{:?} {}", reader.edges_between(&a, &b)?, reader.has_edge(&a, &b)?),
            2 => format!("{:?} {:?}", reader.successors(&a)?, reader.predecessors(&a)?),
            3 => format!("{} {} {}", reader.out_degree(&a)?, reader.in_degree(&a)?, reader.has_node(&b)?),
            4 => format!("{:?} {:?}", reader.by_label("all", 0)?, reader.by_label("A\0", 2)?),
            5 => format!("{:?}", reader.ledger_lines()?),
            6 => format!("{:?}", reader.ids_by_label("all", 3)?),
            _ => format!("{:?} {:?}", graph.state(), snapshot::content_digest(graphs, &graph).unwrap()),
        })
    }
}

/// The RocksDB side, which is closed and opened again now and then.
struct OnDisk {
    path: PathBuf,
    open: Option<(GraphStore, DataDir)>,
}

impl OnDisk {
    fn graphs(&self) -> &GraphStore {
        &self.open.as_ref().unwrap().0
    }

    fn reopen(&mut self) {
        self.open = None;
        self.open = Some(common::open(&self.path));
    }
}

fn run(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let memory = GraphStore::open(MemoryStore::new()).unwrap();
    let mut disk = OnDisk { open: Some(common::open(&path)), path };
    let mut program = Program { random: Random::new(seed), names: names(), ids: ids() };
    let mut held: Option<(std::sync::Arc<Graph>, std::sync::Arc<Graph>)> = None;
    for step in 0..60 {
        let told = format!("seed {seed}, step {step}");
        let again = program.random.clone();
        let writes = program.group(&memory);
        let end = std::mem::replace(&mut program.random, again);
        let same = program.group(disk.graphs());
        assert_eq!(
            end.clone().next(),
            program.random.clone().next(),
            "the generator must not depend on the store"
        );
        let durability = program.random.pick(&[Durability::Sync, Durability::Buffered, Durability::Buffered]);
        let left = memory.commit(&writes, durability);
        let right = disk.graphs().commit(&same, durability);
        assert_eq!(left, right, "{told}: {writes:#?}");
        match program.random.below(20) {
            0 => {
                held = None;
                disk.reopen();
                let (left, right) = (dump(&memory).unwrap(), dump(disk.graphs()).unwrap());
                assert_same(&left, &right, &told);
            }
            1 | 2 => {
                let (graphs, dir) = disk.open.as_ref().unwrap();
                create_checkpoint(dir, graphs.store(), 1).unwrap();
            }
            3 | 4 => {
                let (left, right) = (memory.reclaim().unwrap(), disk.graphs().reclaim().unwrap());
                // A reopened store has forgotten which loads were refused before they wrote anything.
                assert!(left >= right, "{told}: {left} reclaimed in memory, {right} on disk");
            }
            5 => {
                let name = program.name();
                held = memory.graph(&name).ok().map(|graph| (graph, disk.graphs().graph(&name).unwrap()));
            }
            _ => {}
        }
        if let Some((left, right)) = &held {
            let digest = |graphs: &GraphStore, graph: &Graph| -> Result<String, StoreError> {
                let mut seen = String::new();
                graphs.latest(graph).for_each_edge(|source, target, sequence, value| {
                    seen.push_str(&format!("{source:?} {target:?} {sequence} {value:?}\n"));
                    Ok(())
                })?;
                Ok(seen)
            };
            assert_eq!(digest(&memory, left), digest(disk.graphs(), right), "{told}: a held graph");
        }
        let again = program.random.clone();
        let left = program.reads(&memory);
        program.random = again;
        assert_eq!(left, program.reads(disk.graphs()), "{told}");
    }
    drop(held);
    disk.reopen();
    let told = format!("seed {seed}, at the end");
    assert_same(&dump(&memory).unwrap(), &dump(disk.graphs()).unwrap(), &told);
    for graphs in [&memory, disk.graphs()] {
        graphs.reclaim().unwrap();
        check_nothing_unowned(graphs).unwrap();
        dump(graphs).unwrap();
    }
    disk.graphs().store().verify().unwrap();
}

#[test]
fn random_programs_agree() {
    let first = seed();
    let programs =
        std::env::var("EG_PROGRAMS").map_or(16, |text| text.parse().expect("EG_PROGRAMS is a number"));
    for seed in first..first + programs {
        run(seed);
    }
}
