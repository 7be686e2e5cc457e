//! Random programs on the memory and the RocksDB backend side by side: equal answers, equal errors, equal records.
//!
//! `EG_SEED=NUMBER` repeats a run, `EG_PROGRAMS=NUMBER` sets its length.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use common::{
    dump::{assert_same, check_nothing_unowned, dump},
    program::{Program, ids, names},
    random::{Random, seed},
};
use epistemic_storage::{
    Durability, GraphStore, MemoryStore, StoreError,
    datadir::{DataDir, create_checkpoint},
    graph::Graph,
};

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
                    Ok::<_, StoreError>(())
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
